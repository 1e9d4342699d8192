"""Rule ``plot_accuracy``: errors of every configuration against k_B T, and weights."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_accuracy import plot_accuracy

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_accuracy"):
    plot_accuracy(
        configurations=snakemake.input.configurations,
        errors=snakemake.input.errors,
        output=snakemake.output[0],
    )
