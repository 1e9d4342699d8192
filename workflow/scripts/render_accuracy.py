"""Rule ``render_accuracy``: what the force field's errors do, as HTML and text."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.render_accuracy import render_accuracy

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "render_accuracy"):
    render_accuracy(
        errors=snakemake.input.errors,
        html=snakemake.output.html,
        text=snakemake.output.text,
        campaign=snakemake.params.campaign,
    )
