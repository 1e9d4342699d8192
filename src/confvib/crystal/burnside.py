r"""Count the symmetry-inequivalent arrangements without generating them.

By the Cauchy-Frobenius lemma ("Burnside"), with \(\mathrm{Fix}_g\) the number of
allowed arrangements that operation g leaves unchanged,

\[ N = \frac{1}{|G|} \sum_{g \in G} \mathrm{Fix}_g \]

An arrangement unchanged by g is a union of cycles of g, so \(\mathrm{Fix}_g\) counts
the arrangements of a smaller graph whose sites are the cycles. Operations with the same
cycles share it, and so do conjugate operations.

Source: Burnside, Theory of Groups of Finite Order, 2nd ed. (1911), section 145.
"""

import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.counting import count_all
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import EnumerationError

Totals = Sequence[tuple[tuple[int, ...], int]]
"""The groups in each tuple hold this many ions together."""


@dataclass(frozen=True)
class Ratio:
    """How many arrangements one composition has.

    Attributes:
        counts: ions in each group.
        raw_count: allowed arrangements without symmetry.
        n_inequivalent: orbits of them under the symmetry group.
    """

    counts: tuple[int, ...]
    raw_count: int
    n_inequivalent: int


def operation_classes(
    permutations: NDArray[np.int64],
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Group the operations that leave equally many arrangements unchanged.

    Args:
        permutations: a group; operation g takes site i to permutations[g, i], (G, M).

    Returns:
        One operation of each class, in the order of their first member, and the
        operations in each class, both (classes,). Operations of one class have the
        same cycles up to a symmetry operation.

    Raises:
        EnumerationError: the permutations are not closed under composition.
    """
    keys = [row.tobytes() for row in cycle_labels(permutations)]
    known = set(keys)
    class_of: dict[bytes, int] = {}
    representatives = []
    for operation, key in enumerate(keys):
        if key in class_of:
            continue
        # h g h^-1 takes h(i) to h(g(i)).
        conjugates = np.empty_like(permutations)
        images = permutations[:, permutations[operation]]
        np.put_along_axis(conjugates, permutations, images, axis=1)
        found = {row.tobytes() for row in cycle_labels(conjugates)}
        if not found <= known:
            raise EnumerationError(
                f"the {len(permutations)} permutations of the sites are no group: a "
                f"conjugate of number {operation} is missing"
            )
        class_of |= dict.fromkeys(found, len(representatives))
        representatives.append(operation)
    sizes = np.bincount([class_of[key] for key in keys])
    return np.array(representatives, dtype=np.intp), sizes


def cycle_labels(permutations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Name the cycle of each site by its first site.

    Args:
        permutations: (G, M).

    Returns:
        Smallest site that the powers of each operation take each site to, (G, M).
    """
    labels = np.tile(np.arange(permutations.shape[1]), (len(permutations), 1))
    power = permutations
    # After n doublings the labels know 2^n powers; a fixed point knows them all.
    while True:
        smaller = np.minimum(labels, np.take_along_axis(labels, power, axis=1))
        if np.array_equal(smaller, labels):
            return labels
        labels, power = smaller, np.take_along_axis(power, power, axis=1)


def usable_cycles(
    graph: SiteGraph, permutation: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Find the cycles that can be occupied as a whole.

    Args:
        graph: sites and conflicts.
        permutation: image of each site, (M,).

    Returns:
        First site of each cycle without conflicts of its own, ascending, (m,); and the
        number of each site's cycle among them, -1 for none of them, (M,).
    """
    labels = cycle_labels(permutation[None])[0]
    first, second = np.nonzero(graph.conflicts)
    broken = labels[first[labels[first] == labels[second]]]
    usable = np.setdiff1d(labels, broken)
    cycles = np.where(np.isin(labels, usable), np.searchsorted(usable, labels), -1)
    return usable, cycles


def quotient(graph: SiteGraph, permutation: NDArray[np.int64]) -> SiteGraph:
    """Make the cycles of an operation the sites of a smaller graph.

    Args:
        graph: sites and conflicts, both unchanged by the operation.
        permutation: image of each site, (M,).

    Returns:
        The graph of the usable cycles: two conflict where any of their sites do, and
        each holds the ions of all its sites.

    Raises:
        EnumerationError: the operation is no symmetry of the graph.
    """
    image = np.ix_(permutation, permutation)
    if not (
        np.array_equal(graph.conflicts[image], graph.conflicts)
        and np.array_equal(graph.kinds[permutation], graph.kinds)
        and np.array_equal(graph.weights[permutation], graph.weights)
    ):
        raise EnumerationError(
            "an operation changes the groups of the sites or their conflicts, expected "
            "a symmetry of both"
        )
    firsts, cycles = usable_cycles(graph, permutation)
    first, second = np.nonzero(graph.conflicts)
    ends = cycles[first], cycles[second]
    # One row and column more takes the conflicts of cycles that are not usable.
    conflicts = np.zeros((len(firsts) + 1, len(firsts) + 1), dtype=bool)
    conflicts[ends] = True
    used = cycles >= 0
    weights = np.zeros(len(firsts), dtype=np.int64)
    np.add.at(weights, cycles[used], graph.weights[used])
    return SiteGraph.build(conflicts[:-1, :-1], graph.kinds[firsts], weights)


def count_orbits(
    graph: SiteGraph, permutations: NDArray[np.int64], counts: Sequence[int]
) -> int:
    """Count the inequivalent arrangements of one composition.

    Args:
        graph: sites and conflicts.
        permutations: the symmetry group of the graph, (G, M).
        counts: ions in each group.

    Returns:
        Number of orbits, exact at any size.

    Raises:
        EnumerationError: the rules couple too many sites, or the permutations are no
            group of symmetries of the graph.
    """
    ratios = count_ratios(graph, permutations, counts, counts)
    return ratios[0].n_inequivalent if ratios else 0


def count_ratios(
    graph: SiteGraph,
    permutations: NDArray[np.int64],
    lower: Sequence[int],
    upper: Sequence[int],
    totals: Totals = (),
) -> list[Ratio]:
    """Count the arrangements of every feasible composition within bounds.

    Args:
        graph: sites and conflicts.
        permutations: the symmetry group of the graph, (G, M).
        lower: fewest ions in each group.
        upper: most ions in each group.
        totals: groups that hold a given number of ions together.

    Returns:
        One row per composition that has an allowed arrangement, sorted by counts.

    Raises:
        EnumerationError: the rules couple too many sites, the bounds are too wide, or
            the permutations are no group of symmetries of the graph.
    """
    low, high = _tightened(graph, lower, upper, totals)
    raw = {
        counts: number
        for counts, number in count_all(graph, low, high).items()
        if all(sum(counts[n] for n in groups) == total for groups, total in totals)
    }
    if not raw:
        return []
    low, high = np.min(list(raw), axis=0).tolist(), np.max(list(raw), axis=0).tolist()
    fixed: Counter[tuple[int, ...]] = Counter()
    for operation, size in zip(*operation_classes(permutations), strict=True):
        counted = count_all(quotient(graph, permutations[operation]), low, high)
        for counts in raw.keys() & counted.keys():
            fixed[counts] += int(size) * counted[counts]
    return [
        Ratio(counts, raw[counts], orbit_number(fixed[counts], len(permutations)))
        for counts in sorted(raw)
    ]


def orbit_number(fixed: int, n_operations: int) -> int:
    """Divide the fixed arrangements of all operations by the operations.

    Args:
        fixed: sum of the arrangements that each operation leaves unchanged.
        n_operations: order of the group.

    Returns:
        Number of orbits.

    Raises:
        EnumerationError: there is a remainder.
    """
    number, remainder = divmod(fixed, n_operations)
    if remainder:
        raise EnumerationError(
            f"self-check failed: {fixed} fixed arrangements are no multiple of the "
            f"{n_operations} operations; the permutations are no group"
        )
    return number


def _tightened(
    graph: SiteGraph, lower: Sequence[int], upper: Sequence[int], totals: Totals
) -> tuple[list[int], list[int]]:
    # What the totals leave for each group, until nothing changes or nothing is left.
    capacity = graph.capacities(np.arange(len(graph.kinds)), len(lower))[-1]
    low, high = list(lower), np.minimum(upper, capacity).tolist()
    before = None
    while (low, high) != before and all(map(operator.le, low, high)):
        before = low.copy(), high.copy()
        for groups, total in totals:
            for group in groups:
                others = [other for other in groups if other != group]
                low[group] = max(low[group], total - sum(high[n] for n in others))
                high[group] = min(high[group], total - sum(low[n] for n in others))
    return low, high
