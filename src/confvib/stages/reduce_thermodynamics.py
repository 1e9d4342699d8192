"""Stage ``reduce_thermodynamics``: every configuration's energies to Z, S and G."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from confvib.stages.ensembles import (
    convergence_columns,
    results,
    share_rows,
    thermodynamic_row,
    used_per_level,
)
from confvib.stages.job import Progress
from confvib.stages.level_sums import Settings, sum_levels
from confvib.stages.set_facts import set_facts
from confvib.tables.parquet import write_columns, write_table
from confvib.tables.provenance import collect
from confvib.tables.thermodynamics_contracts import CONVERGENCE, SHARES, THERMODYNAMICS


def reduce_thermodynamics(
    inputs: Mapping[str, Sequence[str]],
    outputs: Mapping[str, str],
    set_name: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Reduce one set, or the union of all, in both conventions and at every level.

    Args:
        inputs: Paths of the ``configurations``, ``relaxed``, ``harmonic``, ``dynamics``
            and ``committee`` tables.
        outputs: Paths of the ``thermodynamics``, ``convergence`` and ``shares`` tables.
        set_name: Name of the set, or ``all``.
        params: Parameters of the rule.
        progress: Where to report.

    Raises:
        TableError: A table is missing, damaged or foreign, or does not belong into one
            sum with the others; the message names files and rows.
    """
    started = time.monotonic()
    settings, expected = params["settings"], params["expected"]
    facts = set_facts(
        inputs["configurations"], expected["configurations"], params["equivalence"]
    )
    found = sum_levels(
        inputs,
        expected,
        facts,
        Settings(
            temperatures_K=settings["temperatures_K"],
            bootstrap_samples=settings["bootstrap_samples"],
            seed=params["seed"],
        ),
    )
    about = {
        "set": set_name,
        "equivalence": params["equivalence"],
        "min_coverage": settings["min_coverage"],
    }
    every = list(results(found))
    rows = [thermodynamic_row(found, result, about) for result in every]
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=[path for kind in inputs.values() for path in kind],
        equivalence=params["equivalence"],
    )
    write_table(outputs["thermodynamics"], THERMODYNAMICS, rows, provenance)
    write_table(
        outputs["shares"],
        SHARES,
        [row for result in every for row in share_rows(found, result, about)],
        provenance,
    )
    write_columns(
        outputs["convergence"],
        CONVERGENCE,
        (
            convergence_columns(found, result, set_name)
            for result in every
            if result.sums is not None
        ),
        provenance,
    )
    progress.say(
        f"{sum(each.n_orbits for each in facts.values()):,.0f} configurations in "
        f"{len(facts)} set(s); used per level: {used_per_level(rows)}; "
        f"{time.monotonic() - started:.1f} s"
    )
