"""Canonical ensemble over symmetry-inequivalent configurations, energies per cell."""

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
from confvib.thermo.sampling import effective_sample_size, n_covering
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class Vibrations:
    """Vibrational terms of every configuration at one temperature, per cell.

    The vibrational internal energy is F + T S and is not stored.

    Attributes:
        free_energy_eV: F_vib,i, so that A_i = E_i + F_vib,i, shape ``(n,)``.
        entropy_eV_per_K: S_vib,i, shape ``(n,)``.
    """

    free_energy_eV: ArrayLike
    entropy_eV_per_K: ArrayLike


@dataclass(frozen=True)
class CanonicalEnsemble:
    """Canonical averages of one set of configurations at one temperature, per cell.

    Two ensembles of disjoint sets join with merge_ensembles.

    Attributes:
        temperature_K: Temperature.
        n_atoms: Atoms per cell.
        n_microstates: Sum of the weights.
        reference_eV: Lowest a_i, the zero of ``log_Z``.
        log_Z: ln of the sum of w_i exp[-(a_i - reference) / kT].
        mean_excess_eV: <a> - reference.
        internal_energy_eV: <E + U_vib>.
        internal_variance_eV2: Variance of E + U_vib under the probabilities.
        vibrational_entropy_eV_per_K: <S_vib>; 0 without vibrations.
        static_free_energy_eV: F of the same set without vibrations.
        uniform_vibrational_eV: Mean of F_vib over all microstates, equally weighted.
        probabilities: p_i, shape ``(n,)``.
    """

    temperature_K: float
    n_atoms: int
    n_microstates: float
    reference_eV: float
    log_Z: float
    mean_excess_eV: float
    internal_energy_eV: float
    internal_variance_eV2: float
    vibrational_entropy_eV_per_K: float
    static_free_energy_eV: float
    uniform_vibrational_eV: float
    probabilities: FloatArray

    @property
    def n_configurations(self) -> int:
        """Number of rows."""
        return self.probabilities.size

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
    def free_energy_shift_eV(self) -> float:
        """F - F(static) - uniform mean of F_vib: renormalisation of the ensemble."""
        return (
            self.free_energy_eV - self.static_free_energy_eV - self.uniform_vibrational_eV
        )

    @property
    def ess(self) -> float:
        """Effective number of rows, 1 / sum p_i^2."""
        return effective_sample_size(self.probabilities)

    @property
    def n99(self) -> int:
        """Least number of rows that carry 99 % of the probability."""
        return n_covering(self.probabilities)

    @property
    def p_max(self) -> float:
        """Largest probability of one row."""
        return float(self.probabilities.max())


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

    if vibrations is None:
        free_vib = np.zeros_like(energy)
        entropy_vib = free_vib
    else:
        free_vib = matching_vector(
            "vibrations.free_energy_eV", vibrations.free_energy_eV, energy.size
        )
        entropy_vib = matching_vector(
            "vibrations.entropy_eV_per_K", vibrations.entropy_eV_per_K, energy.size
        )
    effective = energy + free_vib
    reference = float(effective.min())
    excess = effective - reference
    log_Z, p = _normalise(excess, weight, kT_eV)
    # Means are taken from a nearby zero: cell energies are large, differences small.
    internal_excess = excess + temperature_K * entropy_vib
    mean_internal = float(p @ internal_excess)
    lowest = float(energy.min())
    log_Z_static, _ = _normalise(energy - lowest, weight, kT_eV)
    return CanonicalEnsemble(
        temperature_K=temperature_K,
        n_atoms=n_atoms,
        n_microstates=float(weight.sum()),
        reference_eV=reference,
        log_Z=log_Z,
        mean_excess_eV=float(p @ excess),
        internal_energy_eV=reference + mean_internal,
        internal_variance_eV2=float(p @ (internal_excess - mean_internal) ** 2),
        vibrational_entropy_eV_per_K=float(p @ entropy_vib),
        static_free_energy_eV=lowest - kT_eV * log_Z_static,
        uniform_vibrational_eV=float(weight @ free_vib / weight.sum()),
        probabilities=p,
    )


def merge_ensembles(
    first: CanonicalEnsemble, second: CanonicalEnsemble
) -> CanonicalEnsemble:
    """Join the ensembles of two disjoint sets into the ensemble of their union.

    Args:
        first: One set.
        second: Another set at the same temperature, in the same cell; its rows follow.

    Returns:
        What canonical_ensemble gives for all rows together, eV per cell.

    Raises:
        ThermodynamicsError: Temperatures or cells differ.

    Source: docs/formulation.md#canonical.
    """
    if (first.temperature_K, first.n_atoms) != (second.temperature_K, second.n_atoms):
        raise ThermodynamicsError(
            f"cannot merge {first.n_atoms} atoms at {first.temperature_K} K with"
            f" {second.n_atoms} atoms at {second.temperature_K} K, expected equal ones"
        )
    kT_eV = BOLTZMANN_EV_PER_K * first.temperature_K
    pair = (first, second)
    reference = min(e.reference_eV for e in pair)
    log_parts = np.array([e.log_Z - (e.reference_eV - reference) / kT_eV for e in pair])
    log_Z = float(np.logaddexp.reduce(log_parts))
    share = np.exp(log_parts - log_Z)
    microstates = np.array([e.n_microstates for e in pair])
    internal = np.array([e.internal_energy_eV for e in pair])
    mean_internal = reference + float(share @ (internal - reference))
    spread = np.array([e.internal_variance_eV2 for e in pair])
    excess = np.array([e.mean_excess_eV + e.reference_eV - reference for e in pair])
    static = np.array([e.static_free_energy_eV for e in pair])
    uniform = np.array([e.uniform_vibrational_eV for e in pair])
    return CanonicalEnsemble(
        temperature_K=first.temperature_K,
        n_atoms=first.n_atoms,
        n_microstates=float(microstates.sum()),
        reference_eV=reference,
        log_Z=log_Z,
        mean_excess_eV=float(share @ excess),
        internal_energy_eV=mean_internal,
        internal_variance_eV2=float(share @ (spread + (internal - mean_internal) ** 2)),
        vibrational_entropy_eV_per_K=float(
            share @ [e.vibrational_entropy_eV_per_K for e in pair]
        ),
        static_free_energy_eV=-kT_eV * float(np.logaddexp.reduce(-static / kT_eV)),
        uniform_vibrational_eV=float(microstates @ uniform / microstates.sum()),
        probabilities=np.concatenate(
            [w * e.probabilities for w, e in zip(share, pair, strict=True)]
        ),
    )


def _normalise(
    excess_eV: FloatArray, weight: FloatArray, kT_eV: float
) -> tuple[float, FloatArray]:
    factors = weight * np.exp(-excess_eV / kT_eV)
    total = float(factors.sum())
    return float(np.log(total)), factors / total
