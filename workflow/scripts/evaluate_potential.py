"""Rule ``evaluate_potential``: a force field's errors on frames it was not trained on."""

from typing import TYPE_CHECKING

from confvib.stages.evaluate_potential import evaluate_potential
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"evaluate {snakemake.wildcards.model}") as progress:
    evaluate_potential(
        inputs={
            **dict(snakemake.input),
            "selection": snakemake.input.get("selection") or None,
        },
        outputs=dict(snakemake.output),
        role=snakemake.wildcards.model,
        params=dict(snakemake.params),
        progress=progress,
    )
