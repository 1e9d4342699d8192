"""Standard errors from resamples of the configurations, for both conventions."""

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    positive_scalar,
    positive_weights,
)
from confvib.thermo.resamples import Resamples, resample_counts
from confvib.thermo.uncertainty import EnsembleErrors
from confvib.units import BOLTZMANN_EV_PER_K

_FEWEST = 2
"""Resamples with a row, below which there is no spread to speak of."""


def canonical_errors(resamples: Resamples) -> EnsembleErrors:
    """Return the errors of F, <a> and S_conf, per cell.

    Args:
        resamples: Of per-cell energies a_i with their weights.

    Returns:
        Standard deviations over the resamples; NaN for a single row.

    Source: Efron, Ann. Stat. 7, 1 (1979); docs/formulation.md#errors.
    """
    kT_eV = resamples.kT_eV
    free_energy = -kT_eV * resamples.log_sum
    return EnsembleErrors(
        free_energy_eV=_spread(free_energy),
        average_eV=_spread(resamples.mean_eV),
        # <a> - F is small, its terms are not.
        entropy_eV_per_K=_spread(resamples.mean_eV - free_energy)
        * BOLTZMANN_EV_PER_K
        / kT_eV,
    )


def published_errors(resamples: Resamples) -> EnsembleErrors:
    """Return the errors of G, <h> and k_B ln Z of the published sums, per atom.

    Args:
        resamples: Of per-atom energies h_i with weights 1.

    Returns:
        Standard deviations over the resamples; NaN for a single row.

    Source: docs/formulation.md#errors.
    """
    # The published entropy counts from the lowest row in hand, so each resample has its
    # own zero; the canonical one does not depend on it.
    kT_eV = resamples.kT_eV
    entropy = BOLTZMANN_EV_PER_K * (resamples.log_sum + resamples.lowest_eV / kT_eV)
    temperature_K = kT_eV / BOLTZMANN_EV_PER_K
    return EnsembleErrors(
        free_energy_eV=_spread(resamples.mean_eV - temperature_K * entropy),
        average_eV=_spread(resamples.mean_eV),
        entropy_eV_per_K=_spread(entropy),
    )


def bootstrap_canonical(
    effective_eV: ArrayLike,
    weights: ArrayLike,
    temperature_K: float,
    *,
    n_resamples: int = 200,
    seed: int = 0,
    sampled_fraction: float = 0.0,
) -> EnsembleErrors:
    """Bootstrap the canonical averages of rows that are all in hand.

    Args:
        effective_eV: a_i = E_i or A_i(T), eV per cell, shape ``(n,)``, n >= 2.
        weights: Microstates each row stands for, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_resamples: Number of resamples, >= 2.
        seed: Seed of the draws.
        sampled_fraction: Rows over orbits of the complete set, 0 to 1.

    Returns:
        Standard errors per cell.

    Raises:
        ThermodynamicsError: An argument is outside its domain.

    Source: docs/formulation.md#errors.
    """
    effective = finite_vector("effective_eV", effective_eV)
    weight = positive_weights("weights", weights, effective.size)
    temperature_K = positive_scalar("temperature_K", temperature_K)
    if effective.size < _FEWEST:
        raise ThermodynamicsError(
            f"bootstrap of {effective.size} row(s), expected >= {_FEWEST}"
        )
    keys = np.arange(effective.size, dtype=np.uint64)
    drawn = Resamples.none(temperature_K, n_resamples).with_rows(
        effective, weight, resample_counts(keys, n_resamples, seed)
    )
    # Where the resamples lie does not matter to their spread.
    anywhere = -float(effective.min()) / drawn.kT_eV, float(effective.min())
    return canonical_errors(drawn.standing_for(0.0, sampled_fraction, anywhere))


def _spread(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    if known.size < _FEWEST:
        return np.nan
    return float((known - known[0]).std(ddof=1))  # exactly 0 where all are equal
