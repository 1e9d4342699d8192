"""Rule ``compare_phases``: G of the campaign's crystal against G of other phases."""

from typing import TYPE_CHECKING

from confvib.stages.compare_phases import compare_phases
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "compare_phases") as progress:
    compare_phases(
        inputs={
            "campaign": snakemake.input.campaign,
            "phases": list(snakemake.input.phases),
            "structures": list(snakemake.input.structures),
        },
        stability=snakemake.output.stability,
        crossing=snakemake.output.crossings,
        params=dict(snakemake.params),
        progress=progress,
    )
