"""Does a foreign cell describe the parent's lattice, and with which axes?"""

import itertools
from functools import cache

import numpy as np
from numpy.typing import NDArray

LENGTH_TOLERANCE = 0.02
"""Relative difference of a lattice parameter after one scale for all: relaxed cells."""

SCALE_TOLERANCE = 0.05
"""Relative difference of the scale itself: another functional, another temperature."""

ANGLE_TOLERANCE_DEG = 2.0
"""Difference of a cell angle."""

_NAMES = ("a", "b", "c", "α", "β", "γ")


def isotropic_scale(cell: NDArray[np.float64], parent_cell: NDArray[np.float64]) -> float:
    r"""Compare the sizes of two cells, \((V / V_0)^{1/3}\).

    Args:
        cell: cell vectors as rows [Å], (3, 3).
        parent_cell: likewise.

    Returns:
        The factor between their lengths.
    """
    ratio = np.linalg.det(cell) / np.linalg.det(parent_cell)
    return float(np.cbrt(abs(ratio)))


def same_lattice_settings(
    cell: NDArray[np.float64], parent_cell: NDArray[np.float64]
) -> NDArray[np.int64]:
    r"""Find the axes in which a cell has the parent's lattice parameters.

    The vectors \(P A\) are tried for every unimodular P of zeros and signed ones, which
    includes exchanged and inverted axes and the rotations of a hexagonal cell.

    Args:
        cell: cell vectors A as rows [Å], (3, 3).
        parent_cell: the parent's.

    Returns:
        The matrices P that fit, the one that changes least first, (n, 3, 3); none if
        the lattice is another one.
    """
    scale = isotropic_scale(cell, parent_cell)
    settings = _unimodular()
    if abs(scale - 1.0) > SCALE_TOLERANCE:
        return settings[:0]
    expected = _parameters((parent_cell @ parent_cell.T)[None])[0]
    metric = settings @ (cell @ cell.T) @ np.swapaxes(settings, 1, 2)
    found = _parameters(metric)
    lengths = np.abs(found[:, :3] / (scale * expected[:3]) - 1.0)
    angles = np.abs(found[:, 3:] - expected[3:])
    fits = np.all(lengths < LENGTH_TOLERANCE, axis=1)
    return settings[fits & np.all(angles < ANGLE_TOLERANCE_DEG, axis=1)]


def lattice_difference(
    cell: NDArray[np.float64], parent_cell: NDArray[np.float64]
) -> str:
    """Say which lattice parameters differ.

    Args:
        cell: cell vectors as rows [Å], (3, 3).
        parent_cell: the parent's.

    Returns:
        One sentence with every parameter beyond the tolerances.
    """
    scale = isotropic_scale(cell, parent_cell)
    scalable = abs(scale - 1.0) <= SCALE_TOLERANCE
    found, expected = (_parameters((c @ c.T)[None])[0] for c in (cell, parent_cell))
    ratios = found[:3] / expected[:3] / (scale if scalable else 1.0)
    parts = []
    for number, name in enumerate(_NAMES):
        values = found[number], expected[number]
        if number < 3 and abs(ratios[number] - 1.0) > LENGTH_TOLERANCE:
            parts.append(f"{name} = {values[0]:.4f} Å, expected {values[1]:.4f} Å")
        if number >= 3 and abs(values[0] - values[1]) > ANGLE_TOLERANCE_DEG:
            parts.append(f"{name} = {values[0]:.2f}°, expected {values[1]:.2f}°")
    scaled = "" if scalable else f", all lengths by {SCALE_TOLERANCE:.0%}"
    return (
        f"the cell has {'; '.join(parts) or f'{scale:.4f} times the size'} "
        f"(lengths may differ by {LENGTH_TOLERANCE:.0%}{scaled}, angles by "
        f"{ANGLE_TOLERANCE_DEG:g}°)"
    )


@cache
def _unimodular() -> NDArray[np.int64]:
    matrices = np.array(list(itertools.product((0, 1, -1), repeat=9))).reshape(-1, 3, 3)
    whole = np.round(np.linalg.det(matrices)).astype(np.int64)
    matrices = matrices[np.abs(whole) == 1]
    change = np.abs(matrices - np.eye(3, dtype=np.int64)).sum(axis=(1, 2))
    return matrices[np.argsort(change, kind="stable")]


def _parameters(metric: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths [Å] and angles [degrees] of metric tensors, (n, 6)."""
    lengths = np.sqrt(np.einsum("nii->ni", metric))
    pairs = [(1, 2), (0, 2), (0, 1)]
    cosines = [metric[:, i, j] / (lengths[:, i] * lengths[:, j]) for i, j in pairs]
    angles = np.degrees(np.arccos(np.clip(np.stack(cosines, axis=1), -1.0, 1.0)))
    return np.concatenate([lengths, angles], axis=1)
