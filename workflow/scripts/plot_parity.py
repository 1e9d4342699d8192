"""Rule ``plot_parity``: predictions against labels."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_parity import plot_parity

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_parity"):
    plot_parity(
        predictions=snakemake.input.predictions,
        metrics=snakemake.input.metrics,
        output=snakemake.output[0],
        role=snakemake.wildcards.model,
    )
