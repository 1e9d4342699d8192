"""Rule ``render_sampling``: verdicts and tests of every set as HTML."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.render_sampling import render_sampling

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "render_sampling"):
    render_sampling(
        tests=list(snakemake.input.tests),
        verdicts=list(snakemake.input.verdicts),
        html=snakemake.output[0],
        campaign=snakemake.params.campaign,
    )
