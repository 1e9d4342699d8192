"""Rule ``compare_engines``: energies, orders and forces of every pair of engines."""

from typing import TYPE_CHECKING

from confvib.stages.compare_engines import compare_engines
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "compare_engines") as progress:
    compare_engines(
        engines=list(snakemake.input.engines),
        output=snakemake.output.pairs,
        params=dict(snakemake.params),
        progress=progress,
    )
