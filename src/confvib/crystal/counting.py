"""Count the allowed arrangements without generating them.

Symmetry plays no part, which makes the counts an independent check of the enumeration.
Counts are exact at any size.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.site_graph import SiteGraph
from confvib.crystal.sweep import Sweep, check_memory

_DIGIT_BITS = 63
"""The sum of two digits still fits in 64 bits."""


def count_arrangements(graph: SiteGraph, counts: Sequence[int]) -> int:
    """Count the occupations with the given number of ions in each group.

    Args:
        graph: sites and conflicts.
        counts: ions in each group.

    Returns:
        Number of allowed arrangements, symmetry not considered.

    Raises:
        EnumerationError: the rules couple too many sites to count.
    """
    return count_all(graph, counts, counts).get(tuple(counts), 0)


def count_all(
    graph: SiteGraph, lower: Sequence[int], upper: Sequence[int]
) -> dict[tuple[int, ...], int]:
    """Count the occupations of every composition within bounds.

    Args:
        graph: sites and conflicts.
        lower: fewest ions in each group.
        upper: most ions in each group.

    Returns:
        Allowed arrangements by ions in each group; compositions without any are left
        out.

    Raises:
        EnumerationError: the rules couple too many sites or the bounds are too wide.
    """
    sweep = Sweep.build(graph, lower, upper)
    if sweep is None:
        return {}
    table = sweep.last_table(np.uint64)
    for step in reversed(range(len(sweep.order))):
        # The old table, the new one and the rows on their way from one to the other.
        check_memory(3 * 8 * len(table) * sweep.n_values(step))
        table = _carried(sweep.table_before(step, table))
    digits = table[:, 0]
    return {
        tuple((index + sweep.least[0]).tolist()): _integer(digits[:, *index])
        for index in np.argwhere(digits.any(axis=0))
    }


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
    lower, upper = list(counts), list(counts)
    lower[target], upper[target] = 0, int(graph.weights.sum())
    return max((key[target] for key in count_all(graph, lower, upper)), default=None)


def _carried(table: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = np.uint64(_DIGIT_BITS)
    mask = (np.uint64(1) << bits) - np.uint64(1)
    for digit in range(len(table) - 1):
        table[digit + 1] += table[digit] >> bits
        table[digit] &= mask
    if table[-1].max(initial=0) > mask:
        table = np.concatenate([table, table[-1:] >> bits])
        table[-2] &= mask
    return table


def _integer(digits: NDArray[np.uint64]) -> int:
    return sum(int(digit) << (_DIGIT_BITS * n) for n, digit in enumerate(digits))
