"""Rule ``compute_normal_modes``: one chunk of relaxed cells to harmonic free energies."""

from typing import TYPE_CHECKING

from confvib.stages.compute_normal_modes import compute_normal_modes
from confvib.stages.devices import on_devices
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SET, CHUNK = snakemake.wildcards.set, snakemake.wildcards.chunk

with job(snakemake.log[0], f"modes {SET}/{CHUNK}") as progress:
    on_devices(
        compute_normal_modes,
        n_devices=snakemake.resources.gpu,
        progress=progress,
        structure=snakemake.input.structure,
        relaxed=snakemake.input.relaxed,
        # Empty when the reference itself drives the stage.
        model=str(snakemake.input.model) or None,
        output=snakemake.output.harmonic,
        params=dict(snakemake.params),
        columns_per_batch=snakemake.resources.columns_per_batch,
    )
