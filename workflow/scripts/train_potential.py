"""Rule ``train_potential``: labels to one SO3krates force field."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.train_potential import train_potential

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"train {snakemake.wildcards.model}") as progress:
    train_potential(
        inputs={
            **dict(snakemake.input),
            "selection": snakemake.input.get("selection") or None,
        },
        model=snakemake.output.model,
        history=snakemake.output.history,
        role=snakemake.wildcards.model,
        params=dict(snakemake.params),
        resources=dict(snakemake.resources),
        progress=progress,
    )
