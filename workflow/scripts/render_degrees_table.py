"""Rule ``render_degrees_table``: errors for each set of degrees, as HTML and text."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.render_degrees_table import render_degrees_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "render_degrees_table"):
    render_degrees_table(
        sweep=snakemake.input.sweep,
        html=snakemake.output.html,
        text=snakemake.output.text,
        campaign=snakemake.params.campaign,
    )
