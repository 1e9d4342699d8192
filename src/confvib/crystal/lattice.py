"""Periodic geometry: wrapped coordinates, minimum images, a stable order of points."""

import itertools

import numpy as np
from numpy.typing import NDArray

_ZERO = 1e-9
"""Fractional coordinates this close to a lattice plane are on it."""

_SAME_COORDINATE = 1e-7
"""Coordinates closer than this are one number with different rounding noise."""


def wrap(fractional: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move fractional coordinates into [0, 1), with values just below 1 at 0.

    Args:
        fractional: coordinates in units of the cell vectors, any shape.

    Returns:
        The wrapped coordinates, same shape.
    """
    wrapped = fractional - np.floor(fractional)
    return np.where((wrapped < _ZERO) | (wrapped > 1.0 - _ZERO), 0.0, wrapped)


def coordinate_order(fractional: NDArray[np.float64]) -> NDArray[np.intp]:
    """Sort points by x, then y, then z, blind to rounding noise.

    Values along one axis that differ by less than 1e-7 count as equal: rounding
    to a fixed number of digits would instead split them wherever one sits on a
    rounding boundary, and the order would depend on the machine.

    Args:
        fractional: wrapped coordinates, (n, 3).

    Returns:
        Indices that sort the points, (n,).
    """
    ranks = []
    for column in fractional.T:
        order = np.argsort(column, kind="stable")
        steps = np.diff(column[order], prepend=column[order[:1]]) > _SAME_COORDINATE
        rank = np.empty(len(column), dtype=np.intp)
        rank[order] = np.cumsum(steps)
        ranks.append(rank)
    return np.lexsort(ranks[::-1])


def minimum_image_distances(
    cell: NDArray[np.float64], fractional: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Measure the shortest periodic image of difference vectors.

    \(d = \min_{n \in \mathbb{Z}^3} |(\Delta s + n) A|\), in a reduced cell and over
    as many images as the shape of that cell can need, so that skewed and small
    cells are right too.

    Args:
        cell: cell vectors as rows [Å], (3, 3).
        fractional: difference vectors in units of the cell vectors, (..., 3).

    Returns:
        Distances [Å], (...).
    """
    reduced, images = _reduced_images(cell)
    relative = fractional @ cell @ np.linalg.inv(reduced)
    base = (relative - np.round(relative)) @ reduced
    squared = np.full(base.shape[:-1], np.inf)
    for image in images @ reduced:
        np.minimum(squared, np.sum((base + image) ** 2, axis=-1), out=squared)
    return np.sqrt(squared)


def shortest_lattice_vector_A(cell: NDArray[np.float64]) -> float:
    """Measure the distance from a site to its own nearest periodic image.

    Args:
        cell: cell vectors as rows [Å], (3, 3).

    Returns:
        Length of the shortest lattice vector [Å].
    """
    from ase.geometry.minkowski_reduction import minkowski_reduce

    # A Minkowski-reduced basis holds a shortest vector of the lattice.
    return float(np.linalg.norm(minkowski_reduce(cell)[0], axis=1).min())


def _reduced_images(
    cell: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from ase.geometry.minkowski_reduction import minkowski_reduce

    reduced = np.asarray(minkowski_reduce(cell)[0], dtype=np.float64)
    gram = reduced @ reduced.T
    if np.allclose(gram, np.diag(np.diag(gram)), rtol=0.0, atol=1e-12 * gram.max()):
        # Rounding coordinates already finds the nearest image.
        return reduced, np.zeros((1, 3))
    # The nearest-plane bound: no point is farther from the lattice than half the root
    # of the summed squared edges. An image that could be that near lies within so
    # many lattice planes.
    radius = np.sqrt(np.trace(gram)) / 2
    heights = 1.0 / np.linalg.norm(np.linalg.inv(reduced), axis=0)
    reach = np.floor(radius / heights + 0.5).astype(int)
    steps = [range(-int(n), int(n) + 1) for n in np.maximum(reach, 1)]
    return reduced, np.array(list(itertools.product(*steps)), dtype=np.float64)
