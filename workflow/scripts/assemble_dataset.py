"""Rule ``assemble_dataset``: which labelled frames a force field may use."""

from typing import TYPE_CHECKING

from confvib.stages.assemble_dataset import assemble_dataset
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"data set {snakemake.wildcards.potential}") as progress:
    assemble_dataset(
        labels=list(snakemake.input.labels),
        output=snakemake.output.dataset,
        params=dict(snakemake.params),
        progress=progress,
    )
