"""Normal modes of a cell, rigid translations projected out."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from confvib.errors import DynamicsError
from confvib.units import FREQUENCY_THZ


@dataclass(frozen=True)
class NormalModes:
    """Hold the vibrations of one cell at one point of its energy surface.

    Attributes:
        frequencies_THz: Frequencies [THz], ascending, shape (3N - 3,); an imaginary
            frequency iν is stored as -ν.
        n_imaginary: Number of frequencies below the threshold.
        sum_rule_residual: max |Σ_j H_ij| / max |H_ij|; zero for an energy that does not
            change when all atoms move together.
        acoustic_residual_THz: Largest |frequency| of the three rigid translations [THz].
        lowest_mode: Displacements of the lowest mode, largest of length 1, shape (N, 3).
    """

    frequencies_THz: np.ndarray
    n_imaginary: int
    sum_rule_residual: float
    acoustic_residual_THz: float
    lowest_mode: np.ndarray


def normal_modes(
    hessian_eV_per_A2: np.ndarray,
    masses_amu: np.ndarray,
    *,
    imaginary_threshold_THz: float = -0.05,
) -> NormalModes:
    r"""Diagonalise the mass-weighted Hessian orthogonal to the rigid translations.

    .. math:: D = M^{-1/2} H M^{-1/2}, \qquad \nu = \sqrt{\lambda(Q^T D Q)} / 2\pi

    The columns of Q span what is orthogonal to the three vectors M^{1/2} e_a, so that no
    soft vibration is mistaken for a translation.

    Args:
        hessian_eV_per_A2: Symmetric finite H [eV/Å²], shape (3N, 3N).
        masses_amu: Masses [amu], shape (N,), positive.
        imaginary_threshold_THz: Frequencies below this count as imaginary [THz], <= 0.

    Returns:
        The 3N - 3 vibrations.

    Raises:
        DynamicsError: Shapes do not fit, or a value is not finite or not positive.
    """
    masses = np.asarray(masses_amu, np.float64)
    matrix = np.asarray(hessian_eV_per_A2, np.float64)
    _check(matrix, masses, imaginary_threshold_THz)
    n_atoms = len(masses)
    root = np.repeat(np.sqrt(masses), 3)
    dynamical = matrix / np.outer(root, root)
    basis, _ = np.linalg.qr(np.kron(np.sqrt(masses)[:, None], np.eye(3)), mode="complete")
    rigid, inner = basis[:, :3], basis[:, 3:]
    eigenvalues, vectors = linalg.eigh(inner.T @ dynamical @ inner)
    frequencies = _frequency_THz(eigenvalues)
    lowest = ((inner @ vectors[:, 0]) / root).reshape(n_atoms, 3)
    net_force = matrix.reshape(3 * n_atoms, n_atoms, 3).sum(axis=1)
    largest = np.abs(matrix).max()
    acoustic = np.linalg.eigvalsh(rigid.T @ dynamical @ rigid)
    return NormalModes(
        frequencies_THz=frequencies,
        n_imaginary=int((frequencies < imaginary_threshold_THz).sum()),
        sum_rule_residual=float(np.abs(net_force).max() / largest) if largest else 0.0,
        acoustic_residual_THz=float(np.abs(_frequency_THz(acoustic)).max()),
        lowest_mode=lowest / np.linalg.norm(lowest, axis=1).max(),
    )


def _frequency_THz(eigenvalues: np.ndarray) -> np.ndarray:
    return FREQUENCY_THZ * np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues))


def _check(matrix: np.ndarray, masses: np.ndarray, threshold: float) -> None:
    if masses.ndim != 1 or len(masses) < 2 or not (masses > 0).all():
        raise DynamicsError(
            f"masses_amu are {masses}; expected at least two positive numbers"
        )
    size = 3 * len(masses)
    if matrix.shape != (size, size):
        raise DynamicsError(
            f"the Hessian has shape {matrix.shape}; expected {(size, size)}"
        )
    if not np.isfinite(matrix).all():
        raise DynamicsError("the Hessian has values that are not finite")
    if threshold > 0:
        raise DynamicsError(f"imaginary_threshold_THz is {threshold}; expected <= 0")
