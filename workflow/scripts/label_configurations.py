"""Rule ``label_configurations``: one chunk of configurations to reference labels."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.label_configurations import label_configurations

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TASK, CHUNK = snakemake.wildcards.task, snakemake.wildcards.chunk

with job(snakemake.log[0], f"label {TASK}/{CHUNK}") as progress:
    label_configurations(
        structure=snakemake.input.structure,
        configurations=snakemake.input.configurations[0],
        output=snakemake.output.labels,
        task=TASK,
        params=dict(snakemake.params),
        resources=dict(snakemake.resources),
        progress=progress,
    )
