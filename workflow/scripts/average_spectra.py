"""Rule ``average_spectra``: mean and spread of the spectra of a set."""

from typing import TYPE_CHECKING

from confvib.stages.average_spectra import average_spectra
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"spectra {snakemake.wildcards.set}") as progress:
    average_spectra(
        inputs={
            kind: list(snakemake.input[kind])
            for kind in ("configurations", "relaxed", "harmonic", "dynamics")
        },
        output=snakemake.output.spectra,
        set_name=snakemake.wildcards.set,
        params=dict(snakemake.params),
        progress=progress,
    )
