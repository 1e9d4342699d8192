"""Rule ``score_committee``: relaxed cells of a chunk to energies of a committee."""

from typing import TYPE_CHECKING

from confvib.stages.devices import on_devices
from confvib.stages.job import job
from confvib.stages.score_committee import score_committee

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SET, CHUNK = snakemake.wildcards.set, snakemake.wildcards.chunk

with job(snakemake.log[0], f"committee {SET}/{CHUNK}") as progress:
    on_devices(
        score_committee,
        n_devices=snakemake.resources.gpu,
        progress=progress,
        structure=snakemake.input.structure,
        relaxed=snakemake.input.relaxed,
        models=list(snakemake.input.models),
        output=snakemake.output.committee,
        params=dict(snakemake.params),
        batch_size=snakemake.resources.batch_size,
    )
