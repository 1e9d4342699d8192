"""Stage ``tabulate_crosscheck``: cross-check of all configurations, and verdict."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from confvib.dynamics.state import Status
from confvib.tables.crosscheck_contracts import (
    AGREEMENT,
    CODES,
    FREE_ENERGIES,
    METHODS,
    NOISE_GATE,
)
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect
from confvib.thermo.agreement import agreement, pooled_stderr_eV, precision
from confvib.units import BOLTZMANN_EV_PER_K

Rows = Sequence[Mapping[str, Any]]


def tabulate_crosscheck(
    free_energies: Sequence[str],
    codes: Sequence[str],
    outputs: Mapping[str, str],
    params: Mapping[str, Any],
) -> None:
    """Collect all configurations; compare methods with each other and with k_B T.

    Args:
        free_energies: The ``free_energies`` table of every configuration.
        codes: The ``codes`` table of every configuration.
        outputs: Paths of the four tables by name.
        params: Parameters of the rule.
    """
    started = time.monotonic()
    expected = params["expected"]
    rows = _collected(free_energies, FREE_ENERGIES, expected)
    provenance = collect(
        params["config_hash"], started=started, inputs=[*free_energies, *codes]
    )
    write_table(outputs["free_energies"], FREE_ENERGIES, rows, provenance)
    write_table(outputs["codes"], CODES, _collected(codes, CODES, expected), provenance)
    write_table(outputs["noise_gate"], NOISE_GATE, noise_gate_rows(rows), provenance)
    write_table(outputs["agreement"], AGREEMENT, agreement_rows(rows), provenance)


def _collected(paths: Sequence[str], schema: Any, config_hash: str) -> Rows:
    return [
        row for path in paths for row in read_table(path, schema, config_hash).to_pylist()
    ]


def noise_gate_rows(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield what each method with noise needs to pass the noise gate.

    Args:
        rows: Rows of ``crosscheck_free_energies``.
    """
    for temperature_K in _temperatures(rows):
        for method in METHODS[1:]:
            chosen = _of(rows, temperature_K, method)
            usable = [row for row in chosen if row["status"] == Status.OK]
            row = {
                **dict.fromkeys(column.name for column in NOISE_GATE.columns),
                "temperature_K": temperature_K,
                "method": method,
                "n_used": len(usable),
                "n_refused": len(chosen) - len(usable),
                "status": Status.FAILED.value,
                "reason": "no configuration has this free energy",
            }
            yield row | (_needed(usable, temperature_K) if usable else {})


def _needed(usable: Rows, temperature_K: float) -> dict[str, Any]:
    """Return the noise of one method and the sampling that passes the gate."""
    blocks = [row["stderr_blocking_eV"] for row in usable]
    by_seeds = pooled_stderr_eV([row["seeds_eV"] for row in usable])
    stderr_eV = max(by_seeds, float(np.sqrt(np.mean(np.square(blocks)))))
    found = precision(stderr_eV, temperature_K)
    first = usable[0]
    n_seeds = len(first["seeds_eV"])
    return {
        "sampled_fs": first["sampled_fs"],
        "n_seeds": n_seeds,
        "n_steps": first["n_steps"],
        "stderr_eV": stderr_eV,
        "stderr_over_kT": found.stderr_over_kT,
        "passed": found.passed,
        "sampled_fs_needed": first["sampled_fs"] * found.effort,
        "n_seeds_needed": max(1, math.ceil(n_seeds * found.effort)),
        "n_steps_needed": first["n_steps"] * found.effort,
        "status": Status.OK.value,
        "reason": "",
    }


def agreement_rows(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield how far every two methods are apart on the configurations that have both.

    Args:
        rows: Rows of ``crosscheck_free_energies``.
    """
    for temperature_K in _temperatures(rows):
        for other, method in combinations(METHODS, 2):
            pairs = _both(rows, temperature_K, method, other)
            row = {
                **dict.fromkeys(column.name for column in AGREEMENT.columns),
                "temperature_K": temperature_K,
                "method": method,
                "other": other,
                "n_used": len(pairs),
                "status": Status.FAILED.value,
                "reason": "no configuration has both free energies",
            }
            yield row | (_apart(pairs, temperature_K) if pairs else {})


def _apart(
    pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], temperature_K: float
) -> dict[str, Any]:
    columns = [
        [row[name] for row in side]
        for side in zip(*pairs, strict=True)
        for name in ("free_energy_eV", "stderr_eV")
    ]
    found = agreement(*columns)
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    per_atom = 1e3 / pairs[0][0]["n_atoms"]
    several = len(pairs) > 1
    return {
        "difference_meV_per_atom": found.mean_eV * per_atom,
        "difference_stderr_meV_per_atom": found.mean_stderr_eV * per_atom,
        "pairs_over_kT": found.pairs_eV / kT_eV if several else None,
        "pairs_noise_over_kT": found.pairs_noise_eV / kT_eV if several else None,
        "status": Status.OK.value,
        "reason": "",
    }


def _temperatures(rows: Rows) -> list[float]:
    return sorted({row["temperature_K"] for row in rows})


def _of(rows: Rows, temperature_K: float, method: str) -> list[Mapping[str, Any]]:
    return [
        row
        for row in rows
        if row["temperature_K"] == temperature_K and row["method"] == method
    ]


def _both(
    rows: Rows, temperature_K: float, method: str, other: str
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    others = {row["config_id"]: row for row in _of(rows, temperature_K, other)}
    pairs = [(row, others[row["config_id"]]) for row in _of(rows, temperature_K, method)]
    return [pair for pair in pairs if all(row["status"] == Status.OK for row in pair)]
