"""Rule ``select_frames``: the labelled frames that are least like each other."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.select_frames import select_frames

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"select {snakemake.wildcards.selection}") as progress:
    select_frames(
        labels=list(snakemake.input.labels),
        dataset=snakemake.input.dataset,
        output=snakemake.output.selection,
        params=dict(snakemake.params),
        progress=progress,
    )
