"""Canonical averages of predicted configurations, by draws from their joint posterior."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray, positive_scalar, positive_weights
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.sampling import boltzmann_probabilities
from confvib.thermo.surrogate import Surrogate
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class PredictedEnsemble:
    """Canonical averages with the uncertainty of the predictions, per cell.

    Attributes:
        free_energy_eV: Posterior mean of F.
        free_energy_sigma_eV: Its posterior standard deviation.
        configurational_entropy_eV_per_K: Posterior mean of S_conf.
        configurational_entropy_sigma_eV_per_K: Its posterior standard deviation.
        probabilities: Posterior mean of p_i, shape ``(n,)``.
    """

    free_energy_eV: float
    free_energy_sigma_eV: float
    configurational_entropy_eV_per_K: float
    configurational_entropy_sigma_eV_per_K: float
    probabilities: FloatArray


def predicted_ensemble(
    draws_eV: ArrayLike, weights: ArrayLike, temperature_K: float
) -> PredictedEnsemble:
    r"""Average F, S_conf and the weights over draws of all energies.

    .. math:: F = \Big\langle -k_B T \ln \sum_i g_i e^{-\beta a_i} \Big\rangle_a, \quad
              a \sim p(a \mid \text{computed rows})

    A draw scatters about the prediction as the true values do, so that nothing is to be
    subtracted: over many rows of independent scatter s_0 a draw's Z has the factor
    exp[(beta s_0)^2 / 2] that the smooth prediction alone lacks.

    Args:
        draws_eV: Energies a_i of all rows, drawn jointly, eV per cell, ``(D, n)``.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        Means and standard deviations over the draws.

    Raises:
        ThermodynamicsError: A value is not finite or not positive, or fewer than 2 draws.

    Source: docs/surrogate.md.
    """
    draws = np.asarray(draws_eV, dtype=np.float64)
    if draws.ndim != 2 or len(draws) < 2 or not np.isfinite(draws).all():
        raise ThermodynamicsError(
            f"draws_eV has shape {draws.shape}, expected finite values (D, n), D >= 2"
        )
    weight = positive_weights("weights", weights, draws.shape[1])
    temperature_K = positive_scalar("temperature_K", temperature_K)
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    lowest = draws.min(axis=1, keepdims=True)
    excess = draws - lowest
    factors = weight * np.exp(-excess / kT_eV)
    total = factors.sum(axis=1, keepdims=True)
    log_Z = np.log(total)
    probabilities = factors / total
    free_energy = (lowest - kT_eV * log_Z)[:, 0]
    mean_excess = np.sum(probabilities * excess, axis=1)
    entropy = BOLTZMANN_EV_PER_K * log_Z[:, 0] + mean_excess / temperature_K
    return PredictedEnsemble(
        free_energy_eV=float(free_energy.mean()),
        free_energy_sigma_eV=float(free_energy.std(ddof=1)),
        configurational_entropy_eV_per_K=float(entropy.mean()),
        configurational_entropy_sigma_eV_per_K=float(entropy.std(ddof=1)),
        probabilities=probabilities.mean(axis=0),
    )


def assisted_ensemble(
    surrogate: Surrogate, weights: ArrayLike, temperature_K: float
) -> tuple[float, float]:
    r"""Estimate F and S_conf from a random sample with the help of its predictions.

    .. math:: Z = \sum_{i \in s} g_i e^{-\beta a_i} + R \sum_{j \notin s} g_j
              e^{-\beta m_j}, \quad R = \frac{\sum_{i \in s} g_i e^{-\beta a_i}}
              {\sum_{i \in s} g_i e^{-\beta m_{-i}}}

    with m the prediction and m_{-i} that of row i from the others. The sample itself says
    by what factor smooth predictions miss Z, whatever the distribution of the errors;
    the rows must have been drawn at random.

    Args:
        surrogate: Fitted to the sample.
        weights: Microstates of all rows, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        F [eV per cell] and S_conf = -dF/dT at fixed a_i [eV/K per cell].

    Raises:
        ThermodynamicsError: A weight or the temperature is not positive.

    Source: the ratio estimator, Cochran, Sampling Techniques (1977), ch. 6;
    docs/surrogate.md.
    """
    mean, _ = surrogate.predict()
    weight = positive_weights("weights", weights, mean.size)
    temperature_K = positive_scalar("temperature_K", temperature_K)
    left_out = surrogate.target_eV - surrogate.leave_one_out()[0]
    others = np.ones(mean.size, dtype=bool)
    others[surrogate.rows] = False
    own = weight[surrogate.rows]

    def free_energy(at_K: float) -> float:
        kT_eV = BOLTZMANN_EV_PER_K * at_K

        def log_sum(energy_eV: FloatArray, g: FloatArray) -> float:
            return float(np.asarray(logsumexp(-energy_eV / kT_eV, b=g)))

        computed = log_sum(surrogate.target_eV, own)
        if not others.any():
            return -kT_eV * computed
        ratio = computed - log_sum(left_out, own)
        rest = log_sum(mean[others], weight[others]) + ratio
        return -kT_eV * float(np.logaddexp(computed, rest))

    step_K = 1e-4 * temperature_K
    slope = free_energy(temperature_K + step_K) - free_energy(temperature_K - step_K)
    return free_energy(temperature_K), -slope / (2 * step_K)


def weight_overlap(first: ArrayLike, second: ArrayLike) -> float:
    r"""Return the overlap of two sets of probabilities, :math:`\sum_i \min(p_i, q_i)`.

    Args:
        first: Normalised probabilities, shape ``(n,)``.
        second: Likewise.

    Returns:
        1 for equal weights, 0 for disjoint ones.
    """
    return float(np.minimum(first, second).sum())


def sampled_probabilities(
    energy_eV: FloatArray,
    weights: FloatArray,
    rows: np.ndarray,
    temperature_K: float,
) -> tuple[float, float, FloatArray]:
    r"""Reduce a random sample alone, each row standing for n / t rows.

    Args:
        energy_eV: a_i of all n rows, of which only the sample is used, shape ``(n,)``.
        weights: Microstates of all rows, shape ``(n,)``.
        rows: The t rows of the sample.
        temperature_K: Temperature > 0.

    Returns:
        F [eV per cell], S_conf [eV/K per cell] and p_i of all rows, 0 outside the sample.

    Source: Horvitz and Thompson, J. Am. Stat. Assoc. 47, 663 (1952);
    docs/formulation.md#sampling.
    """
    stands_for = weights[rows] * (len(energy_eV) / len(rows))
    ensemble = canonical_ensemble(energy_eV[rows], stands_for, temperature_K, n_atoms=1)
    probabilities = np.zeros_like(energy_eV)
    probabilities[rows] = boltzmann_probabilities(
        energy_eV[rows], stands_for, temperature_K
    )
    return (
        ensemble.free_energy_eV,
        ensemble.configurational_entropy_eV_per_K,
        probabilities,
    )
