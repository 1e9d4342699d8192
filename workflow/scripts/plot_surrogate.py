"""Rule ``plot_surrogate``: errors over the share of rows that were computed."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_surrogate import plot_surrogate

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_surrogate"):
    plot_surrogate(validation=snakemake.input.validation, output=snakemake.output[0])
