"""Rule ``plot_selection_gain``: random against chosen training frames."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_selection_gain import plot_selection_gain

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_selection_gain"):
    plot_selection_gain(sweep=snakemake.input.sweep, output=snakemake.output[0])
