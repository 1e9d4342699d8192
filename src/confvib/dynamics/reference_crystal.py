"""Crystals of springs whose free energy is exact, from which integrations start."""

from dataclasses import dataclass

import jax
import numpy as np
from scipy import linalg

from confvib.dynamics.modes import normal_modes
from confvib.dynamics.state import as_masses
from confvib.errors import DynamicsError
from confvib.thermo.harmonic import Statistics, harmonic_from_modes
from confvib.units import BOLTZMANN_EV_PER_K


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ReferenceCrystal:
    """Hold an energy that is quadratic in the displacements.

    Attributes:
        positions: Sites R0 [Å], shape (N, 3).
        energy_eV: Energy on the sites [eV per cell], scalar.
        stiffness_eV_per_A2: K of u^T K u / 2, symmetric, shape (3N, 3N).
        masses_amu: Masses [amu], shape (N,); they define the centre that is at rest.
    """

    positions: jax.Array | np.ndarray
    energy_eV: jax.Array | np.float64
    stiffness_eV_per_A2: jax.Array | np.ndarray
    masses_amu: jax.Array | np.ndarray

    def displacements(self, positions: jax.Array) -> jax.Array:
        """Return u = R - R0 with the centre of mass moved back, shape (N, 3) [Å]."""
        away = positions - self.positions
        masses = as_masses(self.masses_amu, positions)
        return away - (masses * away).sum(0) / masses.sum()

    def energy(self, positions: jax.Array) -> jax.Array:
        """Return the energy [eV per cell]; it does not see the centre of mass."""
        flat = self.displacements(positions).reshape(-1)
        return self.energy_eV + 0.5 * flat @ (self.stiffness_eV_per_A2 @ flat)

    def free_energy_eV(self, temperature_K: float, statistics: Statistics) -> float:
        """Return the exact free energy of its 3N - 3 modes [eV per cell].

        Raises:
            ThermodynamicsError: A mode is not stable.
        """
        stiffness = np.asarray(self.stiffness_eV_per_A2)
        modes = normal_modes(stiffness, np.asarray(self.masses_amu))
        thermo = harmonic_from_modes(
            modes.frequencies_THz, [temperature_K], statistics=statistics
        )
        return float(self.energy_eV) + float(thermo.free_energy_eV[0])


def einstein_crystal(hessian: ReferenceCrystal, numbers: np.ndarray) -> ReferenceCrystal:
    r"""Return the Einstein crystal with the fluctuations of a Hessian, by species.

    .. math:: k_a = \frac{3 k_B T}{\langle u_a^2 \rangle}, \qquad
              \langle u u^T \rangle = k_B T\, H^{-1}

    with the classical fluctuations around a centre of mass at rest; T cancels.

    Args:
        hessian: The crystal whose springs are the Hessian of a minimum.
        numbers: Atomic numbers, shape (N,).

    Returns:
        Same sites and energy, one spring per species.

    Raises:
        DynamicsError: A mode of the Hessian is not stable.
    """
    masses = np.asarray(hessian.masses_amu)
    basis, root = _vibrations(masses)
    outward = basis / root
    matrix = outward.T @ np.asarray(hessian.stiffness_eV_per_A2) @ outward
    eigenvalues, vectors = linalg.eigh(matrix)
    if eigenvalues[0] <= 0:
        raise DynamicsError(
            "the lowest eigenvalue of the mass-weighted Hessian is "
            f"{eigenvalues[0]:.3g}; expected a minimum"
        )
    fluctuation = ((outward @ vectors) ** 2 / eigenvalues).sum(axis=1)
    squared = fluctuation.reshape(-1, 3).sum(axis=1)
    stiffness = np.empty(len(masses))
    for number in np.unique(numbers):
        chosen = numbers == number
        stiffness[chosen] = 3 / squared[chosen].mean()
    return ReferenceCrystal(
        hessian.positions, hessian.energy_eV, np.diag(np.repeat(stiffness, 3)), masses
    )


@dataclass(frozen=True)
class HarmonicCoupling:
    """What a coupling would be if the real crystal were its Hessian.

    Attributes:
        integrand_eV: <U_h - U_0> at every coupling, shape (L,).
        fields: Linear fields X of the mapped average, shape (L, 3N, 3N).
        divergence: Trace of each field, shape (L,).
    """

    integrand_eV: np.ndarray
    fields: np.ndarray
    divergence: np.ndarray


def harmonic_coupling(
    reference: ReferenceCrystal,
    hessian: ReferenceCrystal,
    couplings: np.ndarray,
    temperature_K: float,
) -> HarmonicCoupling:
    r"""Return the exact integrand of a harmonic crystal, and the field that finds it.

    .. math:: \langle U_h - U_0 \rangle_\lambda = \tfrac12 k_B T \operatorname{tr}
              [K_\lambda^{-1} (H - K)], \quad X_\lambda = \tfrac12 K_\lambda^{-1} (H - K)

    with :math:`K_\lambda = (1 - \lambda) K + \lambda H`, all mass-weighted and orthogonal
    to the translations.

    Args:
        reference: The crystal at λ = 0, with K.
        hessian: The harmonic crystal, with H.
        couplings: Values of λ in (0, 1), shape (L,).
        temperature_K: Temperature [K].

    Returns:
        Integrand and fields.

    Source:
        Moustafa, Schultz and Kofke, Phys. Rev. E 92, 043303 (2015);
        docs/formulation.md#integration.
    """
    masses = np.asarray(reference.masses_amu)
    basis, root = _vibrations(masses)
    outward, inward = basis / root, (basis * root).T
    start, end = (
        outward.T @ np.asarray(crystal.stiffness_eV_per_A2) @ outward
        for crystal in (reference, hessian)
    )
    fields, divergence = [], []
    for coupling in couplings:
        between = (1 - coupling) * start + coupling * end
        inner = 0.5 * linalg.solve(between, end - start, assume_a="pos")
        fields.append(outward @ inner @ inward)
        divergence.append(np.trace(inner))
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    return HarmonicCoupling(
        kT_eV * np.array(divergence), np.stack(fields), np.array(divergence)
    )


def _vibrations(masses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what spans the mass-weighted vibrations, (3N, 3N - 3), and sqrt(m)."""
    root = np.sqrt(masses)[:, None]
    basis, _ = np.linalg.qr(np.kron(root, np.eye(3)), mode="complete")
    return basis[:, 3:], np.repeat(root, 3, axis=0)
