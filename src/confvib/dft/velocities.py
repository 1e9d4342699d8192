"""Initial velocities of molecular dynamics, written into POSCAR."""

import numpy as np
from numpy.typing import NDArray

from confvib.errors import LabelError
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV


def thermal_velocities(
    masses_amu: NDArray[np.float64], temperature_K: float, seed: int
) -> NDArray[np.float64]:
    r"""Draw velocities of zero momentum and exactly the given temperature.

    .. math:: \sum_i m_i v_i^2 / 2 = (3N - 3) k_B T / 2

    Args:
        masses_amu: Masses [amu], shape (N,), N >= 2.
        temperature_K: Temperature [K], > 0.
        seed: Seed of the generator, >= 0.

    Returns:
        Velocities [Å/fs], shape (N, 3).

    Raises:
        LabelError: There are fewer than two atoms.
    """
    if len(masses_amu) < 2:
        raise LabelError(
            f"{len(masses_amu)} atom(s) have no temperature, expected at least 2"
        )
    masses = np.asarray(masses_amu, dtype=np.float64)[:, None]
    drawn = np.random.default_rng(seed).standard_normal((len(masses), 3))
    drawn /= np.sqrt(masses)
    drawn -= (masses * drawn).sum(axis=0) / masses.sum()
    kinetic_eV = 0.5 * KINETIC_EV * (masses * drawn**2).sum()
    wanted_eV = 0.5 * (3 * len(masses) - 3) * BOLTZMANN_EV_PER_K * temperature_K
    return drawn * np.sqrt(wanted_eV / kinetic_eV)
