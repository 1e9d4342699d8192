r"""Count the allowed arrangements without generating them.

The sites are swept one by one. All that the future of a sweep depends on is which of
the swept sites that still have unswept rivals are occupied (the frontier) and how many
ions of each group are spent, so arrangements that agree there are counted together:

\[ Z(f', t') = \sum_{(f, t) \to (f', t')} Z(f, t) \]

Symmetry plays no part, which makes the count an independent check of the enumeration.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.errors import EnumerationError

_EXACT_BELOW = 2.0**63

_MAX_STATES = 4_000_000
"""Frontier states kept at once: about 300 MB."""


@dataclass(frozen=True)
class SiteGraph:
    """Sites, their groups and the pairs that exclude each other.

    Attributes:
        conflicts: pairs that cannot both be occupied, (M, M).
        kinds: group of each site, 0 to n_groups - 1, (M,).
        cliques: sites of one clique exclude each other and share a group, (M,).
    """

    conflicts: NDArray[np.bool_]
    kinds: NDArray[np.int64]
    cliques: NDArray[np.int64]

    @classmethod
    def build(cls, conflicts: NDArray[np.bool_], kinds: NDArray[np.int64]) -> "SiteGraph":
        """Cover the sites of each group by cliques, greedily in site order.

        Args:
            conflicts: (M, M).
            kinds: (M,).

        Returns:
            The graph; the number of cliques bounds the ions a group can hold.
        """
        members: list[list[int]] = []
        cliques = np.empty(len(kinds), dtype=np.int64)
        for site in range(len(kinds)):
            rivals = conflicts[site] & (kinds == kinds[site])
            fits = (n for n, clique in enumerate(members) if rivals[clique].all())
            clique = next(fits, len(members))
            if clique == len(members):
                members.append([])
            members[clique].append(site)
            cliques[site] = clique
        return cls(conflicts, kinds, cliques)


@dataclass(frozen=True)
class _States:
    frontier: NDArray[np.uint64]
    """Occupied frontier sites by slot, (n, words)."""
    spent: NDArray[np.int64]
    """Ions placed so far, (n, n_groups)."""
    value: NDArray[np.uint64]
    """Arrangements modulo 2**64, or the largest number of target ions, (n,)."""
    estimate: NDArray[np.float64]
    """Arrangements as a float, which knows whether the modulus was passed, (n,)."""


def count_arrangements(graph: SiteGraph, counts: Sequence[int]) -> int:
    """Count the occupations with the given number of ions in each group.

    Args:
        graph: sites and conflicts.
        counts: ions in each group.

    Returns:
        Number of allowed arrangements, symmetry not considered.

    Raises:
        EnumerationError: there are 2**63 or more of them, or the rules couple too
            many sites to count.
    """
    final = _sweep(graph, counts, None)
    if len(final.value) == 0:
        return 0
    if final.estimate[0] >= _EXACT_BELOW:
        raise EnumerationError(
            f"about {final.estimate[0]:.1e} arrangements of {tuple(counts)} ions, "
            "too many to enumerate; add distance rules or use a smaller cell"
        )
    return int(final.value[0])


def largest_count(graph: SiteGraph, counts: Sequence[int], target: int) -> int | None:
    """Find how many ions one group can hold beside the given ions of the others.

    Args:
        graph: sites and conflicts.
        counts: ions in each group; the entry of the target is ignored.
        target: index of the group to fill.

    Returns:
        The largest number, or None when the other groups alone cannot be placed.

    Raises:
        EnumerationError: the rules couple too many sites to count.
    """
    final = _sweep(graph, counts, target)
    return int(final.value[0]) if len(final.value) else None


def _sweep(graph: SiteGraph, counts: Sequence[int], target: int | None) -> _States:
    order = _sweep_order(graph.conflicts)
    limits = np.array(counts, dtype=np.int64)
    open_cliques = _cliques_left(graph, order, len(limits))
    if target is not None:
        # The target's ions are the value to maximise, not a part of the state.
        limits[target] = 0
    slots, leaving, n_words = _slots(graph.conflicts, order)
    states = _States(
        frontier=np.zeros((1, n_words), dtype=np.uint64),
        spent=np.zeros((1, len(limits)), dtype=np.int64),
        value=np.full(1, 0 if target is not None else 1, dtype=np.uint64),
        estimate=np.ones(1),
    )
    for step, site in enumerate(order):
        kind = int(graph.kinds[site])
        rivals = np.flatnonzero(graph.conflicts[site] & (slots >= 0))
        rivals = rivals[np.isin(rivals, order[:step])]
        blocked = np.any(states.frontier & _mask(slots[rivals], n_words), axis=1)
        if kind == target:
            added = _include(states, ~blocked, None, _mask(slots[[site]], n_words))
        else:
            room = ~blocked & (states.spent[:, kind] < limits[kind])
            added = _include(states, room, kind, _mask(slots[[site]], n_words))
        keep = ~_mask(slots[leaving[step]], n_words)
        states = _merge(states, added, keep, limits - open_cliques[step], target)
        if len(states.value) > _MAX_STATES:
            raise EnumerationError(
                f"counting the arrangements needs more than {_MAX_STATES} states: the "
                "distance rules couple too many sites; use shorter rules or a smaller "
                "cell"
            )
    return states


def _include(
    states: _States,
    allowed: NDArray[np.bool_],
    kind: int | None,
    bit: NDArray[np.uint64],
) -> _States:
    spent = states.spent[allowed]
    value = states.value[allowed]
    if kind is None:
        value = value + np.uint64(1)
    else:
        spent[:, kind] += 1
    return _States(states.frontier[allowed] | bit, spent, value, states.estimate[allowed])


def _merge(
    first: _States,
    second: _States,
    keep: NDArray[np.uint64],
    needed: NDArray[np.int64],
    target: int | None,
) -> _States:
    frontier = np.concatenate([first.frontier, second.frontier]) & keep
    spent = np.concatenate([first.spent, second.spent])
    value = np.concatenate([first.value, second.value])
    estimate = np.concatenate([first.estimate, second.estimate])
    # A group that lags behind what its remaining cliques can hold never catches up.
    alive = np.all(spent >= needed, axis=1)
    frontier, spent = frontier[alive], spent[alive]
    value, estimate = value[alive], estimate[alive]
    if len(value) == 0:
        return _States(frontier, spent, value, estimate)
    columns = [*frontier.T, *spent.T]
    order = np.lexsort(columns)
    changed = np.zeros(len(order), dtype=bool)
    changed[0] = True
    for column in columns:
        changed[1:] |= column[order][1:] != column[order][:-1]
    starts = np.flatnonzero(changed)
    combine = np.add if target is None else np.maximum
    first_rows = order[starts]
    return _States(
        frontier[first_rows],
        spent[first_rows],
        combine.reduceat(value[order], starts),
        np.add.reduceat(estimate[order], starts),
    )


def _sweep_order(conflicts: NDArray[np.bool_]) -> NDArray[np.intp]:
    # Greedy: always the site that leaves the smallest frontier, next to it if tied.
    n_sites = len(conflicts)
    swept = np.zeros(n_sites, dtype=bool)
    order = np.empty(n_sites, dtype=np.intp)
    for step in range(n_sites):
        unswept_rivals = conflicts @ (~swept).astype(np.int64)
        frontier = swept & (unswept_rivals > 0)
        closed = conflicts @ (frontier & (unswept_rivals == 1)).astype(np.int64)
        touched = conflicts @ frontier.astype(np.int64)
        growth = (unswept_rivals > 0).astype(np.int64) - closed
        score = growth * (n_sites + 1) - touched
        score[swept] = np.iinfo(np.int64).max
        order[step] = int(np.argmin(score))
        swept[order[step]] = True
    return order


def _slots(
    conflicts: NDArray[np.bool_], order: NDArray[np.intp]
) -> tuple[NDArray[np.int64], list[list[int]], int]:
    # Slot of each site while it is on the frontier, and who leaves after each step.
    slots = np.full(len(order), -1, dtype=np.int64)
    unswept_rivals = conflicts.sum(axis=1)
    free: list[int] = []
    n_slots = 0
    leaving: list[list[int]] = []
    present: list[int] = []
    for site in order:
        unswept_rivals = unswept_rivals - conflicts[site]
        if free:
            slots[site] = free.pop()
        else:
            slots[site], n_slots = n_slots, n_slots + 1
        present.append(int(site))
        gone = [other for other in present if unswept_rivals[other] == 0]
        present = [other for other in present if unswept_rivals[other] > 0]
        free.extend(int(slots[other]) for other in gone)
        leaving.append(gone)
    return slots, leaving, -(-n_slots // 64)


def _mask(slots: NDArray[np.int64], n_words: int) -> NDArray[np.uint64]:
    mask = np.zeros(n_words, dtype=np.uint64)
    for slot in slots:
        mask[slot // 64] |= np.uint64(1) << np.uint64(slot % 64)
    return mask


def _cliques_left(
    graph: SiteGraph, order: NDArray[np.intp], n_groups: int
) -> NDArray[np.int64]:
    # Cliques of each group with a site still to come, after each step.
    left = np.zeros((len(order), n_groups), dtype=np.int64)
    seen: set[int] = set()
    running = np.zeros(n_groups, dtype=np.int64)
    for step in range(len(order) - 1, -1, -1):
        left[step] = running
        clique = int(graph.cliques[order[step]])
        if clique not in seen:
            seen.add(clique)
            running[graph.kinds[order[step]]] += 1
    return left
