"""Rule ``tabulate_crosscheck``: the cross-check of all configurations in four tables."""

from typing import TYPE_CHECKING

from confvib.stages.job import job
from confvib.stages.tabulate_crosscheck import tabulate_crosscheck

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0], "tabulate_crosscheck"):
    tabulate_crosscheck(
        free_energies=list(snakemake.input.free_energies),
        codes=list(snakemake.input.codes),
        outputs=dict(snakemake.output),
        params=dict(snakemake.params),
    )
