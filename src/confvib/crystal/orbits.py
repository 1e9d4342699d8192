"""Orbits of sets of sites: canonical members and their stabilisers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.bitsets import Permuter, Words, less


@dataclass(frozen=True, eq=False)
class OrbitSet:
    """Representatives of distinct orbits.

    Attributes:
        words: one set of sites per orbit, (n, words).
        multiplicity: size of the orbit, (n,).
        stabilisers: operations that leave the representative unchanged, (n, G).
    """

    words: Words
    multiplicity: NDArray[np.int64]
    stabilisers: NDArray[np.bool_]

    @classmethod
    def empty_set(cls, n_words: int, n_operations: int) -> "OrbitSet":
        """Start from no occupied site, which every operation leaves unchanged.

        Args:
            n_words: words per set.
            n_operations: order of the group G.

        Returns:
            The orbit of the empty set.
        """
        return cls(
            words=np.zeros((1, n_words), dtype=np.uint64),
            multiplicity=np.ones(1, dtype=np.int64),
            stabilisers=np.ones((1, n_operations), dtype=bool),
        )


def canonical_rows(
    permuter: Permuter,
    words: Words,
    parents: NDArray[np.intp],
    stabilisers: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Find the sets that are the largest bit string of their orbit.

    Each set is compared with its images under the stabiliser of the set it extends.
    The test needs no other row, so rows can be made and tested in any pieces.

    Args:
        permuter: all operations, G of them.
        words: the sets, (n, words).
        parents: row of the stabilisers that applies to each set, (n,).
        stabilisers: operations of the subgroup of each parent, (P, G).

    Returns:
        Rows that are canonical, and how many operations fix each of them.
    """
    alive = np.arange(len(words))
    fixed = np.zeros(len(words), dtype=np.int64)
    for operation in range(len(permuter.permutations)):
        tested = alive[stabilisers[parents[alive], operation]]
        if len(tested) == 0:
            continue
        originals = words[tested]
        images = permuter.images(operation, originals)
        beaten = tested[less(originals, images)]
        fixed[tested] += np.all(images == originals, axis=1)
        if len(beaten):
            lost = np.zeros(len(words), dtype=bool)
            lost[beaten] = True
            alive = alive[~lost[alive]]
    return alive, fixed[alive]


def stabilising_operations(
    permuter: Permuter, words: Words, candidates: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Find the operations that leave each set unchanged.

    Args:
        permuter: all operations, G of them.
        words: the sets, (n, words).
        candidates: operations worth a look for each set, (n, G).

    Returns:
        Membership of the stabilisers, (n, G).
    """
    result = np.zeros_like(candidates)
    for operation in range(candidates.shape[1]):
        rows = np.flatnonzero(candidates[:, operation])
        same = permuter.images(operation, words[rows]) == words[rows]
        result[rows, operation] = np.all(same, axis=1)
    return result


def smallest_images(permuter: Permuter, words: Words) -> tuple[Words, NDArray[np.int64]]:
    """Map each set to the lexicographically smallest bit string of its orbit.

    As many operations lead to the smallest as leave it unchanged, so they tell the size
    of the orbit too.

    Args:
        permuter: all operations, G of them.
        words: the sets, (n, words).

    Returns:
        Canonical sets, (n, words), and the size of each orbit, (n,).
    """
    best = words.copy()
    n_ways = np.zeros(len(words), dtype=np.int64)
    for operation in range(len(permuter.permutations)):
        images = permuter.images(operation, words)
        better = less(images, best)
        best[better] = images[better]
        n_ways[better] = 0
        n_ways += np.all(images == best, axis=1)
    return best, len(permuter.permutations) // n_ways
