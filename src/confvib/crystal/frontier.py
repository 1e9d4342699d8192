"""The order of a sweep over the sites, and the bits of its frontier.

The frontier is made of the decided sites that still have undecided rivals.
"""

import numpy as np
from numpy.typing import NDArray


def sweep_order(conflicts: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Order the sites so that few decided sites have undecided rivals.

    Args:
        conflicts: (M, M).

    Returns:
        Sites, greedily the one that leaves the smallest frontier, next to it if tied,
        (M,).
    """
    n_sites = len(conflicts)
    rivals = [np.flatnonzero(row) for row in conflicts]
    decided = np.zeros(n_sites, dtype=bool)
    undecided = conflicts.sum(axis=1)
    # Frontier sites beside each site, and those among them that wait for it alone.
    touched = np.zeros(n_sites, dtype=np.int64)
    closed = np.zeros(n_sites, dtype=np.int64)

    def count_frontier(sites: list[int], sign: int) -> None:
        for site in sites:
            if decided[site] and undecided[site] > 0:
                touched[rivals[site]] += sign
                closed[rivals[site]] += sign * int(undecided[site] == 1)

    order = np.empty(n_sites, dtype=np.intp)
    for step in range(n_sites):
        score = ((undecided > 0) - closed) * (n_sites + 1) - touched
        score[decided] = np.iinfo(np.int64).max
        site = order[step] = int(np.argmin(score))
        changed = [site, *rivals[site].tolist()]
        count_frontier(changed, -1)
        decided[site] = True
        undecided[rivals[site]] -= 1
        count_frontier(changed, 1)
    return order


def frontier_bits(
    conflicts: NDArray[np.bool_], order: NDArray[np.intp]
) -> tuple[NDArray[np.int64], list[list[int]], int]:
    """Give every site a bit that is its own while it is on the frontier.

    Args:
        conflicts: (M, M).
        order: sites in the order of the sweep, (M,).

    Returns:
        Bit of each site, (M,); the sites that leave the frontier after each step; and
        the 64-bit words that hold all bits.
    """
    slots = np.full(len(order), -1, dtype=np.int64)
    undecided = conflicts.sum(axis=1)
    free: list[int] = []
    n_slots = 0
    leaving: list[list[int]] = []
    present: list[int] = []
    for site in order:
        undecided = undecided - conflicts[site]
        if free:
            slots[site] = free.pop()
        else:
            slots[site], n_slots = n_slots, n_slots + 1
        present.append(int(site))
        gone = [other for other in present if undecided[other] == 0]
        present = [other for other in present if undecided[other] > 0]
        free.extend(int(slots[other]) for other in gone)
        leaving.append(gone)
    return slots, leaving, max(1, -(-n_slots // 64))


def bit_mask(slots: NDArray[np.int64], n_words: int) -> NDArray[np.uint64]:
    """Set some bits.

    Args:
        slots: numbers of the bits, (m,).
        n_words: words of the mask.

    Returns:
        The mask, (n_words,).
    """
    mask = np.zeros(n_words, dtype=np.uint64)
    for slot in slots:
        mask[slot // 64] |= np.uint64(1) << np.uint64(slot % 64)
    return mask
