"""Rule ``plot_learning_curve``: errors over the number of training frames."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_learning_curve import plot_learning_curve

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_learning_curve"):
    plot_learning_curve(sweep=snakemake.input.sweep, output=snakemake.output[0])
