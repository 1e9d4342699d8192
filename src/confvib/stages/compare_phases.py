"""Stage ``compare_phases``: G of the campaign's crystal against G of other phases."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from confvib.stages.job import Progress
from confvib.stages.selection import parent_of
from confvib.tables.parquet import read_table, write_table
from confvib.tables.phase_contracts import PHASE_CROSSINGS, PHASE_STABILITY
from confvib.tables.provenance import collect
from confvib.tables.thermodynamics_contracts import THERMODYNAMICS
from confvib.thermo.phase_stability import crossings, difference
from confvib.units import BOLTZMANN_EV_PER_K

Row = dict[str, Any]
Key = tuple[str, str, float]
_MILLI = 1e3
_MIXED = ("conf", "conf+md")
"""The paper also set G_conf of the disordered phase against F_vib of the ordered one."""


def compare_phases(
    inputs: Mapping[str, Any],
    stability: str,
    crossing: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Write differences of G per atom and the temperatures at which they change sign.

    Args:
        inputs: Path of the campaign's ``thermodynamics`` as ``campaign``; those of the
            phases and the CIFs of their crystals as ``phases`` and ``structures``.
        stability: The ``phase_stability`` table to write.
        crossing: The ``phase_crossings`` table to write.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    expected = params["expected"]
    ours = _rows(inputs["campaign"], expected["campaign"])
    rows: list[Row] = []
    for about, path, structure, config_hash in zip(
        params["phases"],
        inputs["phases"],
        inputs["structures"],
        expected["phases"],
        strict=True,
    ):
        theirs = _rows(path, config_hash)
        n_atoms = _atoms(structure, about)
        rows += _differences(ours, theirs, about, n_atoms, params["atoms_per_formula"])
    curves = list(_crossings(rows))
    paths = [inputs["campaign"], *inputs["phases"]]
    provenance = collect(params["config_hash"], started=started, inputs=paths)
    write_table(stability, PHASE_STABILITY, rows, provenance)
    write_table(crossing, PHASE_CROSSINGS, curves, provenance)
    for row in curves:
        progress.say(_said(row))


def _rows(path: str, config_hash: str) -> dict[Key, Row]:
    table = read_table(path, THERMODYNAMICS, config_hash)
    return {
        (row["convention"], row["level"], row["temperature_K"]): row
        for row in table.to_pylist()
    }


def _atoms(structure: str, about: Mapping[str, Any]) -> int:
    """Return the atoms of the phase's cell."""
    parent = parent_of(structure, about["crystal"])
    ions = sum(
        about["counts"][group.name] for group in parent.groups if group.species != "X"
    )
    return len(parent.framework_numbers) + ions


def _differences(
    ours: Mapping[Key, Row],
    theirs: Mapping[Key, Row],
    about: Mapping[str, Any],
    n_atoms: int,
    atoms_per_formula: int,
) -> Iterator[Row]:
    """Yield a row for each level and temperature that both phases have.

    A value that was reported for a level that one of them lacks is a row, too.
    """
    reported = {
        (each["level"], each["phase_level"], each["temperature_K"]): each["meV_per_atom"]
        for each in about["reported"]
    }
    wanted = {
        (convention, level, level, temperature_K): None
        for convention, level, temperature_K in ours
        if (convention, level, temperature_K) in theirs
    }
    wanted |= {
        ("published", *_MIXED, temperature_K): None
        for convention, level, temperature_K in ours
        if (convention, level) == ("published", "conf")
        and (convention, "conf+md", temperature_K) in theirs
    }
    wanted |= {("published", *key): None for key in reported}
    for convention, level, phase_level, temperature_K in wanted:
        row = {
            **dict.fromkeys(column.name for column in PHASE_STABILITY.columns),
            "phase": about["phase"],
            "convention": convention,
            "level": level,
            "phase_level": phase_level,
            "temperature_K": temperature_K,
            "force_fields": about["force_fields"][phase_level],
        }
        if convention == "published":
            key = (level, phase_level, temperature_K)
            row["reported_meV_per_atom"] = reported.get(key)
        one = ours.get((convention, level, temperature_K))
        other = theirs.get((convention, phase_level, temperature_K))
        if one is None or other is None:
            lacking = "the campaign" if one is None else about["phase"]
            wrong = level if one is None else phase_level
            row["status"] = "missing"
            row["reason"] = f"{lacking} has no {wrong} at {temperature_K:g} K"
            yield row
            continue
        noise = theirs.get(("canonical", phase_level, temperature_K), {})
        errors = _stderr(one, {}, 0), _stderr(other, noise, n_atoms)
        yield row | _compared(one, other, errors, atoms_per_formula, about["phase"])


def _stderr(row: Row, canonical: Mapping[str, Any], n_atoms: int) -> float:
    """Return the error of G [eV/atom]; NaN if it is not known.

    A phase of one configuration has no error of sampling, and so none in its table;
    what remains is the noise of its run, which the canonical row has.
    """
    if row["G_stderr_eV_per_atom"] is not None:
        return row["G_stderr_eV_per_atom"]
    if row["n_configurations"] != 1:
        return math.nan
    if row["level"] != "conf+md":
        return 0.0
    noise = canonical.get("noise_sigma_over_kT")
    if row["convention"] != "canonical" or noise is None or not n_atoms:
        return math.nan
    return noise * BOLTZMANN_EV_PER_K * row["temperature_K"] / n_atoms


def _compared(
    one: Row,
    other: Row,
    errors: tuple[float, float],
    atoms_per_formula: int,
    phase: str,
) -> Row:
    def change(name: str, unit: float = 1.0) -> float | None:
        if one[name] is None or other[name] is None:
            return None
        return unit * (one[name] - other[name])

    found: Row = {
        "set": one["set"],
        "phase_set": other["set"],
        "G_eV_per_atom": one["G_eV_per_atom"],
        "G_stderr_eV_per_atom": _or_null(errors[0]),
        "phase_G_eV_per_atom": other["G_eV_per_atom"],
        "phase_G_stderr_eV_per_atom": _or_null(errors[1]),
        "delta_average_meV_per_atom": change("average_eV_per_atom", _MILLI),
        "delta_minus_TS_meV_per_atom": change("minus_TS_eV_per_atom", _MILLI),
        "delta_S_meV_per_atom_K": change("S_meV_per_atom_K"),
        "delta_S_vib_meV_per_atom_K": change("S_vib_meV_per_atom_K"),
        **_objections(one, other, phase),
    }
    if one["G_eV_per_atom"] is None or other["G_eV_per_atom"] is None:
        return found
    delta, stderr = difference(
        (one["G_eV_per_atom"], errors[0]), (other["G_eV_per_atom"], errors[1])
    )
    return found | {
        "delta_G_meV_per_atom": _MILLI * delta,
        "delta_G_stderr_meV_per_atom": _or_null(_MILLI * stderr),
        "delta_G_eV_per_formula": atoms_per_formula * delta,
    }


def _objections(one: Row, other: Row, phase: str) -> Row:
    """Return what was to be said against the rows, against the campaign's first."""
    found = [
        (row["status"], f"{name}: {row['reason']}")
        for name, row in (("campaign", one), (phase, other))
        if row["status"] != "ok"
    ]
    return {
        "status": found[0][0] if found else "ok",
        "reason": "; ".join(reason for _, reason in found),
    }


def _or_null(value: float) -> float | None:
    return None if math.isnan(value) else value


def _crossings(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the crossings of every curve, or a row that says that it has none."""

    def curve(row: Row) -> tuple[str, ...]:
        names = ("phase", "convention", "level", "phase_level")
        return tuple(row[name] for name in names)

    for (phase, convention, level, phase_level), group in groupby(
        sorted(rows, key=curve), key=curve
    ):
        points = sorted(
            (row for row in group if row["delta_G_meV_per_atom"] is not None),
            key=lambda row: row["temperature_K"],
        )
        about = {
            **dict.fromkeys(column.name for column in PHASE_CROSSINGS.columns),
            "phase": phase,
            "convention": convention,
            "level": level,
            "phase_level": phase_level,
            "n_points": len(points),
        }
        yield from _crossings_of(points, about, phase)


def _crossings_of(points: Sequence[Row], about: Row, phase: str) -> Iterator[Row]:
    if len(points) < 2:
        reason = f"{len(points)} temperature(s): a curve needs two"
        yield about | {"status": "too_few", "reason": reason}
        return
    T, delta, stderr = (
        np.array([row[name] for row in points], dtype=np.float64)
        for name in (
            "temperature_K",
            "delta_G_meV_per_atom",
            "delta_G_stderr_meV_per_atom",
        )
    )
    found = crossings(T, delta / _MILLI, stderr / _MILLI)
    if not found:
        stable = "the campaign's crystal" if delta.sum() < 0 else phase
        reason = f"{stable} is the stable one from {T[0]:g} to {T[-1]:g} K"
        yield about | {"status": "no_crossing", "reason": reason}
    objections = sorted({row["status"] for row in points} - {"ok"})
    for each in found:
        yield about | {
            "temperature_K": each.temperature_K,
            "temperature_stderr_K": _or_null(each.stderr_K),
            "slope_meV_per_atom_K": _MILLI * each.slope_eV_per_K,
            "stable_below": "campaign" if each.first_below else "phase",
            "status": "objections" if objections else "ok",
            "reason": f"rows of the curve are {', '.join(objections)}"
            if objections
            else "",
        }


def _said(row: Row) -> str:
    levels = dict.fromkeys((row["level"], row["phase_level"]))
    title = f"{row['phase']}, {row['convention']}, {' against '.join(levels)}"
    if row["temperature_K"] is None:
        return f"{title}: {row['reason']}"
    error = row["temperature_stderr_K"]
    known = "" if error is None else f" ± {error:.0f}"
    return f"{title}: equally stable at {row['temperature_K']:.0f}{known} K"
