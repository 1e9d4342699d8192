"""Rule ``plot_free_energies``: distribution of energies, convergence of -TS."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_free_energies import plot_free_energies

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_free_energies"):
    plot_free_energies(
        convergence=snakemake.input.convergence,
        output=snakemake.output[0],
        level=snakemake.wildcards.level,
    )
