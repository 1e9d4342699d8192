"""A name for what the ions sit on, whatever the setting: did two cells end alike?"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.bitsets import Permuter, as_bytes, pack_words
from confvib.crystal.orbits import smallest_images
from confvib.crystal.parent import ParentCrystal


@dataclass(frozen=True, eq=False)
class ArrangementNames:
    """Names of arrangements over the positions of a crystal.

    Sites closer than ``split_site_A`` are one position, as they are for hops: which half
    of a split site a relaxed ion is nearer to may be decided by the last step of the
    optimiser. A name therefore stands for an arrangement of positions; minima that
    differ by the halves alone share it, and their energies tell them apart.

    Attributes:
        permuter: Symmetry operations of the crystal on its places.
        position: Number of the position of each place, whatever the species, (M,).
        alike: Places of one position and species, (M, M).
    """

    permuter: Permuter
    position: NDArray[np.intp]
    alike: NDArray[np.bool_]

    @classmethod
    def of(cls, parent: ParentCrystal, split_site_A: float) -> Self:
        """Prepare the names of one crystal.

        Args:
            parent: The crystal.
            split_site_A: Largest distance within one split position [Å].

        Returns:
            The maker of names.
        """
        joined = parent.distances_A <= split_site_A
        while not np.array_equal(joined, wider := joined @ joined):
            joined = wider
        numbers = parent.site_numbers
        return cls(
            permuter=Permuter.build(parent.permutations),
            position=np.argmax(joined, axis=1),
            alike=joined & (numbers[:, None] == numbers[None]),
        )

    def name(self, sites: NDArray[np.int64]) -> str | None:
        """Name the arrangement of ions on these sites.

        Args:
            sites: Place of each ion, in any order, (n_ions,).

        Returns:
            16 hexadecimal digits, the same for arrangements that a symmetry operation of
            the crystal maps onto each other; None if two ions share a position.
        """
        if len(np.unique(self.position[sites])) < len(sites):
            return None
        # A position is occupied by marking all of its places: operations map positions
        # onto positions, so the canonical form needs no numbering of its own.
        marked = np.atleast_2d(np.any(self.alike[sites], axis=0))
        words, _ = smallest_images(self.permuter, pack_words(marked))
        return blake2b(as_bytes(words).tobytes(), digest_size=8).hexdigest()
