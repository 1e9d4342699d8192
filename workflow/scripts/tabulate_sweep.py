"""Rule ``tabulate_sweep``: errors of all trainings of a sweep in one table."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.tabulate_sweep import tabulate_sweep

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "tabulate_sweep"):
    tabulate_sweep(
        metrics=list(snakemake.input.metrics),
        output=snakemake.output.sweep,
        sweep=snakemake.wildcards.sweep,
        params=dict(snakemake.params),
    )
