"""Free energy of one configuration from a molecular-dynamics run (methods M and MQ)."""

import math
from dataclasses import dataclass

import numpy as np

from confvib.errors import SumRuleError, ThermodynamicsError
from confvib.thermo.checks import FloatArray, positive_scalar, trapezoid_weights
from confvib.thermo.harmonic import (
    harmonic_from_states,
    require_non_negative_dos,
    require_sum_rule,
)
from confvib.thermo.spectrum import Spectrum
from confvib.units import BOLTZMANN_EV_PER_K

_LARGEST_WEIGHT_ABOVE = 1e-2


@dataclass(frozen=True)
class VibratingState:
    """One free energy with its parts, eV per cell: F = U - T S holds exactly.

    Attributes:
        free_energy_eV: Helmholtz free energy, static energy included.
        entropy_eV_per_K: Vibrational entropy.
        internal_energy_eV: Mean potential plus kinetic energy.
    """

    free_energy_eV: float
    entropy_eV_per_K: float
    internal_energy_eV: float


@dataclass(frozen=True)
class MdFreeEnergy:
    """Free energy of one configuration at one temperature, eV per cell.

    Attributes:
        temperature_K: Temperature of the free energies.
        measured_temperature_K: Temperature of the run they come from.
        classical: Method M.
        quantum: Method MQ, method M plus the quantum correction of the same spectrum.
        renormalisation: n_modes / raw area: the factor applied to the spectrum.
        zero_frequency_weight: States below the grid, after that factor.
        zero_frequency_entropy_eV_per_K: Their share of the classical entropy. Where it
            matters the atoms diffuse and no harmonic functional describes them.
    """

    temperature_K: float
    measured_temperature_K: float
    classical: VibratingState
    quantum: VibratingState
    renormalisation: float
    zero_frequency_weight: float
    zero_frequency_entropy_eV_per_K: float


def md_free_energy(
    mean_potential_eV: float,
    spectrum: Spectrum,
    temperature_K: float,
    *,
    n_atoms: int,
    sum_rule_rtol: float = 2e-2,
) -> MdFreeEnergy:
    r"""Combine the mean potential energy and the spectrum of a run without double count.

    .. math:: A_M = \langle U_{pot} \rangle + \tfrac{n}{2} k_B (T - T_m)
              + \tfrac{n}{2} k_B T - T S_{cl}[g], \quad
              A_{MQ} = A_M + (F_q - F_{cl})[g]

    with n modes and T_m the measured temperature. The second term carries the mean
    potential from T_m to T by equipartition; it vanishes where they agree.

    Never add the mean potential to F_q[g] or F_cl[g]: the thermal potential energy
    n k_B T / 2 (3/2 k_B T per atom) is in both and would count twice.

    States below the grid (``zero_frequency_weight``) count as a flat density between zero
    and the first grid point: modes at ``frequency_THz[0] / e``, its geometric mean, where
    the logarithm is integrable. States above the grid sit at its last point.

    Args:
        mean_potential_eV: Time average of the potential energy, eV per cell.
        spectrum: Density of states of the same run.
        temperature_K: Temperature > 0 to state the free energy at.
        n_atoms: Atoms per cell, must agree with the modes of the spectrum.
        sum_rule_rtol: Largest accepted relative error of the area of the spectrum,
            checked before the spectrum is scaled to its number of modes.

    Returns:
        Both methods, eV per cell.

    Raises:
        SumRuleError: The spectrum is negative, its area is off, or the grid ends too low.
        ThermodynamicsError: The spectrum belongs to another cell, or the measured
            temperature is further from ``temperature_K`` than 3 sqrt(2 / 3N) of it.

    Source: docs/formulation.md#molecular-dynamics-free-energy.
    """
    temperature_K = positive_scalar("temperature_K", temperature_K)
    _require_same_cell(spectrum, n_atoms)
    _require_same_state(spectrum, temperature_K, n_atoms)
    frequency, states = _counted_states(spectrum, sum_rule_rtol)
    temperature = np.array([temperature_K])
    classical = harmonic_from_states(
        frequency, states, temperature, statistics="classical"
    )
    quantum = harmonic_from_states(frequency, states, temperature)

    kB, n_modes = BOLTZMANN_EV_PER_K, spectrum.n_modes
    shift_K = temperature_K - spectrum.temperature_K
    internal_M = mean_potential_eV + 0.5 * n_modes * kB * (shift_K + temperature_K)
    entropy_cl = float(classical.entropy_eV_per_K[0])
    entropy_q = float(quantum.entropy_eV_per_K[0])
    internal_MQ = internal_M + float(
        quantum.internal_energy_eV[0] - classical.internal_energy_eV[0]
    )
    lowest = harmonic_from_states(
        frequency[:1], states[:1], temperature, statistics="classical"
    )
    return MdFreeEnergy(
        temperature_K=temperature_K,
        measured_temperature_K=spectrum.temperature_K,
        classical=VibratingState(
            internal_M - temperature_K * entropy_cl, entropy_cl, internal_M
        ),
        quantum=VibratingState(
            internal_MQ - temperature_K * entropy_q, entropy_q, internal_MQ
        ),
        renormalisation=n_modes / spectrum.raw_area,
        zero_frequency_weight=float(states[0]),
        zero_frequency_entropy_eV_per_K=float(lowest.entropy_eV_per_K[0]),
    )


def largest_temperature_deviation_K(temperature_K: float, n_atoms: int) -> float:
    r"""Return the largest deviation at which a run may carry a nominal temperature.

    .. math:: |T_m - T| \le 3 \sqrt{2 / 3N}\; T

    Args:
        temperature_K: Nominal temperature.
        n_atoms: Atoms per cell.

    Returns:
        Three canonical standard deviations of the instantaneous kinetic temperature.

    Source: docs/formulation.md#molecular-dynamics.
    """
    return 3.0 * math.sqrt(2.0 / (3 * n_atoms)) * temperature_K


def _require_same_cell(spectrum: Spectrum, n_atoms: int) -> None:
    if spectrum.n_modes not in (3 * n_atoms - 3, 3 * n_atoms):
        raise ThermodynamicsError(
            f"the spectrum counts {spectrum.n_modes} modes, expected"
            f" {3 * n_atoms - 3} or {3 * n_atoms} for {n_atoms} atoms"
        )


def _require_same_state(spectrum: Spectrum, temperature_K: float, n_atoms: int) -> None:
    allowed_K = largest_temperature_deviation_K(temperature_K, n_atoms)
    if abs(spectrum.temperature_K - temperature_K) > allowed_K:
        raise ThermodynamicsError(
            f"the run was at {spectrum.temperature_K:.6g} K, expected"
            f" {temperature_K:.6g} K within {allowed_K:.3g} K: state the free energy at"
            " the measured temperature"
        )


def _counted_states(spectrum: Spectrum, rtol: float) -> tuple[FloatArray, FloatArray]:
    require_non_negative_dos(spectrum.frequency_THz, spectrum.dos_per_THz)
    require_sum_rule(spectrum.raw_area, spectrum.n_modes, rtol)
    if spectrum.weight_above > _LARGEST_WEIGHT_ABOVE * spectrum.n_modes:
        raise SumRuleError(
            f"{spectrum.weight_above:.6g} of {spectrum.n_modes} states lie above the"
            f" frequency grid, which ends at {spectrum.frequency_THz[-1]:.6g} THz;"
            f" expected at most {_LARGEST_WEIGHT_ABOVE:.0%}"
        )
    grid = spectrum.frequency_THz
    frequency = np.concatenate([[grid[0] / math.e], grid, [grid[-1]]])
    states = np.concatenate(
        [
            [spectrum.zero_frequency_weight],
            spectrum.dos_per_THz * trapezoid_weights(grid),
            [spectrum.weight_above],
        ]
    )
    return frequency, states * (spectrum.n_modes / spectrum.raw_area)
