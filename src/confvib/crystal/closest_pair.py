"""The smallest distance between two atoms of a periodic cell, for many frames at once."""

import itertools

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.lattice import shortest_lattice_vector_A

_IN_CACHE = 32
"""Frames worked on at a time."""


def closest_pair_distances_A(
    cells: NDArray[np.float64], positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find the smallest interatomic distance of every frame, images included.

    Differences are wrapped to the nearest lattice point along each axis. That is the
    nearest image of any pair closer than half the smallest height of the cell, so it is
    the answer if it is that short; other frames, of cells with few or distant atoms, are
    searched over all images that can be nearer.

    Args:
        cells: Lattice vectors in rows [Å], ``(B, 3, 3)``.
        positions: Cartesian positions, wrapped or not [Å], ``(B, N, 3)``.

    Returns:
        Distances [Å], ``(B,)``; NaN where a number is not finite or a cell is flat.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        usable = np.isfinite(positions).all(axis=(1, 2)) & (
            np.abs(np.linalg.det(cells)) > 1e-6
        )
    found = np.full(len(cells), np.nan)
    cells, positions = cells[usable], positions[usable]
    inverse = np.linalg.inv(cells)
    distance = np.empty(len(cells))
    for start in range(0, len(cells), _IN_CACHE):
        part = slice(start, start + _IN_CACHE)
        distance[part] = _wrapped(cells[part], positions[part] @ inverse[part])
    half_height = 0.5 / np.linalg.norm(inverse, axis=1).max(axis=1)
    for frame in np.flatnonzero(~(distance <= half_height)):
        distance[frame] = _searched(cells[frame], positions[frame])
    found[usable] = distance
    return found


def _wrapped(
    cells: NDArray[np.float64], fractional: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Measure every pair once: each atom with the one k places on, cyclically."""
    metric = cells @ cells.transpose(0, 2, 1)
    n_atoms = fractional.shape[1]
    # One array per coordinate, atoms last and twice, so that a shift is a view.
    once = fractional.transpose(2, 0, 1)
    twice = np.concatenate([once, once], axis=2)
    smallest = np.full(len(cells), np.inf)
    for k in range(1, n_atoms // 2 + 1):
        steps = twice[:, :, :n_atoms] - twice[:, :, k : k + n_atoms]
        steps -= np.rint(steps)
        squared = np.zeros(steps.shape[1:])
        for a, b in itertools.combinations_with_replacement(range(3), 2):
            factor = metric[:, a, b] * (1.0 if a == b else 2.0)
            if factor.any():
                squared += factor[:, None] * steps[a] * steps[b]
        np.minimum(smallest, squared.min(axis=1), out=smallest)
    return np.sqrt(np.maximum(smallest, 0.0))


def _searched(cell: NDArray[np.float64], positions: NDArray[np.float64]) -> np.float64:
    """Measure every pair in all images that may be nearest, and every atom's own."""
    own = shortest_lattice_vector_A(cell)
    inverse = np.linalg.inv(cell)
    # Along an axis of height h, the n-th image of a wrapped pair is (n - 1/2) h away.
    reach = np.ceil(own * np.linalg.norm(inverse, axis=0) + 0.5).astype(int)
    images = itertools.product(*(range(-n, n + 1) for n in reach))
    i, j = np.triu_indices(len(positions), 1)
    steps = (positions[i] - positions[j]) @ inverse
    steps -= np.rint(steps)
    near = [
        np.linalg.norm((steps + image) @ cell, axis=1).min(initial=own)
        for image in images
    ]
    return np.float64(min(near))
