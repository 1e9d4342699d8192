"""Rule ``crosscheck_configuration``: free energies of one cell by four methods."""

from typing import TYPE_CHECKING

from confvib.stages.crosscheck_configuration import crosscheck_configuration
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"cross-check {snakemake.wildcards.chunk}") as progress:
    crosscheck_configuration(
        structure=snakemake.input.structure,
        relaxed=list(snakemake.input.relaxed),
        # Empty when the reference itself drives the stage.
        model=str(snakemake.input.model) or None,
        outputs=dict(snakemake.output),
        params=dict(snakemake.params),
        progress=progress,
    )
