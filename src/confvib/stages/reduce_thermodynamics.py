"""Stage ``reduce_thermodynamics``: every configuration's energies to Z, S and G."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confvib.stages.ensembles import canonical, convergence_rows, nothing, published
from confvib.stages.job import Progress
from confvib.stages.population import Level, Population, read_population
from confvib.tables.contracts import CONVERGENCE, THERMODYNAMICS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect


def reduce_thermodynamics(
    inputs: Mapping[str, Sequence[str]],
    thermodynamics: str,
    convergence: str,
    set_name: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Reduce one set, or the union of all, in both conventions and at every level.

    Args:
        inputs: Paths of the ``configurations``, ``relaxed``, ``harmonic`` and
            ``dynamics`` tables.
        thermodynamics: The ``thermodynamics`` table to write.
        convergence: The ``convergence`` table to write.
        set_name: Name of the set, or ``all``.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    settings = params["settings"]
    population = read_population(inputs, params["expected"], params["equivalence"])
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for level in _levels(population, settings["temperatures_K"]):
        about = {
            "set": set_name,
            "equivalence": params["equivalence"],
            "seed": params["seed"],
            **settings,
        }
        if not level.config_ids:
            rows += [
                nothing(population, level, name, about)
                for name in ("canonical", "published")
            ]
            continue
        rows += [canonical(population, level, about), published(population, level, about)]
        curves += convergence_rows(population, level, set_name)
    paths = [path for kind in inputs.values() for path in kind]
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=paths,
        equivalence=params["equivalence"],
    )
    write_table(thermodynamics, THERMODYNAMICS, rows, provenance)
    write_table(convergence, CONVERGENCE, curves, provenance)
    used = {
        row["level"]: row["n_used"] for row in rows if row["convention"] == "canonical"
    }
    progress.say(
        f"{len(population.relaxed)} of {len(population.multiplicity)} configurations "
        f"selected; used per level: {used}; {time.monotonic() - started:.1f} s"
    )


def _levels(population: Population, temperatures_K: Sequence[float]) -> Iterator[Level]:
    """Yield the levels: conf and conf+harmonic anywhere, conf+md where MD was run."""
    for temperature_K in temperatures_K:
        yield population.conf(temperature_K)
    for temperature_K in temperatures_K:
        yield population.conf_harmonic(temperature_K)
    for temperature_K in sorted(population.dynamics):
        yield population.conf_md(temperature_K)
