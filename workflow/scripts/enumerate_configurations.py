"""Rule ``enumerate_configurations``: one set to its distinct arrangements."""

from typing import TYPE_CHECKING

from confvib.stages.enumerate_configurations import enumerate_configurations
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"enumerate {snakemake.wildcards.set}") as progress:
    enumerate_configurations(
        structure=snakemake.input.structure,
        output=snakemake.output.configurations,
        set_name=snakemake.wildcards.set,
        params=dict(snakemake.params),
        progress=progress,
    )
