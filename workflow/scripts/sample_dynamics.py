"""Rule ``sample_dynamics``: one chunk of relaxed cells to spectra and F_vib at T."""

from typing import TYPE_CHECKING

from confvib.stages.devices import on_devices
from confvib.stages.job import job
from confvib.stages.sample_dynamics import sample_dynamics

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SET, CHUNK = snakemake.wildcards.set, snakemake.wildcards.chunk

with job(
    snakemake.log[0], f"dynamics {SET}/{CHUNK} at {snakemake.wildcards.temperature} K"
) as progress:
    on_devices(
        sample_dynamics,
        n_devices=snakemake.resources.gpu,
        progress=progress,
        structure=snakemake.input.structure,
        relaxed=snakemake.input.relaxed,
        # Empty when the reference itself drives the stage.
        model=str(snakemake.input.model) or None,
        output=snakemake.output.dynamics,
        params=dict(snakemake.params),
        batch_size=snakemake.resources.batch_size,
    )
