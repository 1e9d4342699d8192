"""Rule ``check_engine``: settings and pseudopotentials of VASP."""

from typing import TYPE_CHECKING

from confvib.stages.check_engine import check_engine
from confvib.stages.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "check VASP") as progress:
    check_engine(
        output=snakemake.output.found,
        params=dict(snakemake.params),
        resources=dict(snakemake.resources),
        progress=progress,
    )
