"""Did an ion stay on its site? The test for leaving the basin of a configuration."""

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.parent import ParentCrystal


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
