"""Harmonic oscillators: from mode frequencies or a density of states to F, S, U, C_V."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import SumRuleError, ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    increasing_positive,
    matching_vector,
    trapezoid_weights,
)
from confvib.units import BOLTZMANN_EV_PER_K, PLANCK_EV_PER_THZ

Statistics = Literal["quantum", "classical"]

# exp(-x) is exactly zero in double precision from x = 746 on.
_FROZEN_X = 1e3
# Rounding of a Fourier transform leaves densities of this relative size below zero.
_NEGATIVE_RTOL = 1e-9


@dataclass(frozen=True)
class HarmonicThermo:
    """Thermodynamic functions of independent oscillators, per cell.

    Attributes:
        temperature_K: Temperatures, shape ``(T,)``.
        free_energy_eV: Helmholtz free energy, zero-point energy included, ``(T,)``.
        entropy_eV_per_K: Entropy, shape ``(T,)``.
        internal_energy_eV: Internal energy, zero-point energy included, ``(T,)``.
        heat_capacity_eV_per_K: Heat capacity at fixed cell, shape ``(T,)``.
        zero_point_energy_eV: Zero-point energy; 0 in classical statistics.
        statistics: Which statistics the numbers follow.
    """

    temperature_K: FloatArray
    free_energy_eV: FloatArray
    entropy_eV_per_K: FloatArray
    internal_energy_eV: FloatArray
    heat_capacity_eV_per_K: FloatArray
    zero_point_energy_eV: float
    statistics: Statistics


def harmonic_from_modes(
    frequencies_THz: ArrayLike,
    temperature_K: ArrayLike,
    *,
    statistics: Statistics = "quantum",
) -> HarmonicThermo:
    r"""Sum F, S, U and C_V over vibrational modes.

    .. math:: F_q = \sum_k \tfrac12 h\nu_k + k_B T \ln(1 - e^{-x_k}), \quad
              F_{cl} = k_B T \sum_k \ln x_k, \quad x_k = h\nu_k / k_B T

    Args:
        frequencies_THz: Mode frequencies > 0, the three translations left out, ``(F,)``.
        temperature_K: Temperatures, shape ``(T,)``. Quantum statistics accept T = 0 and
            return its limit (F = U = zero-point energy, S = C = 0); classical ones need
            T > 0, because the classical entropy has no limit there.
        statistics: ``"quantum"`` or ``"classical"``.

    Returns:
        F, S, U, C_V and zero-point energy per cell.

    Raises:
        ThermodynamicsError: A frequency is zero, negative or not finite (imaginary modes
            are the caller's finding to flag, they are never dropped here), or a
            temperature is out of range.

    Source: Yang et al. 2025, eq. 6; docs/formulation.md#harmonic.
    """
    frequencies = finite_vector("frequencies_THz", frequencies_THz)
    return harmonic_from_states(
        frequencies, np.ones_like(frequencies), temperature_K, statistics=statistics
    )


def harmonic_from_states(
    frequency_THz: ArrayLike,
    states: ArrayLike,
    temperature_K: ArrayLike,
    *,
    statistics: Statistics = "quantum",
) -> HarmonicThermo:
    r"""Sum F, S, U and C_V over frequencies that each stand for a number of states.

    .. math:: F = \sum_k n_k f(\nu_k, T)

    Args:
        frequency_THz: Frequencies > 0, any order, shape ``(F,)``.
        states: Number n_k of modes at each frequency, shape ``(F,)``.
        temperature_K: Temperatures, shape ``(T,)``, domain as in harmonic_from_modes.
        statistics: ``"quantum"`` or ``"classical"``.

    Returns:
        F, S, U, C_V and zero-point energy per cell.

    Raises:
        ThermodynamicsError: A frequency is not positive or a temperature out of range.

    Source: docs/formulation.md#harmonic.
    """
    frequency = finite_vector("frequency_THz", frequency_THz)
    states = matching_vector("states", states, frequency.size)
    temperature = finite_vector("temperature_K", temperature_K)
    _require_stable(frequency)
    if statistics == "quantum":
        return _quantum(frequency, states, temperature)
    return _classical(frequency, states, temperature)


def harmonic_thermo(
    frequency_THz: ArrayLike,
    dos_per_THz: ArrayLike,
    temperature_K: ArrayLike,
    *,
    n_modes: int,
    statistics: Statistics = "quantum",
    sum_rule_rtol: float = 1e-2,
) -> HarmonicThermo:
    r"""Integrate F, S, U and C_V over a density of states.

    .. math:: F_q = k_B T \int g(\nu) \ln[2 \sinh(x/2)]\,d\nu, \quad
              F_{cl} = k_B T \int g(\nu) \ln x\,d\nu, \quad x = h\nu / k_B T

    The integral is the trapezoidal rule on the grid given.

    Args:
        frequency_THz: Frequencies > 0, strictly increasing, shape ``(F,)``.
        dos_per_THz: Density of states g, states per THz per cell, shape ``(F,)``.
        temperature_K: Temperatures, shape ``(T,)``, domain as in harmonic_from_modes.
        n_modes: Number of modes that g must count, ``3 * n_atoms - 3`` for a crystal
            whose centre of mass rests.
        statistics: ``"quantum"`` or ``"classical"``.
        sum_rule_rtol: Largest accepted relative error of that count.

    Returns:
        F, S, U, C_V and zero-point energy per cell.

    Raises:
        GridError: The frequency grid is empty, non-positive or not increasing.
        SumRuleError: g is negative or misses ``n_modes``. It is never rescaled here,
            because a lost mode is a finding and not a nuisance.

    Source: Fultz, Prog. Mater. Sci. 55, 247 (2010); docs/formulation.md#harmonic.
    """
    frequency = increasing_positive("frequency_THz", frequency_THz)
    dos = matching_vector("dos_per_THz", dos_per_THz, frequency.size)
    require_non_negative_dos(frequency, dos)
    states = dos * trapezoid_weights(frequency)
    require_sum_rule(float(states.sum()), n_modes, sum_rule_rtol)
    return harmonic_from_states(frequency, states, temperature_K, statistics=statistics)


def require_non_negative_dos(frequency_THz: FloatArray, dos_per_THz: FloatArray) -> None:
    """Refuse a density of states that is negative beyond rounding.

    Args:
        frequency_THz: Frequencies, shape ``(F,)``.
        dos_per_THz: Density of states, shape ``(F,)``.

    Raises:
        SumRuleError: A value lies below -1e-9 of the maximum.
    """
    lowest = int(np.argmin(dos_per_THz))
    if dos_per_THz[lowest] < -_NEGATIVE_RTOL * max(float(dos_per_THz.max()), 0.0):
        raise SumRuleError(
            f"density of states is {dos_per_THz[lowest]:.6g} per THz at"
            f" {frequency_THz[lowest]:.6g} THz, expected >= 0"
        )


def require_sum_rule(area: float, n_modes: int, rtol: float) -> None:
    """Refuse a density of states that does not count its modes.

    Args:
        area: Integral of the density of states.
        n_modes: Number of modes expected.
        rtol: Largest accepted relative deviation.

    Raises:
        SumRuleError: The relative deviation is above ``rtol``.
    """
    deviation = area / n_modes - 1.0
    if not abs(deviation) <= rtol:
        raise SumRuleError(
            f"density of states counts {area:.6g} modes, expected {n_modes}"
            f" within {rtol:.3g} (deviation {deviation:+.3%})"
        )


def _require_stable(frequency_THz: FloatArray) -> None:
    bad = frequency_THz[frequency_THz <= 0]
    if bad.size:
        raise ThermodynamicsError(
            f"{bad.size} of {frequency_THz.size} frequencies are not positive"
            f" (lowest {bad.min():.6g} THz): a configuration with imaginary modes has no"
            " harmonic free energy"
        )


def _quantum(
    frequency: FloatArray, states: FloatArray, temperature: FloatArray
) -> HarmonicThermo:
    if temperature.min() < 0:
        raise ThermodynamicsError(f"temperature_K is {temperature.min()}, expected >= 0")
    kT_eV = BOLTZMANN_EV_PER_K * temperature[:, None]  # (T, 1)
    quantum_eV = PLANCK_EV_PER_THZ * frequency  # (F,)
    x = np.full((temperature.size, frequency.size), _FROZEN_X)
    with np.errstate(over="ignore"):  # T -> 0 means x -> infinity, capped below
        np.divide(quantum_eV, kT_eV, out=x, where=kT_eV > 0)
    np.minimum(x, _FROZEN_X, out=x)
    empty = -np.expm1(-x)  # 1 - exp(-x), no cancellation as x -> 0
    occupation = np.exp(-x) / empty  # no overflow as x -> infinity
    log_empty = np.log(empty)

    zero_point_eV = 0.5 * quantum_eV
    return HarmonicThermo(
        temperature_K=temperature,
        free_energy_eV=(zero_point_eV + kT_eV * log_empty) @ states,
        entropy_eV_per_K=BOLTZMANN_EV_PER_K * ((x * occupation - log_empty) @ states),
        internal_energy_eV=(zero_point_eV + quantum_eV * occupation) @ states,
        heat_capacity_eV_per_K=BOLTZMANN_EV_PER_K
        * (((x / empty) ** 2 * np.exp(-x)) @ states),
        zero_point_energy_eV=float(zero_point_eV @ states),
        statistics="quantum",
    )


def _classical(
    frequency: FloatArray, states: FloatArray, temperature: FloatArray
) -> HarmonicThermo:
    if temperature.min() <= 0:
        raise ThermodynamicsError(
            f"temperature_K is {temperature.min()}, expected > 0:"
            " the classical entropy diverges at T = 0"
        )
    kT_eV = BOLTZMANN_EV_PER_K * temperature  # (T,)
    log_x = np.log(PLANCK_EV_PER_THZ * frequency) - np.log(kT_eV)[:, None]  # (T, F)
    n_states = states.sum()
    mean_log = log_x @ states
    return HarmonicThermo(
        temperature_K=temperature,
        free_energy_eV=kT_eV * mean_log,
        entropy_eV_per_K=BOLTZMANN_EV_PER_K * (n_states - mean_log),
        internal_energy_eV=kT_eV * n_states,
        heat_capacity_eV_per_K=np.full_like(kT_eV, BOLTZMANN_EV_PER_K * n_states),
        zero_point_energy_eV=0.0,
        statistics="classical",
    )
