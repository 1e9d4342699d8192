"""Rule ``plot_crosscheck``: four free energies of each configuration."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_crosscheck import plot_crosscheck

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_crosscheck"):
    plot_crosscheck(
        free_energies=snakemake.input.free_energies, output=snakemake.output[0]
    )
