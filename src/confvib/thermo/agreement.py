"""How precise a free energy is against k_B T per cell, and how far two methods differ."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import finite_vector, matching_vector, positive_scalar
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class Precision:
    """The noise of a method against the gate, per cell.

    Attributes:
        stderr_eV: Standard error of one configuration's free energy, root mean square.
        stderr_over_kT: The same in units of k_B T.
        passed: Whether it is at most k_B T / 2.
        effort: Sampling that just passes over the sampling done.
    """

    stderr_eV: float
    stderr_over_kT: float
    passed: bool
    effort: float


@dataclass(frozen=True)
class Agreement:
    """Two methods on the same configurations, per cell.

    Attributes:
        mean_eV: Mean difference, which no ratio of Boltzmann weights sees.
        mean_stderr_eV: Its standard error from those of the free energies.
        pairs_eV: Root mean square, over pairs of configurations, of what the methods
            disagree by on the difference of the pair.
        pairs_noise_eV: What the standard errors alone would make of it.
    """

    mean_eV: float
    mean_stderr_eV: float
    pairs_eV: float
    pairs_noise_eV: float


def pooled_stderr_eV(values_eV: ArrayLike) -> float:
    r"""Return the standard error of a mean over seeds, pooled over configurations.

    .. math:: \sigma^2 = \frac{1}{n K} \sum_i s_i^2

    A few seeds of one configuration say little about its own error; all of them together
    know the typical one.

    Args:
        values_eV: One free energy per configuration and seed, shape ``(n, K)``, K >= 2.

    Returns:
        Standard error of the mean over the K seeds of one configuration.

    Raises:
        ThermodynamicsError: Fewer than two seeds, or no configuration.

    Source: docs/formulation.md#integration.
    """
    values = np.asarray(values_eV, np.float64)
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise ThermodynamicsError(
            f"values_eV has shape {values.shape}, expected (n >= 1, seeds >= 2)"
        )
    return float(np.sqrt(values.var(axis=1, ddof=1).mean() / values.shape[1]))


def precision(stderr_eV: float, temperature_K: float) -> Precision:
    r"""Compare a standard error with the noise gate.

    .. math:: \sigma \le \tfrac12 k_B T, \qquad
              \frac{t_{needed}}{t} = \Bigl(\frac{\sigma}{k_B T / 2}\Bigr)^2

    Errors fall with the square root of the sampling, longer runs or more of them.

    Args:
        stderr_eV: Standard error per cell, >= 0.
        temperature_K: Temperature > 0.

    Returns:
        The verdict and the sampling that passes.

    Raises:
        ThermodynamicsError: A value is out of range.

    Source: docs/formulation.md#reliability.
    """
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    if not stderr_eV >= 0:
        raise ThermodynamicsError(f"stderr_eV is {stderr_eV}, expected >= 0")
    ratio = stderr_eV / kT_eV
    return Precision(stderr_eV, ratio, passed=ratio <= 0.5, effort=(2 * ratio) ** 2)


def agreement(
    free_energy_eV: ArrayLike,
    stderr_eV: ArrayLike,
    other_eV: ArrayLike,
    other_stderr_eV: ArrayLike,
) -> Agreement:
    r"""Compare two methods: by their mean, and by the differences of configurations.

    .. math:: \Delta_i = F_i - F'_i, \qquad \bar\Delta, \qquad
              \overline{(\Delta_i - \Delta_j)^2}^{1/2} = \sqrt2\, s(\Delta)

    Args:
        free_energy_eV: F_i, shape ``(n,)``.
        stderr_eV: Their standard errors, shape ``(n,)``.
        other_eV: F'_i of the same configurations, shape ``(n,)``.
        other_stderr_eV: Their standard errors, shape ``(n,)``.

    Returns:
        The comparison; the pairs are NaN for a single configuration.

    Raises:
        ThermodynamicsError: Lengths differ or a value is not finite.

    Source: docs/formulation.md#integration.
    """
    values = finite_vector("free_energy_eV", free_energy_eV)
    count = values.size
    difference = values - matching_vector("other_eV", other_eV, count)
    errors = [
        matching_vector("stderr_eV", stderr_eV, count),
        matching_vector("other_stderr_eV", other_stderr_eV, count),
    ]
    variance = errors[0] ** 2 + errors[1] ** 2
    several = count > 1
    return Agreement(
        mean_eV=float(difference.mean()),
        mean_stderr_eV=float(np.sqrt(variance.sum()) / count),
        pairs_eV=float(np.sqrt(2) * difference.std(ddof=1)) if several else np.nan,
        pairs_noise_eV=float(np.sqrt(2 * variance.mean())) if several else np.nan,
    )
