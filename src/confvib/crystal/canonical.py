"""Distinct configurations among arrangements that come in any order and setting."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.bitsets import Permuter, pack_words, unpack_words
from confvib.crystal.orbits import smallest_images
from confvib.crystal.parent import ParentCrystal


@dataclass(frozen=True, eq=False)
class CanonicalOrbits:
    """The configurations that a list of arrangements stands for.

    Attributes:
        occupancy: canonical rows in canonical order, (k, M).
        multiplicity: arrangements in each orbit, (k,).
        orbit_of: row that each arrangement belongs to, (n,).
    """

    occupancy: NDArray[np.bool_]
    multiplicity: NDArray[np.int64]
    orbit_of: NDArray[np.intp]


def canonical_orbits(
    parent: ParentCrystal, occupancy: NDArray[np.bool_]
) -> CanonicalOrbits:
    """Merge arrangements that a symmetry operation of the crystal maps onto each other.

    Args:
        parent: the crystal.
        occupancy: occupied places, (n, M).

    Returns:
        The distinct configurations.
    """
    permuter = Permuter.build(parent.permutations)
    words, sizes = smallest_images(permuter, pack_words(occupancy))
    rows, first, orbit_of = np.unique(
        words, axis=0, return_index=True, return_inverse=True
    )
    return CanonicalOrbits(
        occupancy=unpack_words(rows, len(parent.sites)),
        multiplicity=sizes[first],
        orbit_of=orbit_of.reshape(-1),
    )
