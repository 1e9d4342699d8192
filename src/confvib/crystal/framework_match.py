r"""The parent's framework against foreign atoms: origins to try, which atom is where.

A motion takes coordinates s (rows) to \(s P^{-1} + t\): other axes, another origin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.parent import ParentCrystal
from confvib.crystal.periodic import PeriodicCell

_PROBES = 8
"""Places of a species that a trial shift must bring atoms to before all are tried."""

Motion = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Axes P (3, 3) and origin shift t (3,)."""


@dataclass(frozen=True, eq=False)
class FrameworkMatch:
    """Atoms found on every place of the framework.

    Attributes:
        fractional: all atoms, the mean displacement of the framework taken out, (n, 3).
        atoms: atom on each place, (F,).
        displacement_A: its distance from the place [Å], (F,).
    """

    fractional: NDArray[np.float64]
    atoms: NDArray[np.intp]
    displacement_A: NDArray[np.float64]


def moved(fractional: NDArray[np.float64], motion: Motion) -> NDArray[np.float64]:
    """Apply a motion.

    Args:
        fractional: coordinates, (n, 3).
        motion: axes P and shift t.

    Returns:
        Coordinates after it, (n, 3).
    """
    axes, shift = motion
    return fractional @ np.linalg.inv(axes) + shift


class Framework:
    """Fixed atoms of the parent, with what is needed to recognise them elsewhere.

    Attributes:
        numbers: atomic numbers of the places, (F,).
        places: their coordinates, (F, 3).
        cell: the parent's cell.
    """

    def __init__(self, parent: ParentCrystal) -> None:
        """Choose the species that origins are guessed from.

        Args:
            parent: the crystal.
        """
        self.numbers = parent.framework_numbers
        self.places = parent.framework_fractional
        self.cell = PeriodicCell(parent.cell)
        self._to_fractional = np.linalg.inv(parent.cell)
        species: list[int] = np.unique(self.numbers).tolist()
        rows = {z: np.flatnonzero(self.numbers == z) for z in species}
        # The rarest first: where little is compared, a wrong origin shows early.
        self._rows = dict(sorted(rows.items(), key=lambda item: len(item[1])))
        self._anchor = self._choose_anchor(set(parent.site_numbers.tolist()))

    def shifts(
        self,
        fractional: NDArray[np.float64],
        numbers: NDArray[np.int64],
        tolerance_A: float,
    ) -> NDArray[np.float64]:
        """List the origin shifts that could bring atoms onto the framework.

        Args:
            fractional: atoms in the parent's axes, (n, 3).
            numbers: their atomic numbers, (n,).
            tolerance_A: largest displacement of an atom [Å].

        Returns:
            Shifts, shortest first, (k, 3); the closest one if none fits.
        """
        places = self.places[self.numbers == self._anchor]
        atoms = fractional[numbers == self._anchor]
        # Where the anchor species is mobile too, the first atom may be an ion.
        first = atoms[: len(atoms) - len(places) + 1]
        shifts = (places[None] - first[:, None]).reshape(-1, 3)
        shifts -= np.round(shifts)
        shifts = shifts[np.argsort(self.cell.distances_A(shifts), kind="stable")]
        # The first atom may be displaced as far as the one looked at.
        radius_A = min(2 * tolerance_A, self.cell.reach_A)
        for number, rows in self._rows.items():
            atoms = fractional[numbers == number]
            for place in self.places[rows[:_PROBES]]:
                between = (place - shifts)[:, None] - atoms[None]
                nearest = self.cell.distances_A(between).min(axis=1)
                close = nearest <= radius_A
                if not close.any():
                    return shifts[[np.argmin(nearest)]]
                shifts = shifts[close]
        return shifts

    def match(
        self,
        fractional: NDArray[np.float64],
        numbers: NDArray[np.int64],
        tolerance_A: float,
    ) -> FrameworkMatch | None:
        """Find the atom of every place.

        Args:
            fractional: atoms near the parent's frame, (n, 3).
            numbers: their atomic numbers, (n,).
            tolerance_A: largest distance of an atom from its place, once the mean
                displacement is taken out [Å].

        Returns:
            The atoms; None if a place has none, or shares it with another.
        """
        atoms, vectors = self._assign(fractional, numbers)
        if len(np.unique(atoms)) < len(atoms):
            return None
        drift = vectors.mean(axis=0)
        displacement = np.linalg.norm(vectors - drift, axis=1)
        if displacement.max() > tolerance_A:
            return None
        return FrameworkMatch(
            fractional - drift @ self._to_fractional, atoms, displacement
        )

    def nearest(
        self, fractional: NDArray[np.float64], numbers: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Measure how far the nearest atoms are from the places.

        Args:
            fractional: atoms, (n, 3).
            numbers: their atomic numbers, (n,).

        Returns:
            Distances without the median displacement [Å], (F,); nearest atoms, (F,).
        """
        atoms, vectors = self._assign(fractional, numbers)
        return np.linalg.norm(vectors - np.median(vectors, axis=0), axis=1), atoms

    def _assign(
        self, fractional: NDArray[np.float64], numbers: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Nearest atom of its species to each place, and the vector to it [Å]."""
        nearest = np.empty(len(self.places), dtype=np.intp)
        vectors = np.empty((len(self.places), 3))
        for number, rows in self._rows.items():
            atoms = np.flatnonzero(numbers == number)
            between = self.cell.vectors_A(fractional[atoms] - self.places[rows, None])
            closest = np.argmin(np.einsum("ijk,ijk->ij", between, between), axis=1)
            nearest[rows] = atoms[closest]
            vectors[rows] = between[np.arange(len(rows)), closest]
        return nearest, vectors

    def _choose_anchor(self, mobile: set[int]) -> int:
        # Few and immobile atoms leave few origins to try.
        def trials(number: int) -> tuple[bool, int, int]:
            return number in mobile, len(self._rows[number]), number

        return min(self._rows, key=trials, default=0)
