"""Frames whose atoms sit where those of an earlier frame do."""

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

TOLERANCE_A = 1e-4
"""Length that the numbers which name a geometry are rounded to."""

_N_NUMBERS = 8


class SeenGeometries:
    """Remembers geometries by a few numbers each, whatever their size.

    A geometry is named by eight random projections of its atoms' positions, periodic in
    the cell, and of the cell itself, each rounded to 1e-4 Å. Frames that differ by
    rounding noise have one name; frames whose atoms differ by 1e-3 Å have not.
    """

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}

    def add(
        self, rows: NDArray[np.intp], numbers: NDArray, cells: NDArray, positions: NDArray
    ) -> NDArray[np.intp]:
        """Look up frames and remember those that are new.

        Args:
            rows: Rows that frames are remembered by, ``(B,)``.
            numbers: Atomic numbers, ``(B, N)``.
            cells: Lattice vectors in rows [Å], ``(B, 3, 3)``.
            positions: Cartesian positions, wrapped or not [Å], ``(B, N, 3)``.

        Returns:
            Row of the first frame with this geometry, ``(B,)``; a new one has its own.
        """
        rounded = np.rint(_projections_A(cells, positions) / TOLERANCE_A)
        named = zip(
            rows,
            np.ascontiguousarray(numbers, np.int64),
            rounded.astype(np.int64),
            strict=True,
        )
        return np.array(
            [
                self._first.setdefault(_name(species, values), int(row))
                for row, species, values in named
            ],
            np.intp,
        )


def _name(species: NDArray[np.int64], values: NDArray[np.int64]) -> bytes:
    content = species.tobytes() + values.tobytes()
    return hashlib.blake2b(content, digest_size=16).digest()


def _projections_A(cells: NDArray, positions: NDArray) -> NDArray[np.float64]:
    """Project each frame on fixed random directions, ``(B, 8)``.

    Each direction has unit length, so that a projection moves as far as the atoms do
    along it; the sine makes it the same for every image of an atom.
    """
    n_frames, n_atoms, _ = positions.shape
    sines, cosines, edges = _directions(n_atoms)
    inverse = np.linalg.inv(cells)
    heights = 1.0 / np.linalg.norm(inverse, axis=1)  # (B, 3)
    angle = 2 * np.pi * (positions @ inverse)
    scale = (heights / (2 * np.pi))[:, None, :]
    return (
        (scale * np.sin(angle)).reshape(n_frames, -1) @ sines
        + (scale * np.cos(angle)).reshape(n_frames, -1) @ cosines
        + np.reshape(cells, (n_frames, 9)) @ edges
    )


@cache
def _directions(n_atoms: int) -> tuple[NDArray, NDArray, NDArray]:
    rng = np.random.default_rng(0)
    weights = _unit(rng.normal(size=(3 * n_atoms, _N_NUMBERS)))
    phase = rng.uniform(0, 2 * np.pi, size=weights.shape)
    edges = _unit(rng.normal(size=(9, _N_NUMBERS)))
    return weights * np.cos(phase), weights * np.sin(phase), edges


def _unit(columns: NDArray) -> NDArray:
    return columns / np.linalg.norm(columns, axis=0)
