"""Thermodynamic integration: points, closed forms of its end points, and its errors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    matching_vector,
    positive_scalar,
    positive_weights,
)
from confvib.thermo.uncertainty import block_standard_error, repeat_standard_error
from confvib.units import BOLTZMANN_EV_PER_K, FREQUENCY_THZ, PLANCK_EV_PER_THZ


@dataclass(frozen=True)
class Quadrature:
    """Points and weights on [0, 1], each shape ``(L,)``; the weights sum to 1."""

    points: FloatArray
    weights: FloatArray


@dataclass(frozen=True)
class Integral:
    r"""The integral of one coupling, per cell.

    Attributes:
        integrand_eV: Mean of U - U_0 at every point, shape ``(L,)``.
        integrand_stderr_eV: Its standard error by blocking, shape ``(L,)``.
        value_eV: :math:`\int_0^1 \langle U - U_0 \rangle_\lambda d\lambda`.
        blocking_stderr_eV: Standard error of the value from the blocks of the runs.
        seeds_stderr_eV: Standard error of the value from the spread over the seeds.
        converged: Whether every run outlasts its correlation; if not, the error from
            blocking is a lower bound.
    """

    integrand_eV: FloatArray
    integrand_stderr_eV: FloatArray
    value_eV: float
    blocking_stderr_eV: float
    seeds_stderr_eV: float
    converged: bool

    @property
    def stderr_eV(self) -> float:
        """The larger of the two standard errors."""
        return max(self.blocking_stderr_eV, self.seeds_stderr_eV)


def gauss_legendre(n_points: int) -> Quadrature:
    """Return Gauss-Legendre points: none at the ends, where one crystal is unbound.

    Args:
        n_points: Number of points, >= 2.

    Returns:
        Points and weights on [0, 1].

    Raises:
        ThermodynamicsError: Fewer than two points.

    Source: docs/formulation.md#integration.
    """
    if n_points < 2:
        raise ThermodynamicsError(f"n_points is {n_points}, expected at least 2")
    nodes, weights = np.polynomial.legendre.leggauss(n_points)
    return Quadrature(0.5 * (nodes + 1.0), 0.5 * weights)


def einstein_free_energy_eV(
    stiffness_eV_per_A2: ArrayLike, masses_amu: ArrayLike, temperature_K: float
) -> float:
    r"""Return the classical free energy of an Einstein crystal with its centre at rest.

    .. math:: F_E = 3 k_B T \sum_i \ln \frac{\hbar\omega_i}{k_B T} + \tfrac32 k_B T
              \ln \sum_i \frac{m_i}{M} \Bigl(\frac{k_B T}{\hbar\omega_i}\Bigr)^2,
              \quad \omega_i^2 = k_i / m_i

    The centre of mass neither moves nor counts: 3N - 3 modes, as everywhere here.

    Args:
        stiffness_eV_per_A2: k_i of the energy k_i u_i²/2 of each atom, shape ``(N,)``.
        masses_amu: Masses, shape ``(N,)``.
        temperature_K: Temperature > 0.

    Returns:
        Free energy per cell relative to the atoms at rest on their sites.

    Raises:
        ThermodynamicsError: A stiffness, mass or the temperature is not positive.

    Source: Polson et al., J. Chem. Phys. 112, 5339 (2000);
    docs/formulation.md#integration.
    """
    masses = np.asarray(masses_amu, np.float64)
    masses = positive_weights("masses_amu", masses, masses.size)
    stiffness = positive_weights("stiffness_eV_per_A2", stiffness_eV_per_A2, masses.size)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    quantum_eV = PLANCK_EV_PER_THZ * FREQUENCY_THZ * np.sqrt(stiffness / masses)
    x = quantum_eV / kT_eV
    centre = np.sum(masses / masses.sum() / x**2)
    return float(3 * kT_eV * np.sum(np.log(x)) + 1.5 * kT_eV * np.log(centre))


def integrate(quadrature: Quadrature, series_eV: ArrayLike) -> Integral:
    """Average every run and integrate over the coupling.

    Args:
        quadrature: The points, L of them.
        series_eV: U - U_0 of each run, shape ``(L, K, S)``: K >= 2 seeds at every point,
            S >= 8 samples each.

    Returns:
        The integral with its errors, eV per cell.

    Raises:
        ThermodynamicsError: A shape does not fit, or a sample is not finite.

    Source: docs/formulation.md#integration.
    """
    series = np.asarray(series_eV, np.float64)
    n_points = quadrature.points.size
    if series.ndim != 3 or series.shape[0] != n_points or series.shape[1] < 2:
        raise ThermodynamicsError(
            f"series_eV has shape {series.shape}, expected ({n_points}, seeds >= 2, S)"
        )
    n_seeds = series.shape[1]
    runs = [[block_standard_error(run) for run in runs] for runs in series]
    errors = np.array([[run.standard_error for run in row] for row in runs])
    means = series.mean(axis=2)
    at_point = np.sqrt((errors**2).sum(axis=1)) / n_seeds
    by_seed = quadrature.weights @ means
    return Integral(
        integrand_eV=means.mean(axis=1),
        integrand_stderr_eV=at_point,
        value_eV=float(by_seed.mean()),
        blocking_stderr_eV=float(np.linalg.norm(quadrature.weights * at_point)),
        seeds_stderr_eV=repeat_standard_error(by_seed, fewest=2),
        converged=all(run.converged for row in runs for run in row),
    )


def quadrature_error_eV(
    quadrature: Quadrature, integrand_eV: ArrayLike, exact_eV: float
) -> float:
    """Return what the quadrature misses of an integrand whose integral is known.

    Args:
        quadrature: The points, L of them.
        integrand_eV: The integrand there, shape ``(L,)``.
        exact_eV: Its integral.

    Returns:
        The exact integral minus its quadrature.
    """
    values = matching_vector("integrand_eV", integrand_eV, quadrature.points.size)
    return float(exact_eV - quadrature.weights @ values)
