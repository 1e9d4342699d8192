"""The modes of a cell by phonopy from finite displacements: another code, another way."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics.state import EnergyFn
from confvib.errors import DynamicsError

DISPLACEMENT_A = 5e-4
"""Central differences err by its square; in float64 rounding is far below."""


@dataclass(frozen=True)
class PhonopyModes:
    """Hold what phonopy says about one cell.

    Attributes:
        frequencies_THz: Frequencies at Γ but for the three translations, ascending,
            imaginary ones negative, shape (3N - 3,).
        free_energy_eV: Quantum harmonic free energy per cell, shape (T,).
        entropy_eV_per_K: Its entropy, shape (T,).
    """

    frequencies_THz: np.ndarray
    free_energy_eV: np.ndarray
    entropy_eV_per_K: np.ndarray


def phonopy_modes(
    energy_fn: EnergyFn,
    positions: np.ndarray,
    numbers: np.ndarray,
    masses_amu: np.ndarray,
    cell: np.ndarray,
    temperatures_K: np.ndarray,
) -> PhonopyModes:
    """Let phonopy displace every atom both ways along the axes and do the rest.

    The cell is its own supercell and no symmetry is used.

    Args:
        energy_fn: Energy of one cell.
        positions: Stationary point [Å], shape (N, 3), float64.
        numbers: Atomic numbers, shape (N,).
        masses_amu: Masses [amu], shape (N,).
        cell: Lattice vectors as rows [Å], shape (3, 3).
        temperatures_K: Temperatures [K], shape (T,).

    Returns:
        Frequencies and thermal properties.

    Raises:
        DynamicsError: phonopy is not installed.

    Source:
        Togo, Chaput, Tadano and Tanaka, J. Phys.: Condens. Matter 35, 353001 (2023).
    """
    try:
        from phonopy import Phonopy
        from phonopy.physical_units import get_physical_units
        from phonopy.structure.atoms import PhonopyAtoms
    except ImportError:
        raise DynamicsError(
            "phonopy is not installed; expected the extra: pip install "
            "'confvib[crosscheck]'"
        ) from None
    crystal = PhonopyAtoms(
        numbers=numbers, masses=masses_amu, cell=cell, positions=positions
    )
    phonon = Phonopy(
        crystal, supercell_matrix=[1, 1, 1], primitive_matrix="P", is_symmetry=False
    )
    phonon.generate_displacements(
        distance=DISPLACEMENT_A, is_plusminus=True, is_diagonal=False
    )
    displaced = np.repeat(positions[None], len(phonon.displacements), axis=0)
    for row, (atom, *shift) in zip(displaced, phonon.displacements, strict=True):
        row[int(atom)] += shift
    phonon.forces = _forces(energy_fn, displaced)
    phonon.produce_force_constants(show_drift=False)
    gamma = phonon.run_qpoints([[0.0, 0.0, 0.0]]).frequencies[0]
    phonon.run_mesh([1, 1, 1])
    thermal = phonon.run_thermal_properties(
        temperatures=temperatures_K, exclude_gamma_acoustic=True
    )
    per_eV = get_physical_units().EvTokJmol
    frequencies = np.asarray(gamma, np.float64)
    acoustic = np.argsort(np.abs(frequencies))[:3]
    return PhonopyModes(
        frequencies_THz=np.sort(np.delete(frequencies, acoustic)),
        free_energy_eV=np.asarray(thermal.free_energy) / per_eV,
        entropy_eV_per_K=np.asarray(thermal.entropy) / per_eV / 1000,
    )


def _forces(energy_fn: EnergyFn, displaced: np.ndarray) -> np.ndarray:
    """Return the forces of many geometries in one program, shape (D, N, 3) [eV/Å]."""
    gradient = jax.grad(lambda positions: energy_fn(positions)[0])
    return -np.asarray(
        jax.jit(lambda x: jax.lax.map(gradient, x))(jnp.asarray(displaced))
    )
