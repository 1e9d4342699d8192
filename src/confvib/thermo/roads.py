"""What the errors of one potential against another do to an ensemble."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from scipy.stats import rankdata

from confvib.thermo.agreement import agreement
from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    matching_vector,
    positive_scalar,
    positive_weights,
)
from confvib.thermo.partition import CanonicalEnsemble, Vibrations, canonical_ensemble
from confvib.thermo.sampling import effective_sample_size
from confvib.thermo.surrogate_ensemble import weight_overlap
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class ValueErrors:
    """Values of n configurations by a potential against exact ones, per cell.

    Attributes:
        mean_eV: Mean error, which no ratio of Boltzmann weights sees.
        rms_eV: Root mean square of what is left; NaN for a single row, as are the others.
        mae_eV: Mean absolute value of what is left.
        largest_eV: Largest absolute value of what is left.
        pairs_eV: Root mean square error of the difference between two configurations.
        spread_eV: Standard deviation of the exact values.
        rank_correlation: Spearman's, of the values; NaN where all are equal.
    """

    mean_eV: float
    rms_eV: float
    mae_eV: float
    largest_eV: float
    pairs_eV: float
    spread_eV: float
    rank_correlation: float


@dataclass(frozen=True)
class WeightErrors:
    """Boltzmann weights of a potential against exact ones, at one temperature.

    Attributes:
        overlap: Sum of min(p, q), 1 for equal weights.
        bhattacharyya: Sum of sqrt(p q), likewise.
        rank_correlation: Spearman's, of the weights; NaN where all are equal.
        same_top: Whether both give the largest weight to the same configuration.
        top_weight: Exact largest weight.
        top_weight_given: What the potential gives to that configuration.
        ess: Exact effective number of configurations.
        ess_given: That of the potential.
        free_energy_error_eV: Error of -k_B T ln Z per cell.
        second_order_eV: The same to second order in the errors, under exact weights.
        independent_eV: The same if errors were Gaussian and knew nothing of the values.
    """

    overlap: float
    bhattacharyya: float
    rank_correlation: float
    same_top: bool
    top_weight: float
    top_weight_given: float
    ess: float
    ess_given: float
    free_energy_error_eV: float
    second_order_eV: float
    independent_eV: float


@dataclass(frozen=True)
class EnsembleErrors:
    """Canonical averages of a potential minus exact ones, per cell.

    Attributes:
        exact: The exact ensemble.
        given: That of the potential.
    """

    exact: CanonicalEnsemble
    given: CanonicalEnsemble

    @property
    def S_conf_error_eV_per_K(self) -> float:
        """Error of S_conf."""
        return (
            self.given.configurational_entropy_eV_per_K
            - self.exact.configurational_entropy_eV_per_K
        )

    @property
    def S_error_eV_per_K(self) -> float:
        """Error of S = S_conf + <S_vib>."""
        return self.given.entropy_eV_per_K - self.exact.entropy_eV_per_K


def value_errors(exact_eV: ArrayLike, given_eV: ArrayLike) -> ValueErrors:
    r"""Compare values of the same configurations, the mean error apart.

    .. math:: \Delta_i = a'_i - a_i, \qquad \delta_i = \Delta_i - \bar\Delta, \qquad
              \overline{(\Delta_i - \Delta_j)^2}^{1/2} = \sqrt2\, s(\Delta)

    Args:
        exact_eV: a_i, eV per cell, shape ``(n,)``.
        given_eV: a'_i of the same configurations, shape ``(n,)``.

    Returns:
        The errors; all but the mean are NaN for a single configuration.

    Raises:
        ThermodynamicsError: Lengths differ or a value is not finite.

    Source: docs/formulation.md#roads.
    """
    exact = finite_vector("exact_eV", exact_eV)
    given = matching_vector("given_eV", given_eV, exact.size)
    none = np.zeros_like(exact)
    apart = agreement(given, none, exact, none)
    left = given - exact - apart.mean_eV
    if exact.size == 1:
        return ValueErrors(apart.mean_eV, *(np.nan,) * 6)
    return ValueErrors(
        mean_eV=apart.mean_eV,
        rms_eV=float(np.sqrt(np.mean(left**2))),
        mae_eV=float(np.abs(left).mean()),
        largest_eV=float(np.abs(left).max()),
        pairs_eV=apart.pairs_eV,
        spread_eV=float(exact.std(ddof=1)),
        rank_correlation=_spearman(exact, given),
    )


def weight_errors(
    exact_eV: ArrayLike,
    given_eV: ArrayLike,
    weights: ArrayLike,
    temperature_K: float,
) -> WeightErrors:
    r"""Compare the Boltzmann weights that two potentials give the same configurations.

    .. math:: p_i \propto w_i e^{-\beta a_i}, \qquad
              \Delta F = -k_B T \ln \sum_i p_i e^{-\beta \Delta_i}
              \approx \langle\Delta\rangle_p
              - \tfrac{\beta}{2} \mathrm{Var}_p(\Delta)

    Errors that are Gaussian with standard deviation sigma and independent of a_i give
    ln Z' = ln Z - beta mean + (beta sigma)^2 / 2.

    Args:
        exact_eV: a_i, eV per cell, shape ``(n,)``.
        given_eV: a'_i of the same configurations, shape ``(n,)``.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        The comparison.

    Raises:
        ThermodynamicsError: Lengths differ, a value is not finite, or a weight or the
            temperature is not positive.

    Source: docs/formulation.md#roads.
    """
    exact = finite_vector("exact_eV", exact_eV)
    given = matching_vector("given_eV", given_eV, exact.size)
    weight = positive_weights("weights", weights, exact.size)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    p, q = (boltzmann_weights(each, weight, temperature_K) for each in (exact, given))
    error = given - exact
    mean, plain = float(p @ error), float(error.mean())
    # From the mean: exponents of the offset alone, hundreds of k_B T, would overflow.
    factor = float(p @ np.exp(-(error - mean) / kT_eV))
    return WeightErrors(
        overlap=weight_overlap(p, q),
        bhattacharyya=float(np.sqrt(p * q).sum()),
        rank_correlation=_spearman(p, q),
        same_top=bool(p.argmax() == q.argmax()),
        top_weight=float(p.max()),
        top_weight_given=float(q[p.argmax()]),
        ess=effective_sample_size(p),
        ess_given=effective_sample_size(q),
        free_energy_error_eV=mean - kT_eV * float(np.log(factor)),
        second_order_eV=mean - float(p @ (error - mean) ** 2) / (2 * kT_eV),
        independent_eV=plain - float(np.mean((error - plain) ** 2)) / (2 * kT_eV),
    )


def ensemble_errors(
    exact: tuple[ArrayLike, Vibrations | None],
    given: tuple[ArrayLike, Vibrations | None],
    weights: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
) -> EnsembleErrors:
    """Reduce the same configurations by two potentials.

    Args:
        exact: Energies E_i, eV per cell, shape ``(n,)``, and vibrational terms.
        given: Those of the potential.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.

    Returns:
        Both ensembles and what they differ by.

    Raises:
        ThermodynamicsError: Lengths differ, a value is not finite, or a weight or the
            temperature is not positive.

    Source: docs/formulation.md#canonical.
    """
    one, other = (
        canonical_ensemble(
            energy_eV, weights, temperature_K, n_atoms=n_atoms, vibrations=vibrations
        )
        for energy_eV, vibrations in (exact, given)
    )
    return EnsembleErrors(one, other)


def boltzmann_weights(
    value_eV: ArrayLike, weights: ArrayLike, temperature_K: float
) -> FloatArray:
    r"""Return :math:`p_i = w_i e^{-\beta a_i} / \sum_j w_j e^{-\beta a_j}`.

    Args:
        value_eV: a_i, eV per cell, shape ``(n,)``.
        weights: w_i > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        Probabilities, shape ``(n,)``.

    Source: docs/formulation.md#canonical.
    """
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    return softmax(np.log(weights) - np.asarray(value_eV, np.float64) / kT_eV)


def _spearman(first: FloatArray, second: FloatArray) -> float:
    """Return the rank correlation; NaN where there is no order."""
    if first.size < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
