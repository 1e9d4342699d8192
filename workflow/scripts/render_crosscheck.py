"""Rule ``render_crosscheck``: the tables of the cross-check as HTML and text."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.render_crosscheck import render_crosscheck

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "render_crosscheck"):
    render_crosscheck(
        inputs=dict(snakemake.input),
        html=snakemake.output.html,
        text=snakemake.output.text,
        campaign=snakemake.params.campaign,
    )
