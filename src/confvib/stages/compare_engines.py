"""Stage ``compare_engines``: energies, orders and forces of every pair of engines."""

import itertools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from ase.geometry import find_mic

from confvib.errors import ThermodynamicsError
from confvib.stages.job import Progress
from confvib.tables.engine_contracts import ENGINE_ENERGIES, ENGINE_PAIRS, GEOMETRIES
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect
from confvib.thermo.rankings import force_agreement, ranking
from confvib.units import BOLTZMANN_EV_PER_K

Row = dict[str, Any]
Table = dict[str, Row]
"""The rows of one engine at one geometry by configuration."""


def compare_engines(
    engines: Sequence[str], output: str, params: Mapping[str, Any], progress: Progress
) -> None:
    """Compare all pairs of engines at every geometry they have.

    Args:
        engines: The ``engine_energies`` tables, in the order of the engines.
        output: The ``engine_pairs`` table.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    tables = {
        name: read_table(path, ENGINE_ENERGIES, expected).to_pylist()
        for name, path, expected in zip(
            params["names"], engines, params["expected"], strict=True
        )
    }
    rows: list[Row] = []
    for pair in itertools.combinations(tables, 2):
        for geometry in GEOMETRIES:
            first, other = (
                {
                    row["config_id"]: row
                    for row in tables[name]
                    if row["geometry"] == geometry
                }
                for name in pair
            )
            if not first or not other:
                continue
            row = _pair(pair, (first, other), geometry, params)
            rows.append(row)
            progress.say(
                f"{' and '.join(pair)}, {geometry}: "
                + (row["reason"] or f"Spearman {row['spearman']:.2f}")
            )
    provenance = collect(params["config_hash"], started=started, inputs=list(engines))
    write_table(output, ENGINE_PAIRS, rows, provenance)


def _pair(
    names: tuple[str, str],
    tables: tuple[Table, Table],
    geometry: str,
    params: Mapping[str, Any],
) -> Row:
    settings, (first, other) = params["settings"], tables
    good = [
        config_id
        for config_id, row in first.items()
        if row["status"] == other[config_id]["status"] == "ok"
    ]
    lost = Counter(
        f"{name}: {row['status']}"
        for name, table in zip(names, tables, strict=True)
        for row in table.values()
        if row["status"] != "ok"
    )
    blank = dict.fromkeys(column.name for column in ENGINE_PAIRS.columns)
    row = blank | {
        "set": params["set"],
        "engine": names[0],
        "other": names[1],
        "geometry": geometry,
        "temperature_K": settings["temperature_K"],
        "n_atoms": len(first[good[0]]["numbers"]) if good else None,
        "n_selected": len(first),
        "n_rows": len(good),
        "left_out": ", ".join(f"{count} {what}" for what, count in lost.items()),
        "status": "ok",
        "reason": "",
    }
    rows = tuple([table[config_id] for config_id in good] for table in tables)
    try:
        return row | _numbers(rows, geometry, params)
    except ThermodynamicsError as error:
        return row | {"status": "failed", "reason": str(error)}


def _numbers(
    rows: tuple[Sequence[Row], ...], geometry: str, params: Mapping[str, Any]
) -> Row:
    settings = params["settings"]
    energies = [np.array([row["energy_eV"] for row in each]) for each in rows]
    if not energies[0].size:
        raise ThermodynamicsError("no configuration that both engines have")
    found = ranking(
        *energies, n_resamples=settings["bootstrap_samples"], seed=params["seed"]
    )
    numbers = asdict(found) | {
        "rms_over_kT": found.rms_eV / (BOLTZMANN_EV_PER_K * settings["temperature_K"]),
        "spread_ratio": (
            found.spread_other_eV / found.spread_eV if found.spread_eV > 0 else None
        ),
    }
    if geometry == "own":
        return numbers | _displacements(rows)
    forces = force_agreement(
        *(np.concatenate([row["forces_eV_per_A"] for row in each]) for each in rows)
    )
    return numbers | {
        "force_rms_eV_per_A": forces.rms_eV_per_A,
        "force_rms_other_eV_per_A": forces.rms_other_eV_per_A,
        "force_difference_eV_per_A": forces.difference_eV_per_A,
        "force_cosine": None if np.isnan(forces.cosine) else forces.cosine,
    }


def _displacements(rows: tuple[Sequence[Row], ...]) -> Row:
    """Return how far both minima of a configuration lie apart, drift taken off."""
    distances = []
    for row, other in zip(*rows, strict=True):
        moved = np.subtract(other["positions"], row["positions"]).reshape(-1, 3)
        vectors, _ = find_mic(moved, np.reshape(row["cell"], (3, 3)))
        distances.append(np.linalg.norm(vectors - vectors.mean(axis=0), axis=1))
    every = np.concatenate(distances)
    return {
        "displacement_rms_A": float(np.sqrt(np.mean(every**2))),
        "displacement_max_A": float(every.max()),
    }
