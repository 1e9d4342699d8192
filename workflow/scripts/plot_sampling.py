"""Rule ``plot_sampling``: -TS as rows are added in random order."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_sampling import plot_sampling

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_sampling"):
    plot_sampling(
        curves=snakemake.input.curves,
        tests=snakemake.input.tests,
        output=snakemake.output[0],
        level=snakemake.wildcards.level,
    )
