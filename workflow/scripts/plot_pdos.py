"""Rule ``plot_pdos``: phonon density of states at every temperature."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_pdos import plot_pdos

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_pdos"):
    plot_pdos(spectra=snakemake.input.spectra, output=snakemake.output[0])
