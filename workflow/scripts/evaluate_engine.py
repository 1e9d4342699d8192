"""Rule ``evaluate_engine``: one engine's energies of the configurations compared."""

from typing import TYPE_CHECKING

from confvib.stages.evaluate_engine import evaluate_engine
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"engine {snakemake.wildcards.engine}") as progress:
    evaluate_engine(
        structure=snakemake.input.structure,
        configurations=snakemake.input.configurations[0],
        first=list(snakemake.input.first),
        output=snakemake.output.energies,
        params=dict(snakemake.params),
        resources=dict(snakemake.resources),
        progress=progress,
    )
