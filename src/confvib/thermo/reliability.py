"""Whether a sampled, noisy ensemble can be trusted: noise gate, noise bias, freezing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    matching_vector,
    positive_scalar,
    positive_weights,
)
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class Freezing:
    """Whether a random sample reaches the energies that carry the weight.

    Attributes:
        reduced_width: Standard deviation of a_i over microstates, in k_B T.
        limit: sqrt(2 ln n) of n rows.
        frozen: Whether the width reaches the limit.
        second_order_log_Z: ln sum w - beta <a> + (beta sigma)^2 / 2, with the energies
            counted from the lowest one: comparable with CanonicalEnsemble.log_Z.
    """

    reduced_width: float
    limit: float
    frozen: bool
    second_order_log_Z: float


def noise_gate(sigma_F_eV: ArrayLike, temperature_K: float) -> NDArray[np.bool_]:
    r"""Say which configurations are known well enough to be Boltzmann weighted.

    .. math:: \sigma_{F,i} \le k_B T / 2 \quad \text{per cell}

    Args:
        sigma_F_eV: Standard errors of A_i, eV per cell, >= 0, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        True where the gate is passed, shape ``(n,)``.

    Raises:
        ThermodynamicsError: A standard error is negative or not finite.

    Source: docs/formulation.md#reliability.
    """
    sigma = _standard_errors(sigma_F_eV)
    temperature_K = positive_scalar("temperature_K", temperature_K)
    return sigma <= 0.5 * BOLTZMANN_EV_PER_K * temperature_K


def noise_bias_log_Z(
    probabilities: FloatArray, sigma_F_eV: ArrayLike, temperature_K: float
) -> float:
    r"""Return how much independent noise of A_i raises ln Z.

    .. math:: \Delta \ln Z = -\ln \sum_i p_i e^{-(\beta\sigma_i)^2/2}
              \;\to\; (\beta\sigma)^2/2 \;\text{for equal}\; \sigma_i

    because Gaussian noise multiplies the expectation of each Boltzmann factor by
    exp[(beta sigma_i)^2 / 2]. Subtract it from ln Z, add k_B T times it to F.

    Args:
        probabilities: p_i computed from the noisy A_i, shape ``(n,)``.
        sigma_F_eV: Standard errors of A_i, eV per cell, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        The bias of ln Z, dimensionless.

    Raises:
        ThermodynamicsError: Lengths differ, or a standard error is negative.

    Source: docs/formulation.md#reliability.
    """
    p = finite_vector("probabilities", probabilities)
    sigma = matching_vector("sigma_F_eV", _standard_errors(sigma_F_eV), p.size)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    exponent = -0.5 * (sigma / kT_eV) ** 2
    top = float(exponent.max())
    return -top - float(np.log(p @ np.exp(exponent - top)))


def freezing(
    effective_eV: ArrayLike, weights: ArrayLike, temperature_K: float
) -> Freezing:
    r"""Apply the extreme-value criterion of a random-energy sample.

    .. math:: \beta \sigma_a < \sqrt{2 \ln n}

    A Gaussian spectrum is weighted around its mean minus beta sigma^2; n random rows
    reach no deeper than sigma sqrt(2 ln n). Beyond that the few lowest rows decide, and
    one that was not sampled would change everything.

    Args:
        effective_eV: a_i, eV per cell, shape ``(n,)``.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        Width, limit, verdict and the second-order estimate of ln Z.

    Raises:
        ThermodynamicsError: Lengths differ, a value is not finite or not positive.

    Source: Derrida, Phys. Rev. B 24, 2613 (1981); docs/formulation.md#reliability.
    """
    effective = finite_vector("effective_eV", effective_eV)
    weight = positive_weights("weights", weights, effective.size)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    excess = effective - effective.min()
    total = float(weight.sum())
    mean = float(weight @ excess) / total
    variance = float(weight @ (excess - mean) ** 2) / total
    width = float(np.sqrt(variance)) / kT_eV
    limit = float(np.sqrt(2 * np.log(effective.size)))
    return Freezing(
        reduced_width=width,
        limit=limit,
        frozen=bool(width >= limit),
        second_order_log_Z=float(np.log(total)) - mean / kT_eV + 0.5 * width**2,
    )


def _standard_errors(sigma_F_eV: ArrayLike) -> FloatArray:
    sigma = finite_vector("sigma_F_eV", sigma_F_eV)
    if sigma.min() < 0:
        raise ThermodynamicsError(f"sigma_F_eV: found {sigma.min()}, expected >= 0")
    return sigma
