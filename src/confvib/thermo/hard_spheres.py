"""The gas of two-phase thermodynamics: hard spheres, from ideal to nearly solid."""

import math

import numpy as np

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import positive_scalar
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV, PLANCK_EV_PER_THZ

RANDOM_CLOSE_PACKING = 0.64
"""Packing fraction above which hard spheres are no fluid (f < 0.069, Δ < 0.0155).

The entropy of the gas falls there as -1.6 N f^(1/3) k_B, so that the least s(0), of noise
or of the ends of a run, would cost a solid species tenths of k_B per atom.
"""

_A_PER_FS_IN_PS = 1e3
_HALVINGS = 80


def fluidity(delta: float) -> float:
    r"""Solve for the share of atoms that are gas.

    .. math:: 2\Delta^{-9/2} f^{15/2} - 6\Delta^{-3} f^5 - \Delta^{-3/2} f^{7/2}
              + 6\Delta^{-3/2} f^{5/2} + 2f - 2 = 0

    With the packing of the gas :math:`\eta = f^{5/2}\Delta^{-3/2}` this is
    :math:`f = 2(1 - \eta)^3 / (2 - \eta)`: as η goes from 0 to 1, f falls from 1 to 0 and
    :math:`\Delta = f^{5/3}\eta^{-2/3}` from infinity to 0, so there is one solution.

    Args:
        delta: Normalised diffusivity Δ >= 0.

    Returns:
        f, from 0 (Δ = 0, a solid) to 1 (Δ to infinity, an ideal gas).

    Raises:
        ThermodynamicsError: Δ is negative or not finite.

    Source: Lin, Blanco, Goddard, J. Chem. Phys. 119, 11792 (2003); docs/two_phase.md.
    """
    return 0.0 if delta == 0 else math.exp(_log_fluidity(_solution(delta)))


def packing_fraction(delta: float) -> float:
    r"""Return the packing fraction of the gas, :math:`\eta = f^{5/2}\Delta^{-3/2}`.

    Args:
        delta: Normalised diffusivity Δ >= 0.

    Returns:
        η, from 1 (Δ = 0) to 0 (Δ to infinity).

    Raises:
        ThermodynamicsError: Δ is negative or not finite.
    """
    return 1.0 if delta == 0 else math.exp(-np.logaddexp(0, -_solution(delta)))


def carnahan_starling_Z(packing: float) -> float:
    r"""Return the compressibility factor of hard spheres.

    .. math:: Z = P V / N k_B T = (1 + \eta + \eta^2 - \eta^3) / (1 - \eta)^3

    Args:
        packing: Packing fraction, 0 <= η < 1.

    Returns:
        Z.

    Source: Carnahan and Starling, J. Chem. Phys. 51, 635 (1969).
    """
    eta = packing
    return (1 + eta + eta**2 - eta**3) / (1 - eta) ** 3


def hard_sphere_entropy(
    mass_amu: float, temperature_K: float, volume_per_atom_A3: float, packing: float
) -> float:
    r"""Return the entropy of one atom of a gas of hard spheres, eV/K.

    .. math:: S_{HS}/k_B = \tfrac52 + \ln\frac{v}{\Lambda^3}
              - \frac{\eta(4 - 3\eta)}{(1 - \eta)^2}, \quad
              \Lambda = h / \sqrt{2\pi m k_B T}

    The last term is :math:`-\int_0^\eta (Z - 1)\,d\eta'/\eta'`, the excess over the ideal
    gas of the same volume. Lin et al. (2003) add ln Z, which belongs to the excess over
    an ideal gas of the same pressure; here the volume is given.

    Args:
        mass_amu: Mass of one atom.
        temperature_K: Temperature.
        volume_per_atom_A3: Volume v per atom of the gas.
        packing: Packing fraction, 0 <= η < 1; 0 is the ideal gas (Sackur-Tetrode).

    Returns:
        Entropy per atom of the gas, eV/K.

    Raises:
        ThermodynamicsError: A number is not positive, or η not in [0, 1).

    Source: Carnahan and Starling (1969), integrated; on ln Z see arXiv:1711.02041.
    """
    if not 0 <= packing < 1:
        raise ThermodynamicsError(f"packing is {packing}, expected 0 <= packing < 1")
    volume = positive_scalar("volume_per_atom_A3", volume_per_atom_A3)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    thermal = thermal_velocity_A_per_ps(mass_amu, temperature_K)
    # Λ = h / (m sqrt(2π kT/m)), and h/m = (h/kT) (kT/m).
    wavelength_A = PLANCK_EV_PER_THZ / kT_eV * thermal / math.sqrt(2 * math.pi)
    excess = packing * (4 - 3 * packing) / (1 - packing) ** 2
    return BOLTZMANN_EV_PER_K * (2.5 + math.log(volume / wavelength_A**3) - excess)


def thermal_velocity_A_per_ps(mass_amu: float, temperature_K: float) -> float:
    """Return the thermal velocity of one component, sqrt(kT/m), in Å/ps.

    Args:
        mass_amu: Mass of one atom.
        temperature_K: Temperature.

    Returns:
        The velocity.

    Raises:
        ThermodynamicsError: A number is not positive.
    """
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    mass = positive_scalar("mass_amu", mass_amu)
    return _A_PER_FS_IN_PS * math.sqrt(kT_eV / (mass * KINETIC_EV))


def _solution(delta: float) -> float:
    """Return ln(η / (1 - η)) of the gas, by bisection: accurate at both ends."""
    log_delta = math.log(positive_scalar("normalised diffusivity", delta))
    # Δ grows as η^(-2/3) at one end and falls as (1 - η)^5 at the other.
    low = -1.5 * max(log_delta, 0) - 10
    high = 0.2 * max(-log_delta, 0) + 10
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        log_packing = -np.logaddexp(0, -middle)
        if 5 * _log_fluidity(middle) - 2 * log_packing > 3 * log_delta:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _log_fluidity(logit: float) -> float:
    log_free = -np.logaddexp(0, logit)  # ln(1 - η)
    return float(math.log(2) + 3 * log_free - np.log1p(np.exp(log_free)))
