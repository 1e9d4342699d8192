"""Rule ``plot_phase_stability``: differences of G over temperature."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.plot_phase_stability import plot_phase_stability

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "plot_phase_stability"):
    plot_phase_stability(
        stability=snakemake.input.stability,
        crossings=snakemake.input.crossings,
        output=snakemake.output[0],
        phase=snakemake.wildcards.phase,
        engine=snakemake.params.engine,
    )
