"""Rule ``render_dataset``: what a data set holds and how it is split, as a page."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.render_dataset import render_dataset

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"page of data set {snakemake.wildcards.potential}"):
    render_dataset(
        dataset=snakemake.input.dataset,
        html=snakemake.output.html,
        text=snakemake.output.text,
        role=snakemake.wildcards.potential,
        params=dict(snakemake.params),
    )
