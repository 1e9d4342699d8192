r"""A sweep over the sites that decides one after another.

What a sweep can still do depends on which of its decided sites with undecided rivals
are occupied (the frontier), and on the ions it still has to place. With f the frontier
and r the ions left per group, the number of ways to complete a sweep is

\[ Z_t(f, r) = Z_{t+1}(f_\mathrm{skip}, r) + Z_{t+1}(f_\mathrm{take}, r - w) \]

The frontiers are listed once; the ways are dense tables over r, made from the last
step back to the first. Bounds on r follow from the ions wanted and from the cliques of
the sites on either side of the step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.frontier import bit_mask, frontier_bits, sweep_order
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import EnumerationError

MAX_BYTES = 1 << 30
"""Memory that the tables of a sweep may take [bytes]."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """States of a sweep and what deciding a site does to them.

    Attributes:
        order: site decided at each step, (M,).
        groups: its group, (M,).
        weights: ions it adds when occupied, (M,).
        skip: state reached by leaving the site empty, one array (F_t,) per step; -1
            where the wanted ions are out of reach.
        take: state reached by occupying it, likewise; -1 also where a rival forbids it.
        least: ions that the undecided sites must still hold, (M + 1, n_groups).
        most: ions that they are asked for and can hold, (M + 1, n_groups).
    """

    order: NDArray[np.intp]
    groups: NDArray[np.int64]
    weights: NDArray[np.int64]
    skip: tuple[NDArray[np.intp], ...]
    take: tuple[NDArray[np.intp], ...]
    least: NDArray[np.int64]
    most: NDArray[np.int64]

    @classmethod
    def build(
        cls, graph: SiteGraph, lower: Sequence[int], upper: Sequence[int]
    ) -> "Sweep | None":
        """List the states of a sweep.

        Args:
            graph: sites and conflicts.
            lower: fewest ions wanted in each group.
            upper: most ions wanted in each group.

        Returns:
            The sweep, or None where these ions certainly do not fit.

        Raises:
            EnumerationError: the rules couple too many sites.
        """
        order = sweep_order(graph.conflicts)
        low, high = np.array(lower, np.int64), np.array(upper, np.int64)
        before = graph.capacities(order, len(low))
        after = graph.capacities(order[::-1], len(low))[::-1]
        least, most = np.maximum(0, low - before), np.minimum(high, after)
        if np.any(least > most):
            return None
        slots, leaving, n_words = frontier_bits(graph.conflicts, order)
        states = _States(
            np.zeros((1, n_words), dtype=np.uint64), 0 * least[:1], 0 * least[:1]
        )
        skips, takes = [], []
        for step, site in enumerate(order):
            check_memory(3 * 8 * _n_values(len(states.frontier), least, most, step))
            rivals = order[:step][graph.conflicts[site, order[:step]]]
            blocked = np.any(states.frontier & bit_mask(slots[rivals], n_words), axis=1)
            taken = states.with_ions(
                ~blocked,
                bit_mask(slots[[site]], n_words),
                int(graph.kinds[site]),
                int(graph.weights[site]),
            )
            n_states = len(blocked)
            states, reached = _merge(
                states,
                taken,
                ~bit_mask(slots[leaving[step]], n_words),
                low - after[step + 1],
                high,
            )
            if len(states.frontier) == 0:
                return None
            skips.append(reached[:n_states])
            takes.append(np.full(n_states, -1, dtype=np.intp))
            takes[-1][~blocked] = reached[n_states:]
        return cls(
            order,
            graph.kinds[order],
            graph.weights[order],
            tuple(skips),
            tuple(takes),
            least,
            most,
        )

    def n_values(self, step: int) -> int:
        """Tell how many numbers the table before a step holds."""
        n_states = len(self.skip[step]) if step < len(self.order) else 1
        return _n_values(n_states, self.least, self.most, step)

    def last_table(self, dtype: type) -> NDArray:
        """Return the ways to complete a finished sweep: one, with no ion left.

        Args:
            dtype: of the numbers.

        Returns:
            The table after the last step, (1, 2, 1, ... 1); see table_before.
        """
        table = np.zeros((1, 2, *[1] * self.least.shape[1]), dtype=dtype)
        table[:, 0] = 1
        return table

    def table_before(self, step: int, after: NDArray) -> NDArray:
        """Add up the ways to complete the sweep from the states before a step.

        Args:
            step: number of the step.
            after: ways to go on from each state after it, by the ions left beyond the
                least of each group. The last state is all zeros and stands for -1.
                Digits are treated alike, (digits, F + 1, ions of group 0, ...).

        Returns:
            The table of the states before it. Its numbers are sums of two entries.
        """
        least, most = self.least[step : step + 2], self.most[step : step + 2]
        n_states = len(self.skip[step])
        shape = (len(after), n_states + 1, *(most[0] - least[0] + 1).tolist())
        table = np.zeros(shape, dtype=after.dtype)
        gain = np.zeros(len(least[0]), dtype=np.int64)
        for reached, weight in ((self.skip, 0), (self.take, self.weights[step])):
            gain[self.groups[step]] = weight
            start = np.maximum(least[0], least[1] + gain)
            stop = np.maximum(start, np.minimum(most[0], most[1] + gain) + 1)
            source = _window(start - least[1] - gain, stop - least[1] - gain)
            target = _window(start - least[0], stop - least[0])
            every = slice(None)
            rows = after[every, every, *source][:, reached[step]]
            table[every, :n_states, *target] += rows
        return table


@dataclass(frozen=True, eq=False)
class _States:
    frontier: NDArray[np.uint64]
    """Occupied frontier sites by slot, (F, words)."""
    fewest: NDArray[np.int64]
    """Fewest ions placed so far, (F, n_groups)."""
    greatest: NDArray[np.int64]
    """Most ions placed so far, (F, n_groups)."""

    def with_ions(
        self, allowed: NDArray[np.bool_], bit: NDArray[np.uint64], kind: int, weight: int
    ) -> "_States":
        fewest, greatest = self.fewest[allowed], self.greatest[allowed]
        fewest[:, kind] += weight
        greatest[:, kind] += weight
        return _States(self.frontier[allowed] | bit, fewest, greatest)


def check_memory(n_bytes: int) -> None:
    """Refuse to allocate more than the sweep may take.

    Args:
        n_bytes: memory about to be needed.

    Raises:
        EnumerationError: it is more than 1 GB.
    """
    if n_bytes > MAX_BYTES:
        raise EnumerationError(
            f"counting the arrangements needs {n_bytes / 1e9:.1f} GB, more than the "
            f"limit of {MAX_BYTES / 1e9:.1f} GB: the distance rules couple too many "
            "sites or the counts vary too widely; use shorter rules, narrower counts or "
            "a smaller cell"
        )


def _n_values(
    n_states: int, least: NDArray[np.int64], most: NDArray[np.int64], step: int
) -> int:
    return (n_states + 1) * math.prod((most[step] - least[step] + 1).tolist())


def _window(start: NDArray[np.int64], stop: NDArray[np.int64]) -> tuple[slice, ...]:
    return tuple(slice(*ends) for ends in zip(start.tolist(), stop.tolist(), strict=True))


def _merge(
    skipped: _States,
    taken: _States,
    keep: NDArray[np.uint64],
    needed: NDArray[np.int64],
    limit: NDArray[np.int64],
) -> tuple[_States, NDArray[np.intp]]:
    # The distinct frontiers, and the one that each of the states given becomes.
    frontier = np.concatenate([skipped.frontier, taken.frontier]) & keep
    order = np.lexsort(frontier.T)
    fresh = np.any(np.diff(frontier[order], axis=0, prepend=0) != 0, axis=1)
    fresh[0] = True
    starts = np.flatnonzero(fresh)
    merged = _States(
        frontier[order[starts]],
        np.minimum.reduceat(
            np.concatenate([skipped.fewest, taken.fewest])[order], starts
        ),
        np.maximum.reduceat(
            np.concatenate([skipped.greatest, taken.greatest])[order], starts
        ),
    )
    # A frontier whose group lags behind what the remaining cliques hold is lost.
    alive = np.all((merged.greatest >= needed) & (merged.fewest <= limit), axis=1)
    reached = np.empty(len(order), dtype=np.intp)
    reached[order] = np.where(alive, np.cumsum(alive) - 1, -1)[np.cumsum(fresh) - 1]
    survivors = _States(
        merged.frontier[alive], merged.fewest[alive], merged.greatest[alive]
    )
    return survivors, reached
