"""Rule ``render_phase_stability``: differences of G as HTML and text."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.render_phase_stability import render_phase_stability

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "render_phase_stability"):
    render_phase_stability(
        stability=snakemake.input.stability,
        crossings=snakemake.input.crossings,
        html=snakemake.output.html,
        text=snakemake.output.text,
        params=dict(snakemake.params),
    )
