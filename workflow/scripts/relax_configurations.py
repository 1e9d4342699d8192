"""Rule ``relax_configurations``: one chunk of configurations to relaxed cells."""

from typing import TYPE_CHECKING

from confvib.stages.devices import on_devices
from confvib.stages.job import job
from confvib.stages.relax_configurations import relax_configurations

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SET, CHUNK = snakemake.wildcards.set, snakemake.wildcards.chunk

with job(snakemake.log[0], f"relax {SET}/{CHUNK}") as progress:
    on_devices(
        relax_configurations,
        n_devices=snakemake.resources.gpu,
        progress=progress,
        structure=snakemake.input.structure,
        configurations=snakemake.input.configurations,
        # Empty when the reference itself drives the stage.
        model=str(snakemake.input.model) or None,
        output=snakemake.output.relaxed,
        params=dict(snakemake.params),
        batch_size=snakemake.resources.batch_size,
    )
