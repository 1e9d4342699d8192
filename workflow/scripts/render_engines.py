"""Rule ``render_engines``: what pairs of engines agree on, as HTML and text."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.render_engines import render_engines

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "render_engines"):
    render_engines(
        pairs=snakemake.input.pairs,
        html=snakemake.output.html,
        text=snakemake.output.text,
        campaign=snakemake.params.campaign,
    )
