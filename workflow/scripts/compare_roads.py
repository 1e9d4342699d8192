"""Rule ``compare_roads``: force field and reference on the same configurations."""

from typing import TYPE_CHECKING

from confvib.stages.compare_roads import compare_roads
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

KINDS = ("configurations", "relaxed", "harmonic")

with job(snakemake.log[0], "compare_roads") as progress:
    compare_roads(
        structure=snakemake.input.structure,
        given={kind: list(snakemake.input[kind]) for kind in KINDS},
        exact={kind: list(snakemake.input[f"exact_{kind}"]) for kind in KINDS},
        outputs=dict(snakemake.output),
        params=dict(snakemake.params),
        progress=progress,
    )
