"""Units and constants: eV, Å, fs, amu, K, THz; CODATA 2018 through scipy, in one place.

Energies in files are eV per cell. A quantity in another unit says so in its name.
"""

import math

from scipy import constants as codata

BOLTZMANN_EV_PER_K: float = codata.value("Boltzmann constant in eV/K")
"""Boltzmann constant [eV/K]."""

PLANCK_EV_PER_THZ: float = codata.value("Planck constant in eV/Hz") * 1e12
"""Energy quantum of one THz [eV/THz], so that E = PLANCK_EV_PER_THZ * frequency_THz."""

COULOMB_EV_A: float = codata.e / (4 * math.pi * codata.epsilon_0) * 1e10
"""Energy of two elementary charges 1 Å apart, e²/(4πε0) [eV Å]."""

_AMU_EV_FS2_PER_A2: float = codata.atomic_mass / codata.e * 1e10
"""One amu in eV fs² / Å²."""

ACCELERATION_A_PER_FS2: float = 1.0 / _AMU_EV_FS2_PER_A2
"""Acceleration of 1 amu under 1 eV/Å [Å/fs²]: a = ACCELERATION_A_PER_FS2 * F / m."""

KINETIC_EV: float = _AMU_EV_FS2_PER_A2
"""Converts m v² from amu (Å/fs)² to eV: E_kin = KINETIC_EV * m v² / 2."""

FREQUENCY_THZ: float = 1e3 * math.sqrt(ACCELERATION_A_PER_FS2) / (2 * math.pi)
"""Frequency [THz] of a unit eigenvalue of the mass-weighted Hessian [eV/(Å² amu)]."""
