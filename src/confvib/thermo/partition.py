"""Canonical ensemble over symmetry-inequivalent configurations, energies per cell.

An ensemble is a handful of numbers and two of them merge exactly, so that a set of any
size is summed chunk by chunk: no array over configurations outlives its chunk.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    matching_vector,
    positive_scalar,
    positive_weights,
)
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class Vibrations:
    """Vibrational terms of every configuration at one temperature, per cell.

    The vibrational internal energy is F + T S and is not stored.

    Attributes:
        free_energy_eV: F_vib,i, so that A_i = E_i + F_vib,i, shape ``(n,)``.
        entropy_eV_per_K: S_vib,i, shape ``(n,)``.
        heat_capacity_eV_per_K: C_vib,i, shape ``(n,)``; None where it is not known.
    """

    free_energy_eV: ArrayLike
    entropy_eV_per_K: ArrayLike
    heat_capacity_eV_per_K: ArrayLike | None = None


@dataclass(frozen=True)
class CanonicalEnsemble:
    """Canonical averages of one set of configurations at one temperature, per cell.

    Two ensembles of disjoint sets join with merge_ensembles.

    Attributes:
        temperature_K: Temperature.
        n_atoms: Atoms per cell.
        n_configurations: Number of rows.
        n_microstates: Sum of the weights.
        reference_eV: Lowest a_i, the zero of ``log_Z``.
        log_Z: ln of the sum of w_i exp[-(a_i - reference) / kT].
        mean_excess_eV: <a> - reference.
        internal_energy_eV: <E + U_vib>.
        internal_variance_eV2: Variance of E + U_vib under the probabilities.
        vibrational_entropy_eV_per_K: <S_vib>; 0 without vibrations.
        vibrational_heat_capacity_eV_per_K: <C_vib>; 0 without vibrations, NaN where the
            rows do not know theirs.
        static_free_energy_eV: F of the same set without vibrations.
        uniform_vibrational_eV: Mean of F_vib over all microstates, equally weighted.
        uniform_mean_eV: Mean of a over all microstates, equally weighted.
        uniform_variance_eV2: Variance of a over all microstates, equally weighted.
        sum_p_squared: Sum of p_i^2 over rows.
        p_max: Largest probability of one row.
    """

    temperature_K: float
    n_atoms: int
    n_configurations: int
    n_microstates: float
    reference_eV: float
    log_Z: float
    mean_excess_eV: float
    internal_energy_eV: float
    internal_variance_eV2: float
    vibrational_entropy_eV_per_K: float
    vibrational_heat_capacity_eV_per_K: float
    static_free_energy_eV: float
    uniform_vibrational_eV: float
    uniform_mean_eV: float
    uniform_variance_eV2: float
    sum_p_squared: float
    p_max: float

    @property
    def free_energy_eV(self) -> float:
        """Helmholtz free energy F = -k_B T ln sum w_i exp(-a_i / k_B T)."""
        return self.reference_eV - BOLTZMANN_EV_PER_K * self.temperature_K * self.log_Z

    @property
    def configurational_entropy_eV_per_K(self) -> float:
        """S_conf = -k_B sum p_i ln(p_i / w_i) = (<a> - F) / T."""
        return BOLTZMANN_EV_PER_K * self.log_Z + self.mean_excess_eV / self.temperature_K

    @property
    def entropy_eV_per_K(self) -> float:
        """S = S_conf + <S_vib> = -dF/dT."""
        return self.configurational_entropy_eV_per_K + self.vibrational_entropy_eV_per_K

    @property
    def minus_TS_eV(self) -> float:
        """Entropic part of F."""
        return -self.temperature_K * self.entropy_eV_per_K

    @property
    def configurational_heat_capacity_eV_per_K(self) -> float:
        """Heat capacity of redistribution, Var(E + U_vib) / (k_B T^2)."""
        return self.internal_variance_eV2 / (BOLTZMANN_EV_PER_K * self.temperature_K**2)

    @property
    def heat_capacity_eV_per_K(self) -> float:
        """C = dU/dT at fixed cell: of redistribution, and <C_vib>."""
        return (
            self.configurational_heat_capacity_eV_per_K
            + self.vibrational_heat_capacity_eV_per_K
        )

    @property
    def free_energy_shift_eV(self) -> float:
        """F - F(static) - uniform mean of F_vib: renormalisation of the ensemble."""
        return (
            self.free_energy_eV - self.static_free_energy_eV - self.uniform_vibrational_eV
        )

    @property
    def ess(self) -> float:
        """Effective number of rows, 1 / sum p_i^2."""
        return 1.0 / self.sum_p_squared

    def standing_for(self, factor: float) -> Self:
        """Return the ensemble with every weight multiplied by one factor.

        Args:
            factor: Inequivalent configurations that each row stands for, > 0
                (docs/formulation.md#sampling). Averages do not change, Z does.
        """
        positive_scalar("factor", factor)
        kT_eV = BOLTZMANN_EV_PER_K * self.temperature_K
        return replace(
            self,
            n_microstates=self.n_microstates * factor,
            log_Z=self.log_Z + float(np.log(factor)),
            static_free_energy_eV=self.static_free_energy_eV
            - kT_eV * float(np.log(factor)),
        )


def canonical_ensemble(
    energy_eV: ArrayLike,
    weights: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
    vibrations: Vibrations | None = None,
) -> CanonicalEnsemble:
    r"""Average over configurations with their multiplicities.

    .. math:: F = -k_B T \ln \sum_i g_i e^{-\beta a_i}, \quad
              p_i = g_i e^{-\beta (a_i - F)}, \quad
              a_i = E_i \;\text{or}\; E_i + F_{vib,i}(T)

    Args:
        energy_eV: Relaxed energies E_i, eV per cell, shape ``(n,)``.
        weights: Microstates each row stands for, > 0, shape ``(n,)``: multiplicities g_i
            of a complete set, or sampling_weights of a sample.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.
        vibrations: Vibrational terms at this temperature, or None for the static level.

    Returns:
        Canonical averages, eV per cell.

    Raises:
        ThermodynamicsError: Lengths differ, a value is not finite, or a weight or the
            temperature is not positive.

    Source: docs/formulation.md#canonical.
    """
    energy = finite_vector("energy_eV", energy_eV)
    weight = positive_weights("weights", weights, energy.size)
    temperature_K = positive_scalar("temperature_K", temperature_K)
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    free_vib, entropy_vib, heat_vib = _vibrational_terms(vibrations, energy.size)
    effective = energy + free_vib
    reference = float(effective.min())
    excess = effective - reference
    log_Z, p = _normalise(excess, weight, kT_eV)
    # Means are taken from a nearby zero: cell energies are large, differences small.
    internal_excess = excess + temperature_K * entropy_vib
    mean_internal = float(p @ internal_excess)
    lowest = float(energy.min())
    log_Z_static, _ = _normalise(energy - lowest, weight, kT_eV)
    total = float(weight.sum())
    mean_excess = float(weight @ excess) / total
    return CanonicalEnsemble(
        temperature_K=temperature_K,
        n_atoms=n_atoms,
        n_configurations=energy.size,
        n_microstates=total,
        reference_eV=reference,
        log_Z=log_Z,
        mean_excess_eV=float(p @ excess),
        internal_energy_eV=reference + mean_internal,
        internal_variance_eV2=float(p @ (internal_excess - mean_internal) ** 2),
        vibrational_entropy_eV_per_K=float(p @ entropy_vib),
        vibrational_heat_capacity_eV_per_K=float(p @ heat_vib),
        static_free_energy_eV=lowest - kT_eV * log_Z_static,
        uniform_vibrational_eV=float(weight @ free_vib) / total,
        uniform_mean_eV=reference + mean_excess,
        uniform_variance_eV2=float(weight @ (excess - mean_excess) ** 2) / total,
        sum_p_squared=float(p @ p),
        p_max=float(p.max()),
    )


def _vibrational_terms(
    vibrations: Vibrations | None, n_rows: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return F_vib, S_vib and C_vib of every row, checked; zeros without vibrations."""
    if vibrations is None:
        zeros = np.zeros(n_rows)
        return zeros, zeros, zeros
    heat = vibrations.heat_capacity_eV_per_K
    return (
        matching_vector("vibrations.free_energy_eV", vibrations.free_energy_eV, n_rows),
        matching_vector(
            "vibrations.entropy_eV_per_K", vibrations.entropy_eV_per_K, n_rows
        ),
        np.full(n_rows, np.nan)
        if heat is None
        else matching_vector("vibrations.heat_capacity_eV_per_K", heat, n_rows),
    )


def _normalise(
    excess_eV: FloatArray, weight: FloatArray, kT_eV: float
) -> tuple[float, FloatArray]:
    factors = weight * np.exp(-excess_eV / kT_eV)
    total = float(factors.sum())
    return float(np.log(total)), factors / total
