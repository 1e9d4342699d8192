"""Rule ``validate_surrogate``: what few computed rows say of the others."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.validate_surrogate import validate_surrogate

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "validate_surrogate") as progress:
    validate_surrogate(
        structure=snakemake.input.structure,
        inputs={
            kind: list(snakemake.input.get(kind, []))
            for kind in ("configurations", "relaxed", "harmonic", "dynamics")
        },
        output=snakemake.output.validation,
        params=dict(snakemake.params),
        progress=progress,
    )
