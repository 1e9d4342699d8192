"""Rule ``predict_configurations``: E and F of every row from those computed."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.predict_configurations import predict_configurations

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "predict_configurations") as progress:
    predict_configurations(
        structure=snakemake.input.structure,
        inputs={
            kind: list(snakemake.input.get(kind, []))
            for kind in ("configurations", "relaxed", "harmonic", "dynamics")
        },
        predictions=snakemake.output.predictions,
        ensembles=snakemake.output.ensembles,
        params=dict(snakemake.params),
        progress=progress,
    )
