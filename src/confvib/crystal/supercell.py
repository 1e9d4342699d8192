"""Supercells of the parent: repeated sites, and the operations that survive."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.cif import CifSites
from confvib.crystal.lattice import wrap
from confvib.crystal.symmetry import Orbit, Symmetry, find_symmetry
from confvib.errors import CrystalError

Supercell: TypeAlias = Sequence[int] | Sequence[Sequence[int]]
"""Three repeats, or the new cell vectors as rows in units of the old ones."""

_WHOLE = 1e-9
"""Entries of exact integer matrices miss an integer by rounding only."""


def supercell_matrix(supercell: Supercell) -> NDArray[np.int64]:
    """Read three repeats or a matrix as the matrix P of new cell vectors P A.

    Args:
        supercell: as written in the campaign.

    Returns:
        P, (3, 3).

    Raises:
        CrystalError: not three repeats and not 3 x 3 integers, or no positive volume.
    """
    matrix = np.asarray(supercell)
    if matrix.shape == (3,):
        matrix = np.diag(matrix)
    if matrix.shape != (3, 3) or not np.issubdtype(matrix.dtype, np.integer):
        raise CrystalError(
            f"supercell {supercell}: expected three whole numbers, or three rows of three"
        )
    if round(float(np.linalg.det(matrix))) < 1:
        raise CrystalError(
            f"supercell {supercell}: has determinant "
            f"{round(float(np.linalg.det(matrix)))}, expected at least 1"
        )
    return matrix.astype(np.int64)


def repeat_crystal(
    sites: CifSites, symmetry: Symmetry, matrix: NDArray[np.int64], symprec_A: float
) -> tuple[CifSites, Symmetry]:
    r"""Repeat a crystal and keep the operations that its new lattice allows.

    With new cell vectors \(A' = P A\) a column of fractional coordinates becomes
    \(x' = P^{-T} x\), so an operation \((W, w)\) becomes
    \((P^{-T} W P^T, P^{-T} (w + t))\) for every old lattice vector t in the new cell.
    It maps the new lattice onto itself where that matrix is whole.

    Args:
        sites: sites of the old cell.
        symmetry: its operations and orbits.
        matrix: P, (3, 3).
        symprec_A: distance tolerance of symmetry [Å].

    Returns:
        The sites of the new cell and its operations. Orbits keep their names: sites
        that the crystal makes alike stay one group even if the new cell is less
        symmetric.
    """
    shifts = _lattice_vectors(matrix)
    to_new = np.linalg.inv(matrix.T.astype(np.float64))
    n_copies = len(shifts)
    fractional = (sites.fractional[:, None] + shifts[None]).reshape(-1, 3) @ to_new.T
    repeated = CifSites(
        cell=matrix @ sites.cell,
        labels=tuple(label for label in sites.labels for _ in range(n_copies)),
        contents=tuple(content for content in sites.contents for _ in range(n_copies)),
        fractional=wrap(fractional),
    )
    if not symmetry.complete:
        # The old cell is itself less symmetric than the crystal; the new one may regain
        # operations that the old one does not know.
        larger = find_symmetry(repeated, symprec_A=symprec_A)
        return repeated, replace(larger, orbits=_repeated(symmetry.orbits, n_copies))
    rotations = to_new @ symmetry.rotations @ matrix.T
    whole = np.all(np.abs(rotations - np.round(rotations)) < _WHOLE, axis=(1, 2))
    translations = (symmetry.translations[whole, None] + shifts[None]) @ to_new.T
    return repeated, Symmetry(
        space_group=symmetry.space_group,
        rotations=np.repeat(np.round(rotations[whole]).astype(np.int64), n_copies, 0),
        translations=wrap(translations.reshape(-1, 3)),
        orbits=_repeated(symmetry.orbits, n_copies),
    )


def _repeated(orbits: Sequence[Orbit], n_copies: int) -> tuple[Orbit, ...]:
    return tuple(
        replace(
            orbit,
            indices=(orbit.indices[:, None] * n_copies + np.arange(n_copies)).ravel(),
        )
        for orbit in orbits
    )


def _lattice_vectors(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """Old lattice vectors inside the new cell, in a fixed order, (det P, 3)."""
    corners = np.array(list(itertools.product((0, 1), repeat=3))) @ matrix
    low, high = corners.min(axis=0), corners.max(axis=0)
    ranges = [range(a, b + 1) for a, b in zip(low, high, strict=True)]
    points = np.array(list(itertools.product(*ranges)), dtype=np.int64)
    inside = points @ np.linalg.inv(matrix.astype(np.float64))
    kept = np.all((inside > -_WHOLE) & (inside < 1.0 - _WHOLE), axis=1)
    return points[kept]
