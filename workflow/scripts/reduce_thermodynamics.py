"""Rule ``reduce_thermodynamics``: all tables of a set to Z, S and G."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.reduce_thermodynamics import reduce_thermodynamics

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], f"reduce {snakemake.wildcards.set}") as progress:
    reduce_thermodynamics(
        inputs={
            kind: list(snakemake.input[kind])
            for kind in (
                "configurations",
                "relaxed",
                "harmonic",
                "dynamics",
                "committee",
            )
        },
        outputs=dict(snakemake.output.items()),
        set_name=snakemake.wildcards.set,
        params=dict(snakemake.params),
        progress=progress,
    )
