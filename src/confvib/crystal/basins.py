"""Did an ion stay on its site? The test for leaving the basin of a configuration."""

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.configuration import site_distances
from confvib.crystal.parent import ParentCrystal

HOP_RATIO = 1 / 3
"""An ion has changed site once it is three times as near to the new one as to the old.

On the straight way between two sites that leaves half of it to neither: an ion that
vibrates about the border of two Voronoi cells would else hop at every look.
"""


def n_moved(
    parent: ParentCrystal,
    start_sites: NDArray[np.int64],
    end_sites: NDArray[np.int64],
    split_site_A: float,
) -> int:
    """Count the ions that ended on another site than they started on.

    Sites closer than ``split_site_A`` are one position that the structure model splits
    (the 96h pairs of c-LLZO share an octahedron); moving within it is vibration.

    Args:
        parent: the crystal.
        start_sites: nearest site of each ion at the start, (n_ions,).
        end_sites: nearest site of each ion at the end, (n_ions,).
        split_site_A: largest distance within one split position [Å].

    Returns:
        Number of ions that changed position.
    """
    return int((parent.distances_A[start_sites, end_sites] > split_site_A).sum())


def followed_sites(
    parent: ParentCrystal,
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    before: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Follow ions in motion: each keeps its site until it is well inside another.

    Args:
        parent: the crystal, whose cell the positions share.
        positions: atoms in the order of configuration_atoms [Å], (N, 3).
        numbers: atomic numbers in that order, (N,).
        before: site of each ion so far, (n_ions,).

    Returns:
        Site of each ion now, (n_ions,): the nearest one where its distance is below
        HOP_RATIO of that to the site so far.

    Raises:
        CrystalError: the atoms are not in the order of configuration_atoms, or an
            ion is of a species that no site holds.
    """
    distances = site_distances(parent, positions, numbers)
    ions = np.arange(len(before))
    nearest = np.argmin(distances, axis=1)
    arrived = distances[ions, nearest] < HOP_RATIO * distances[ions, before]
    return np.where(arrived, nearest, before)
