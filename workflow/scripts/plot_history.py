"""Rule ``plot_history``: losses and errors over the epochs."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_history import plot_history

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_history"):
    plot_history(
        history=snakemake.input.history,
        output=snakemake.output[0],
        role=snakemake.wildcards.model,
    )
