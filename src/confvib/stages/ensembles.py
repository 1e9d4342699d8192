"""Sums of a set, or of several, to rows of ``thermodynamics`` and its companions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from confvib.stages.level_sums import LevelKey, OfSet, Reduction, Running
from confvib.stages.set_facts import SetFacts
from confvib.stages.sums import CanonicalSums, PublishedSums, Tally
from confvib.stages.verdict import failures, verdict
from confvib.tables.thermodynamics_contracts import SHARES, THERMODYNAMICS
from confvib.thermo.bootstrap import canonical_errors, published_errors
from confvib.thermo.convergence import canonical_convergence, published_convergence
from confvib.thermo.reliability import freezing
from confvib.thermo.uncertainty import EnsembleErrors
from confvib.units import BOLTZMANN_EV_PER_K

Row = dict[str, Any]
_MILLI = 1e3


@dataclass(frozen=True)
class Result:
    """One convention of one level at one temperature, over all sets of a reduction.

    Attributes:
        convention: ``canonical`` or ``published``.
        level: ``conf``, ``conf+harmonic`` or ``conf+md``.
        temperature_K: Temperature.
        tally: Rows of all sets.
        sums: Of all sets; None if no row entered.
        of_set: Sums and tally of each set.
    """

    convention: str
    level: str
    temperature_K: float
    tally: Tally
    sums: CanonicalSums | PublishedSums | None
    of_set: Mapping[str, tuple[Tally, Any]]


def results(found: Reduction) -> Iterator[Result]:
    """Yield every result of a reduction, level by level, canonical first."""
    for key in found.sums:
        for convention in ("canonical", "published"):
            yield _result(found, key, convention)


def _result(found: Reduction, key: LevelKey, convention: str) -> Result:
    def running(sums: OfSet) -> Running:
        return sums.canonical if convention == "canonical" else sums.published

    of_set = {
        name: (running(sums).tally, _scaled(running(sums), found.facts[name]))
        for name, sums in found.sums[key].items()
    }
    parts = [sums for _, sums in of_set.values() if sums is not None]
    return Result(
        convention=convention,
        level=key[0],
        temperature_K=key[1],
        tally=reduce(Tally.merged, (tally for tally, _ in of_set.values())),
        sums=reduce(lambda one, other: one.merged(other), parts) if parts else None,
        of_set=of_set,
    )


def _scaled(running: Running, facts: SetFacts) -> Any:
    total = running.total()
    return None if total is None else total.standing_for(facts)


def thermodynamic_row(found: Reduction, result: Result, about: Mapping[str, Any]) -> Row:
    """Return the row of ``thermodynamics``.

    ``average`` is the mean of a_i, so that G = average - T S holds row by row in both
    conventions; the vibrational entropy inside a_i has columns of its own.
    """
    row = _coverage(found, result, about)
    if result.sums is None:
        reason = f"no usable row: {failures(result.tally)}"
        return row | {"status": "failed", "reason": reason}
    if isinstance(result.sums, CanonicalSums):
        row |= _canonical(result.sums, found.n_atoms)
    else:
        row |= _published(result.sums)
    return row | verdict(row, result.tally, about["min_coverage"])


def _canonical(sums: CanonicalSums, n: int) -> Row:
    """Energies per cell, multiplicities, S = (U - F) / T."""
    ensemble, T = sums.ensemble, sums.ensemble.temperature_K
    entropy = ensemble.configurational_entropy_eV_per_K
    errors = canonical_errors(sums.resamples)
    if sums.noise is not None:
        errors = errors.beside(sums.noise.errors())
    freeze = freezing(ensemble)
    heat = ensemble.heat_capacity_eV_per_K
    n_microstates = ensemble.n_microstates
    return {
        "log_Z": ensemble.log_Z,
        "average_eV_per_atom": (ensemble.free_energy_eV + T * entropy) / n,
        "S_meV_per_atom_K": _MILLI * entropy / n,
        "minus_TS_eV_per_atom": -T * entropy / n,
        "G_eV_per_atom": ensemble.free_energy_eV / n,
        **_error_columns(errors, n),
        "S_vib_meV_per_atom_K": _MILLI * ensemble.vibrational_entropy_eV_per_K / n,
        "S_total_meV_per_atom_K": _MILLI * ensemble.entropy_eV_per_K / n,
        "S_ideal_meV_per_atom_K": _MILLI * BOLTZMANN_EV_PER_K * np.log(n_microstates) / n,
        "C_meV_per_atom_K": None if np.isnan(heat) else _MILLI * heat / n,
        "U_eV_per_atom": ensemble.internal_energy_eV / n,
        "F_shift_eV_per_atom": ensemble.free_energy_shift_eV / n,
        **_spread_columns(sums, n),
        "ess": ensemble.ess,
        "n99": sums.ladder.n99(T),
        "p_max": ensemble.p_max,
        "sigma_eV": freeze.width_eV,
        "log_Z_second_order": freeze.second_order_log_Z,
        "frozen": freeze.frozen if ensemble.n_configurations > 1 else None,
        **_noise_columns(sums, n),
    }


def _published(sums: PublishedSums) -> Row:
    """Per-atom Boltzmann factors, no multiplicities, k ln Z."""
    ensemble = sums.ensemble
    # Rungs hold energies per cell; the published factors want them per atom.
    n99 = sums.ladder.n99(ensemble.temperature_K * sums.n_atoms)
    return {
        "log_Z": ensemble.log_Z,
        "average_eV_per_atom": ensemble.average_eV_per_atom,
        "S_meV_per_atom_K": _MILLI * ensemble.entropy_eV_per_atom_K,
        "minus_TS_eV_per_atom": ensemble.minus_TS_eV_per_atom,
        "G_eV_per_atom": ensemble.G_eV_per_atom,
        **_error_columns(published_errors(sums.resamples), 1),
        "ess": ensemble.ess,
        "n99": n99,
        "p_max": ensemble.p_max,
    }


def _error_columns(errors: EnsembleErrors, n: int) -> Row:
    return {
        "average_stderr_eV_per_atom": _or_null(errors.average_eV / n),
        "S_stderr_meV_per_atom_K": _or_null(_MILLI * errors.entropy_eV_per_K / n),
        "G_stderr_eV_per_atom": _or_null(errors.free_energy_eV / n),
    }


def _or_null(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _spread_columns(sums: CanonicalSums, n: int) -> Row:
    """Return how far the members of the committee are apart, over the same rows."""
    committee = sums.committee
    if committee is None:
        return {"n_members": 0}
    spread = committee.spread()
    return {
        "n_members": committee.n_members,
        "average_spread_eV_per_atom": spread.average_eV / n,
        "S_spread_meV_per_atom_K": _MILLI * spread.entropy_eV_per_K / n,
        "G_spread_eV_per_atom": spread.free_energy_eV / n,
        "pairs_spread_over_kT": _or_null(committee.pairs_over_kT),
    }


def _noise_columns(sums: CanonicalSums, n: int) -> Row:
    """Return the verdict of the noise gate; only canonical weights are gated."""
    if sums.noise is None:
        return {}
    T = sums.ensemble.temperature_K
    return {
        "noise_gate": "passed" if sums.noise.passed else "refused",
        "noise_sigma_over_kT": sums.noise.rms_over_kT,
        "noise_bias_eV_per_atom": BOLTZMANN_EV_PER_K * T * sums.noise.bias_log_Z / n,
    }


def _coverage(found: Reduction, result: Result, about: Mapping[str, Any]) -> Row:
    """Return a row with its coverage filled in and no thermodynamics yet."""
    tally = result.tally
    sets = [found.facts[name] for name in result.of_set]
    return {
        **dict.fromkeys(column.name for column in THERMODYNAMICS.columns),
        "set": about["set"],
        "equivalence": about["equivalence"],
        "convention": result.convention,
        "level": result.level,
        "temperature_K": result.temperature_K,
        "n_configurations": sum(each.n_eligible(result.convention) for each in sets),
        "n_selected": tally.n_selected,
        "n_used": tally.n_used,
        "n_failed": tally.n_selected - tally.n_used,
        "n_left_basin": tally.n_left_basin,
        "n_shared_minimum": tally.n_shared(),
        "coverage_rows": tally.n_used / tally.n_selected if tally.n_selected else 0.0,
        "coverage_multiplicity": tally.covered / sum(each.n_microstates for each in sets),
        "noise_gate": "not_applicable",
    }


def share_rows(
    found: Reduction, result: Result, about: Mapping[str, Any]
) -> Iterator[Row]:
    """Yield what part of the weight each set carries."""
    for name, (tally, sums) in result.of_set.items():
        row = {
            **dict.fromkeys(column.name for column in SHARES.columns),
            "set": about["set"],
            "member": name,
            "convention": result.convention,
            "level": result.level,
            "temperature_K": result.temperature_K,
            "n_used": tally.n_used,
        }
        if sums is None or result.sums is None:
            reason = f"no usable row: {failures(tally)}"
            yield row | {"status": "failed", "reason": reason}
            continue
        yield row | {
            **_share(sums, result.sums, found.n_atoms),
            "status": "ok",
            "reason": "",
        }


def _share(part: Any, whole: Any, n_atoms: int) -> Row:
    of_resamples = np.exp(part.resamples.log_sum - whole.resamples.log_sum)
    known = of_resamples[np.isfinite(of_resamples)]
    one, all_ = part.ensemble, whole.ensemble
    if isinstance(part, CanonicalSums):
        kT_eV = part.resamples.kT_eV
        log_share = -(one.free_energy_eV - all_.free_energy_eV) / kT_eV
        G = one.free_energy_eV / n_atoms
    else:
        apart = one.lowest_eV_per_atom - all_.lowest_eV_per_atom
        log_share = one.log_Z - all_.log_Z - apart / part.resamples.kT_eV
        G = one.G_eV_per_atom
    return {
        "share": float(np.exp(log_share)),
        "share_stderr": float(known.std(ddof=1)) if known.size > 1 else None,
        "G_eV_per_atom": G,
    }


def convergence_columns(found: Reduction, result: Result, set_name: str) -> Row:
    """Return -TS and G as rows are added in order of energy.

    Args:
        found: The reduction.
        result: One with at least a row.
        set_name: Name of the set, or ``all``.
    """
    assert result.sums is not None
    ladder, n, T = result.sums.ladder, found.n_atoms, result.temperature_K
    if result.convention == "canonical":
        curve = canonical_convergence(ladder.energy_eV, ladder.weight, T, n_atoms=n)
    else:
        curve = published_convergence(
            ladder.energy_eV, T, n_atoms=n, n_rows=ladder.n_rows
        )
    return {
        "set": set_name,
        "convention": result.convention,
        "level": result.level,
        "temperature_K": T,
        "rank": np.cumsum(ladder.n_rows).astype(np.int64),
        "energy_eV_per_atom": curve.energy_eV / n,
        "weight": ladder.weight,
        "minus_TS_eV_per_atom": curve.minus_TS_conf_eV_per_atom,
        "G_eV_per_atom": curve.G_eV_per_atom,
        "status": "ok",
        "reason": "",
    }


def used_per_level(rows: Sequence[Row]) -> dict[str, int]:
    """Return how many configurations entered at each level."""
    return {
        row["level"]: row["n_used"] for row in rows if row["convention"] == "canonical"
    }
