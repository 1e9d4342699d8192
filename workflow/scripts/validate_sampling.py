"""Rule ``validate_sampling``: does a set have enough rows for its temperature."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.validate_sampling import validate_sampling

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "validate_sampling") as progress:
    validate_sampling(
        convergence=snakemake.input.convergence,
        relaxed=snakemake.input.relaxed,
        outputs=dict(snakemake.output),
        set_name=snakemake.wildcards.set,
        params=dict(snakemake.params),
        progress=progress,
    )
