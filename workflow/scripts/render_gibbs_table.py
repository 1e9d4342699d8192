"""Rule ``render_gibbs_table``: thermodynamic tables as a page and as text."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.render_gibbs_table import render_gibbs_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "render_gibbs_table"):
    render_gibbs_table(
        thermodynamics=list(snakemake.input.thermodynamics),
        shares=list(snakemake.input.shares),
        html=snakemake.output.html,
        text=snakemake.output.text,
        params=dict(snakemake.params),
    )
