"""Place the ions of one site group on top of the groups already placed.

Sites are decided one after another for all partial sets at once. Three tests keep the
number of partial sets near the number of results:

- a clique bound drops sets that cannot reach the wanted number of ions,
- the same bound on the groups still to come drops sets that leave them no room,
- a set whose sites so far are not the largest bit string of their orbit is dropped
  (orderly generation: removing the last site of a canonical set leaves a canonical
  set, so nothing is lost).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.bitsets import Permuter, Words, pack_words, unpack_words
from confvib.crystal.orbits import OrbitSet, canonical_rows, stabilising_operations

_MAX_ROWS = 1 << 18
"""Partial sets advanced together; more are split to bound memory."""


@dataclass(frozen=True, eq=False)
class GroupBlock:
    """One group in the order of placement, its cliques contiguous.

    Attributes:
        start: position of its first site.
        count: ions to place.
        conflicts: all positions against those of the group, (M, m).
        clique_starts: where each clique begins within the group, (cliques,).
    """

    start: int
    count: int
    conflicts: NDArray[np.bool_]
    clique_starts: NDArray[np.intp]

    def available(self, words: Words) -> NDArray[np.bool_]:
        """Find the sites of the group that conflict with no occupied site.

        Args:
            words: the sets, (n, words).

        Returns:
            Availability, (n, m).
        """
        occupied = unpack_words(words, len(self.conflicts)).astype(np.float32)
        return occupied @ self.conflicts.astype(np.float32) == 0

    def has_room(self, words: Words) -> NDArray[np.bool_]:
        """Tell whether the group's ions could still fit, by the clique bound.

        Args:
            words: the sets, (n, words).

        Returns:
            False only where they certainly do not fit, (n,).
        """
        free = np.logical_or.reduceat(self.available(words), self.clique_starts, axis=1)
        return free.sum(axis=1) >= self.count


@dataclass(frozen=True, eq=False)
class _Rows:
    position: int
    words: Words
    parents: NDArray[np.intp]
    sizes: NDArray[np.int64]
    n_checked: int


def extend_orbits(
    orbits: OrbitSet, block: GroupBlock, later: list[GroupBlock], permuter: Permuter
) -> OrbitSet:
    """Place the ions of one group in all inequivalent ways.

    Args:
        orbits: inequivalent placements of the groups before it.
        block: the group.
        later: groups still to be placed, for their room.
        permuter: the symmetry of the sites, in the order of placement.

    Returns:
        Inequivalent placements including this group.
    """
    left = _cliques_left(orbits, block)
    rivals = pack_words(block.conflicts.T)
    bits = pack_words(np.eye(len(block.conflicts), dtype=bool)[block.start :])
    n_sites = block.conflicts.shape[1]
    n_rows = len(orbits.words)
    stack = [
        _Rows(0, orbits.words, np.arange(n_rows), np.zeros(n_rows, np.int64), n_rows)
    ]
    finished: list[OrbitSet] = []
    while stack:
        rows = stack.pop()
        if rows.position == n_sites:
            finished.append(_finish(rows, orbits, later, permuter))
        elif len(rows.words) > _MAX_ROWS:
            stack.extend(_split(rows))
        else:
            rows = _decide(rows, block.count, left, rivals, bits)
            if len(rows.words) > 2 * rows.n_checked:
                rows = _prune(rows, orbits, later, permuter)
            stack.append(rows)
    return OrbitSet(
        np.concatenate([part.words for part in finished]),
        np.concatenate([part.multiplicity for part in finished]),
        np.concatenate([part.stabilisers for part in finished]),
    )


def _cliques_left(orbits: OrbitSet, block: GroupBlock) -> NDArray[np.int64]:
    # Cliques with an available site after each position, for each parent.
    available = block.available(orbits.words)
    left = np.zeros(available.shape, dtype=np.int64)
    counted = np.zeros(len(available), dtype=bool)
    for position in range(available.shape[1] - 1, 0, -1):
        fresh = available[:, position] & ~counted
        left[:, position - 1] = left[:, position] + fresh
        counted |= fresh
        if position in block.clique_starts:
            counted[:] = False
    return left


def _decide(
    rows: _Rows, count: int, left: NDArray[np.int64], rivals: Words, bits: Words
) -> _Rows:
    missing = count - rows.sizes - left[rows.parents, rows.position]
    skip = missing <= 0
    clash = np.any(rows.words & rivals[rows.position], axis=1)
    take = ~clash & (rows.sizes < count) & (missing <= 1)
    taken = rows.words[take] | bits[rows.position]
    return _Rows(
        rows.position + 1,
        np.concatenate([rows.words[skip], taken]),
        np.concatenate([rows.parents[skip], rows.parents[take]]),
        np.concatenate([rows.sizes[skip], rows.sizes[take] + 1]),
        rows.n_checked,
    )


def _split(rows: _Rows) -> list[_Rows]:
    half = len(rows.words) // 2
    return [
        _Rows(
            rows.position,
            rows.words[part],
            rows.parents[part],
            rows.sizes[part],
            half,
        )
        for part in (slice(half, None), slice(half))
    ]


def _prune(
    rows: _Rows, orbits: OrbitSet, later: list[GroupBlock], permuter: Permuter
) -> _Rows:
    keep, _ = _surviving(rows, orbits, later, permuter)
    return _Rows(
        rows.position,
        rows.words[keep],
        rows.parents[keep],
        rows.sizes[keep],
        max(1, len(keep)),
    )


def _surviving(
    rows: _Rows, orbits: OrbitSet, later: list[GroupBlock], permuter: Permuter
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    roomy = np.arange(len(rows.words))
    for block in later:
        roomy = roomy[block.has_room(rows.words[roomy])]
    canonical, fixed = canonical_rows(
        permuter, rows.words[roomy], rows.parents[roomy], orbits.stabilisers
    )
    return roomy[canonical], fixed


def _finish(
    rows: _Rows, orbits: OrbitSet, later: list[GroupBlock], permuter: Permuter
) -> OrbitSet:
    keep, fixed = _surviving(rows, orbits, later, permuter)
    parents, words = rows.parents[keep], rows.words[keep]
    # Orbit-stabiliser: the subgroup of the parent over the subgroup of the set.
    order = orbits.stabilisers[parents].sum(axis=1)
    multiplicity = orbits.multiplicity[parents] * (order // fixed)
    candidates = orbits.stabilisers[parents]
    return OrbitSet(
        words, multiplicity, stabilising_operations(permuter, words, candidates)
    )
