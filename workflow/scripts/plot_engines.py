"""Rule ``plot_engines``: energies of every pair of engines against each other."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_engines import plot_engines

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_engines"):
    plot_engines(
        engines=list(snakemake.input.engines),
        pairs=snakemake.input.pairs,
        output=snakemake.output[0],
    )
