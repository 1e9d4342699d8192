"""Bootstrap over configurations, for both conventions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    matching_vector,
    positive_scalar,
    positive_weights,
)
from confvib.thermo.partition import Vibrations
from confvib.thermo.uncertainty import EnsembleErrors
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class _Resamples:
    log_Z: FloatArray  # relative to the lowest row of the whole set, (R,)
    mean_excess_eV: FloatArray  # likewise, (R,)
    mean_extra: FloatArray  # (R,)
    lowest_excess_eV: FloatArray  # lowest row of each resample, (R,)


def bootstrap_canonical(
    energy_eV: ArrayLike,
    weights: ArrayLike,
    temperature_K: float,
    *,
    vibrations: Vibrations | None = None,
    n_resamples: int = 200,
    seed: int = 0,
    sampled_fraction: float = 0.0,
) -> EnsembleErrors:
    """Bootstrap the canonical averages over configurations.

    Rows are drawn with replacement and keep their weights. A complete enumeration has no
    sampling error: ``sampled_fraction`` enters as sqrt(1 - fraction).

    Args:
        energy_eV: E_i, eV per cell, shape ``(n,)``, n >= 2.
        weights: As in canonical_ensemble, shape ``(n,)``.
        temperature_K: Temperature > 0.
        vibrations: As in canonical_ensemble.
        n_resamples: Number of resamples, >= 2.
        seed: Seed of the draws.
        sampled_fraction: Rows over orbits of the complete set, 0 to 1.

    Returns:
        Standard errors per cell.

    Raises:
        ThermodynamicsError: An argument is outside its domain.

    Source: Efron, Ann. Stat. 7, 1 (1979); docs/formulation.md#errors.
    """
    energy = finite_vector("energy_eV", energy_eV)
    weight = positive_weights("weights", weights, energy.size)
    temperature_K = positive_scalar("temperature_K", temperature_K)
    free_vib = entropy_vib = np.zeros_like(energy)
    if vibrations is not None:
        free_vib = matching_vector(
            "vibrations.free_energy_eV", vibrations.free_energy_eV, energy.size
        )
        entropy_vib = matching_vector(
            "vibrations.entropy_eV_per_K", vibrations.entropy_eV_per_K, energy.size
        )
    drawn = _resampled(
        energy + free_vib, weight, entropy_vib, temperature_K, n_resamples, seed
    )
    entropy_conf = BOLTZMANN_EV_PER_K * drawn.log_Z + drawn.mean_excess_eV / temperature_K
    return _spread(
        free_energy=-BOLTZMANN_EV_PER_K * temperature_K * drawn.log_Z,
        average=drawn.mean_excess_eV + temperature_K * drawn.mean_extra,
        configurational=entropy_conf,
        entropy=entropy_conf + drawn.mean_extra,
        factor=_finite_population(sampled_fraction),
    )


def bootstrap_published(
    energy_eV: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
    n_resamples: int = 200,
    seed: int = 0,
    sampled_fraction: float = 0.0,
) -> EnsembleErrors:
    """Bootstrap the published averages over configurations.

    Args:
        energy_eV: As in published_ensemble, eV per cell, shape ``(n,)``, n >= 2.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.
        n_resamples: Number of resamples, >= 2.
        seed: Seed of the draws.
        sampled_fraction: Rows over configurations of the complete set, 0 to 1.

    Returns:
        Standard errors per atom, as everything in that convention.

    Raises:
        ThermodynamicsError: An argument is outside its domain.

    Source: docs/formulation.md#errors.
    """
    per_atom = finite_vector("energy_eV", energy_eV) / positive_scalar("n_atoms", n_atoms)
    temperature_K = positive_scalar("temperature_K", temperature_K)
    ones = np.ones_like(per_atom)
    drawn = _resampled(per_atom, ones, ones, temperature_K, n_resamples, seed)
    # The published entropy counts from the lowest row in hand, so each resample has its
    # own zero; the canonical one does not depend on it.
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    entropy = BOLTZMANN_EV_PER_K * (drawn.log_Z + drawn.lowest_excess_eV / kT_eV)
    return _spread(
        free_energy=drawn.mean_excess_eV - temperature_K * entropy,
        average=drawn.mean_excess_eV,
        configurational=entropy,
        entropy=entropy,
        factor=_finite_population(sampled_fraction),
    )


def _resampled(
    effective: FloatArray,
    weight: FloatArray,
    extra: FloatArray,
    temperature_K: float,
    n_resamples: int,
    seed: int,
) -> _Resamples:
    n = effective.size
    if n < 2 or n_resamples < 2:
        raise ThermodynamicsError(
            f"bootstrap of {n} row(s) with {n_resamples} resample(s), expected >= 2 each"
        )
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    order = np.argsort(effective)
    excess = effective[order] - effective[order[0]]
    weight, extra = weight[order], extra[order]
    rng = np.random.default_rng(seed)
    log_Z, mean, mean_extra, lowest = np.empty((4, n_resamples))
    for r in range(n_resamples):
        count = np.bincount(rng.integers(n, size=n), minlength=n)
        first = int(np.argmax(count > 0))
        # A resample without the lowest rows is summed from its own minimum, or at low
        # temperature all its factors would underflow.
        local = excess[first:] - excess[first]
        factors = count[first:] * weight[first:] * np.exp(-local / kT_eV)
        total = factors.sum()
        lowest[r] = excess[first]
        log_Z[r] = np.log(total) - excess[first] / kT_eV
        mean[r] = factors @ excess[first:] / total
        mean_extra[r] = factors @ extra[first:] / total
    return _Resamples(log_Z, mean, mean_extra, lowest)


def _finite_population(sampled_fraction: float) -> float:
    if not 0 <= sampled_fraction <= 1:
        raise ThermodynamicsError(
            f"sampled_fraction is {sampled_fraction}, expected 0 to 1"
        )
    return float(np.sqrt(1 - sampled_fraction))


def _spread(
    *,
    free_energy: FloatArray,
    average: FloatArray,
    configurational: FloatArray,
    entropy: FloatArray,
    factor: float,
) -> EnsembleErrors:
    return EnsembleErrors(
        free_energy_eV=factor * float(free_energy.std(ddof=1)),
        average_eV=factor * float(average.std(ddof=1)),
        configurational_entropy_eV_per_K=factor * float(configurational.std(ddof=1)),
        entropy_eV_per_K=factor * float(entropy.std(ddof=1)),
    )
