"""Nearest images in one cell, for many difference vectors that matter when short."""

import numpy as np
from numpy.typing import NDArray


class PeriodicCell:
    """A cell reduced once, in which rounding finds the image of a short vector.

    Attributes:
        reach_A: a vector shorter than this is found exactly [Å]; longer ones are exact
            in rectangular cells and upper bounds in others.
    """

    def __init__(self, cell: NDArray[np.float64]) -> None:
        """Reduce the cell.

        Args:
            cell: cell vectors as rows [Å], (3, 3).
        """
        from ase.geometry.minkowski_reduction import minkowski_reduce

        self._reduced = np.asarray(minkowski_reduce(cell)[0], dtype=np.float64)
        self._to_reduced = cell @ np.linalg.inv(self._reduced)
        # A component below one half is the one that rounding leaves.
        thickness_A = 1.0 / np.linalg.norm(np.linalg.inv(self._reduced), axis=0)
        self.reach_A = float(thickness_A.min() / 2)

    def vectors_A(self, fractional: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the image of each difference vector nearest to zero.

        Args:
            fractional: differences in units of the cell vectors, (..., 3).

        Returns:
            Cartesian vectors [Å], (..., 3).
        """
        relative = fractional @ self._to_reduced
        return (relative - np.round(relative)) @ self._reduced

    def distances_A(self, fractional: NDArray[np.float64]) -> NDArray[np.float64]:
        """Measure each difference vector.

        Args:
            fractional: differences in units of the cell vectors, (..., 3).

        Returns:
            Distances [Å], (...).
        """
        vectors = self.vectors_A(fractional)
        return np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
