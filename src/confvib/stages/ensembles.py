"""One level at one temperature to rows of the ``thermodynamics`` and its curves."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.stages.population import Level, Population
from confvib.stages.verdict import failures, verdict
from confvib.tables.contracts import THERMODYNAMICS
from confvib.thermo.bootstrap import bootstrap_canonical, bootstrap_published
from confvib.thermo.convergence import canonical_convergence, published_convergence
from confvib.thermo.degeneracy import n_shared_minima
from confvib.thermo.partition import (
    CanonicalEnsemble,
    Vibrations,
    canonical_ensemble,
)
from confvib.thermo.published import published_ensemble
from confvib.thermo.reliability import freezing, noise_gate
from confvib.thermo.sampling import effective_sample_size, n_covering
from confvib.thermo.uncertainty import EnsembleErrors, propagated_errors
from confvib.units import BOLTZMANN_EV_PER_K

Row = dict[str, Any]
_MILLI = 1e3


def canonical(population: Population, level: Level, about: Mapping[str, Any]) -> Row:
    """Return the canonical row: energies per cell, multiplicities, S = (U - F) / T.

    ``average`` is the mean of a_i, so that G = average - T S_conf holds row by row in
    both conventions; the vibrational entropy inside a_i has columns of its own.
    """
    weights = population.weights(level.config_ids)
    vibrations = Vibrations(
        level.free_energy_eV - level.energy_eV, level.vibrational_entropy_eV_per_K
    )
    ensemble = canonical_ensemble(
        level.energy_eV,
        weights,
        level.temperature_K,
        n_atoms=population.n_atoms,
        vibrations=vibrations,
    )
    n, T = population.n_atoms, level.temperature_K
    entropy = ensemble.configurational_entropy_eV_per_K
    row = {
        **_empty(population, level, "canonical", about),
        "log_Z": ensemble.log_Z,
        "average_eV_per_atom": (ensemble.free_energy_eV + T * entropy) / n,
        "S_meV_per_atom_K": _MILLI * entropy / n,
        "minus_TS_eV_per_atom": -T * entropy / n,
        "G_eV_per_atom": ensemble.free_energy_eV / n,
        "S_vib_meV_per_atom_K": _MILLI * ensemble.vibrational_entropy_eV_per_K / n,
        "S_total_meV_per_atom_K": _MILLI * ensemble.entropy_eV_per_K / n,
        "U_eV_per_atom": ensemble.internal_energy_eV / n,
        "F_shift_eV_per_atom": ensemble.free_energy_shift_eV / n,
        "ess": ensemble.ess,
        "n99": ensemble.n99,
        "p_max": ensemble.p_max,
    }
    if len(level.config_ids) > 1:
        errors = _errors(population, level, ensemble, weights, about)
        row |= {
            "average_stderr_eV_per_atom": errors.average_eV / n,
            "S_stderr_meV_per_atom_K": _MILLI
            * errors.configurational_entropy_eV_per_K
            / n,
            "G_stderr_eV_per_atom": errors.free_energy_eV / n,
            "frozen": freezing(level.free_energy_eV, weights, T).frozen,
        }
    return row | verdict(row, level, about["min_coverage"])


def _errors(
    population: Population,
    level: Level,
    ensemble: CanonicalEnsemble,
    weights: NDArray[np.float64],
    about: Mapping[str, Any],
) -> EnsembleErrors:
    """Return the errors of <a>, S_conf and F: of sampling, and of the rows' noise."""
    # With a_i as the energies of a static ensemble, its U is <a>.
    sampling = bootstrap_canonical(
        level.free_energy_eV,
        weights,
        level.temperature_K,
        n_resamples=about["bootstrap_samples"],
        seed=about["seed"],
        sampled_fraction=len(level.config_ids) / _eligible(population, "canonical"),
    )
    if level.sigma_eV is None:
        return sampling
    noise = propagated_errors(
        ensemble, level.free_energy_eV, level.free_energy_eV, level.sigma_eV
    )
    return EnsembleErrors(
        *(
            float(np.hypot(getattr(sampling, field.name), getattr(noise, field.name)))
            for field in fields(EnsembleErrors)
        )
    )


def published(population: Population, level: Level, about: Mapping[str, Any]) -> Row:
    """Return the published row: per-atom Boltzmann factors, no multiplicities, k ln Z."""
    chosen = np.array([population.representative[key] for key in level.config_ids])
    level = _only(level, chosen)
    if not level.config_ids:
        return nothing(population, level, "published", about)
    n, T = population.n_atoms, level.temperature_K
    ensemble = published_ensemble(level.published_eV, T, n_atoms=n)
    row = {
        **_empty(population, level, "published", about),
        "log_Z": ensemble.log_Z,
        "average_eV_per_atom": ensemble.average_eV_per_atom,
        "S_meV_per_atom_K": _MILLI * ensemble.entropy_eV_per_atom_K,
        "minus_TS_eV_per_atom": ensemble.minus_TS_eV_per_atom,
        "G_eV_per_atom": ensemble.G_eV_per_atom,
        "ess": effective_sample_size(ensemble.probabilities),
        "n99": n_covering(ensemble.probabilities),
        "p_max": float(ensemble.probabilities.max()),
    }
    if len(level.config_ids) > 1:
        errors = bootstrap_published(
            level.published_eV,
            T,
            n_atoms=n,
            n_resamples=about["bootstrap_samples"],
            seed=about["seed"],
            sampled_fraction=len(level.config_ids) / _eligible(population, "published"),
        )
        row |= {
            "average_stderr_eV_per_atom": errors.average_eV,
            "S_stderr_meV_per_atom_K": _MILLI * errors.entropy_eV_per_K,
            "G_stderr_eV_per_atom": errors.free_energy_eV,
        }
    return row | verdict(row, level, about["min_coverage"])


def nothing(
    population: Population, level: Level, convention: str, about: Mapping[str, Any]
) -> Row:
    """Return the row of a level without a single usable configuration."""
    row = _empty(population, level, convention, about)
    return row | {"status": "failed", "reason": f"no usable row: {failures(level)}"}


def convergence_rows(
    population: Population, level: Level, set_name: str
) -> Iterator[Row]:
    """Yield -TS and G as rows are added in order of energy, in both conventions."""
    n, T = population.n_atoms, level.temperature_K
    weights = population.weights(level.config_ids)
    chosen = np.array([population.representative[key] for key in level.config_ids])
    kept = level.published_eV[chosen]
    curves = {
        "canonical": (
            canonical_convergence(level.free_energy_eV, weights, T, n_atoms=n),
            weights,
        )
    }
    if kept.size:
        curves["published"] = (
            published_convergence(kept, T, n_atoms=n),
            np.ones(kept.size),
        )
    for convention, (curve, weight) in curves.items():
        for rank, row in enumerate(curve.order):
            yield {
                "set": set_name,
                "convention": convention,
                "level": level.name,
                "temperature_K": T,
                "rank": rank + 1,
                "energy_eV_per_atom": float(curve.energy_eV[rank]) / n,
                "weight": float(weight[row]),
                "minus_TS_eV_per_atom": float(curve.minus_TS_conf_eV_per_atom[rank]),
                "G_eV_per_atom": float(curve.G_eV_per_atom[rank]),
                "status": "ok",
                "reason": "",
            }


def _only(level: Level, chosen: NDArray[np.bool_]) -> Level:
    """Return a level with some of its rows."""
    return replace(
        level,
        config_ids=[
            key for key, keep in zip(level.config_ids, chosen, strict=True) if keep
        ],
        energy_eV=level.energy_eV[chosen],
        free_energy_eV=level.free_energy_eV[chosen],
        vibrational_entropy_eV_per_K=level.vibrational_entropy_eV_per_K[chosen],
        published_eV=level.published_eV[chosen],
        sigma_eV=None if level.sigma_eV is None else level.sigma_eV[chosen],
        left_basin=level.left_basin[chosen],
        end_arrangement=[
            name for name, keep in zip(level.end_arrangement, chosen, strict=True) if keep
        ],
    )


def _empty(
    population: Population, level: Level, convention: str, about: Mapping[str, Any]
) -> Row:
    """Return a row with its coverage filled in and no thermodynamics yet."""
    selected = [
        key
        for key in population.relaxed
        if convention == "canonical" or population.representative[key]
    ]
    n_used = len(level.config_ids)
    covered = sum(population.multiplicity[key] for key in level.config_ids)
    whole = sum(
        g * population.represents[key] for key, g in population.multiplicity.items()
    )
    return {
        **dict.fromkeys(column.name for column in THERMODYNAMICS.columns),
        "set": about["set"],
        "equivalence": about["equivalence"],
        "convention": convention,
        "level": level.name,
        "temperature_K": level.temperature_K,
        "n_configurations": _eligible(population, convention),
        "n_selected": len(selected),
        "n_used": n_used,
        "n_failed": len(selected) - n_used,
        "n_left_basin": int(level.left_basin.sum()),
        "n_shared_minimum": n_shared_minima(level.end_arrangement, level.energy_eV),
        "coverage_rows": n_used / len(selected) if selected else 0.0,
        "coverage_multiplicity": covered / whole,
        **_noise(level, convention),
    }


def _eligible(population: Population, convention: str) -> float:
    """Return how many configurations the whole set has under a convention."""
    return sum(
        stands_for
        for key, stands_for in population.represents.items()
        if convention == "canonical" or population.representative[key]
    )


def _noise(level: Level, convention: str) -> Row:
    """Return the verdict of the noise gate; only canonical weights are gated."""
    if level.sigma_eV is None or convention == "published" or not level.config_ids:
        return {"noise_gate": "not_applicable", "noise_sigma_over_kT": None}
    passed = bool(noise_gate(level.sigma_eV, level.temperature_K).all())
    kT_eV = BOLTZMANN_EV_PER_K * level.temperature_K
    return {
        "noise_gate": "passed" if passed else "refused",
        "noise_sigma_over_kT": float(np.median(level.sigma_eV)) / kT_eV,
    }
