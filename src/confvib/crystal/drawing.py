r"""Draw inequivalent arrangements uniformly from sets too large to enumerate.

Choose an operation g with probability \(\mathrm{Fix}_g / \sum_h \mathrm{Fix}_h\) and
then one of the \(\mathrm{Fix}_g\) arrangements that it leaves unchanged, all alike. An
arrangement x comes up with probability \(|\mathrm{Stab}_x| / (N |G|)\), hence each of
the N orbits, which has \(|G| / |\mathrm{Stab}_x|\) members, with probability 1/N.

Source: Dixon and Wilf, J. Algorithms 4, 205 (1983).
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.bitsets import Permuter, pack_words, unpack_words
from confvib.crystal.burnside import (
    operation_classes,
    orbit_number,
    quotient,
    usable_cycles,
)
from confvib.crystal.counting import count_arrangements
from confvib.crystal.orbits import smallest_images
from confvib.crystal.site_graph import SiteGraph
from confvib.crystal.sweep import MAX_BYTES, Sweep, check_memory
from confvib.errors import EnumerationError

_BATCH_WORDS = 1 << 22
"""Random words used at once; the rows do not depend on it."""

_RESCALE = 2.0**-512
"""Factor for the ways to complete a sweep when they grow beyond its inverse."""


@dataclass(frozen=True, eq=False)
class DrawnOrbits:
    r"""Distinct orbits in the order in which they were first drawn.

    Orbits are drawn uniformly and repeats are skipped, so any n distinct orbits are
    equally likely, in any order: a simple random sample without replacement. Each row
    is included with probability n/N, so in a Horvitz-Thompson sum over all orbits it
    stands for N/n of them, and with its multiplicity \(g_i\) for \(g_i N / n\)
    arrangements.

    Attributes:
        occupancy: lexicographically smallest member of each orbit, (n, M).
        multiplicity: arrangements in each orbit, (n,).
        n_inequivalent: orbits in the whole set, N.
        raw_count: arrangements in the whole set.
    """

    occupancy: NDArray[np.bool_]
    multiplicity: NDArray[np.int64]
    n_inequivalent: int
    raw_count: int


def draw_orbits(
    graph: SiteGraph,
    permutations: NDArray[np.int64],
    counts: Sequence[int],
    n: int,
    seed: int,
) -> DrawnOrbits:
    """Draw distinct orbits, each as likely as any other.

    Every draw has its own stretch of one random stream, so a larger n appends to the
    rows of a smaller one. Operations are chosen by integers, with an error below
    2^-64; branches of the sweep by floats, with a relative error near 1e-16 per site.

    Args:
        graph: sites and conflicts.
        permutations: the symmetry group of the graph, distinct rows, (G, M).
        counts: ions in each group.
        n: orbits wanted, at most half of those there are.
        seed: seed of the random stream.

    Returns:
        The orbits, and how many there are in all.

    Raises:
        EnumerationError: n does not fit the number of orbits, the rules couple too
            many sites, or the permutations are no group of symmetries of the graph.
    """
    lottery = _Lottery.build(graph, permutations, counts)
    _check_request(n, lottery.n_inequivalent, counts)
    permuter = Permuter.build(permutations)
    stream = np.random.Philox(seed)
    n_sites = len(graph.kinds)
    n_words = lottery.n_words + n_sites
    seen: dict[bytes, tuple[NDArray[np.uint64], int]] = {}
    while len(seen) < n:
        missing = n - len(seen)
        # A few more than are missing, for repeats.
        n_draws = min(missing + missing // 8 + 16, max(1, _BATCH_WORDS // n_words))
        random = stream.random_raw(n_draws * n_words).reshape(n_draws, n_words)
        occupancy = lottery.draw(graph, permutations, counts, random)
        words, sizes = smallest_images(permuter, pack_words(occupancy))
        for row, size in zip(words, sizes.tolist(), strict=True):
            if len(seen) < n:
                seen.setdefault(row.tobytes(), (row, size))
    words, sizes = zip(*seen.values(), strict=True)
    return DrawnOrbits(
        unpack_words(np.stack(words), n_sites),
        np.array(sizes, dtype=np.int64),
        lottery.n_inequivalent,
        lottery.raw_count,
    )


def _check_request(n: int, n_inequivalent: int, counts: Sequence[int]) -> None:
    if n_inequivalent == 0:
        raise EnumerationError(
            f"no arrangement of {tuple(counts)} ions is allowed, so none can be drawn"
        )
    if not 1 <= n <= n_inequivalent:
        raise EnumerationError(
            f"{n} orbits to draw, expected 1 to {n_inequivalent}, the number of "
            f"inequivalent arrangements of {tuple(counts)} ions"
        )
    if 2 * n > n_inequivalent:
        raise EnumerationError(
            f"{n} orbits to draw are more than half of the {n_inequivalent} inequivalent "
            f"arrangements of {tuple(counts)} ions; enumerate them all instead"
        )


@dataclass(frozen=True, eq=False)
class _Lottery:
    operations: NDArray[np.intp]
    """One operation of each class."""
    shares: list[int]
    """Sum of Fix over the operations of this class and those before it."""
    n_inequivalent: int
    raw_count: int

    @classmethod
    def build(
        cls, graph: SiteGraph, permutations: NDArray[np.int64], counts: Sequence[int]
    ) -> "_Lottery":
        operations, sizes = operation_classes(permutations)
        fixed = [
            int(size) * count_arrangements(quotient(graph, permutations[g]), counts)
            for g, size in zip(operations, sizes, strict=True)
        ]
        n_inequivalent = orbit_number(sum(fixed), len(permutations))
        raw_count = count_arrangements(graph, counts)
        return cls(operations, list(accumulate(fixed)), n_inequivalent, raw_count)

    @property
    def n_words(self) -> int:
        # 64 bits to spare make the probabilities of the classes exact to 2^-64.
        return self.shares[-1].bit_length() // 64 + 2

    def draw(
        self,
        graph: SiteGraph,
        permutations: NDArray[np.int64],
        counts: Sequence[int],
        random: NDArray[np.uint64],
    ) -> NDArray[np.bool_]:
        head = random[:, : self.n_words].astype("<u8")
        chosen = np.array([self._class_of(row.tobytes()) for row in head])
        occupancy = np.zeros((len(random), len(graph.kinds)), dtype=bool)
        for number in np.unique(chosen):
            rows = np.flatnonzero(chosen == number)
            permutation = permutations[self.operations[number]]
            sweep = Sweep.build(quotient(graph, permutation), counts, counts)
            assert sweep is not None, "a class that fixes no arrangement has no share"
            cycles = usable_cycles(graph, permutation)[1]
            unions = _sample(sweep, counts, random[rows, self.n_words :])
            occupancy[np.ix_(rows, cycles >= 0)] = unions[:, cycles[cycles >= 0]]
        return occupancy

    def _class_of(self, random: bytes) -> int:
        number = int.from_bytes(random, "little") * self.shares[-1] >> 8 * len(random)
        return bisect_right(self.shares, number)


def _sample(
    sweep: Sweep, counts: Sequence[int], random: NDArray[np.uint64]
) -> NDArray[np.bool_]:
    n_rows = len(random)
    state = np.zeros(n_rows, dtype=np.intp)
    left = np.tile(np.array(counts, dtype=np.int64), (n_rows, 1))
    occupied = np.zeros((n_rows, len(sweep.order)), dtype=bool)
    for step, table in enumerate(_tables_after(sweep)):
        skip, take = sweep.skip[step][state], sweep.take[step][state]
        fewer = left.copy()
        fewer[:, sweep.groups[step]] -= sweep.weights[step]
        ways_skip = _ways(sweep, step + 1, table, skip, left)
        ways_take = _ways(sweep, step + 1, table, take, fewer)
        # 53 bits in [0, 1): a branch without a way on is never taken.
        uniform = (random[:, step] >> np.uint64(11)) * 2.0**-53
        taken = uniform * (ways_skip + ways_take) < ways_take
        state = np.where(taken, take, skip)
        left[taken] = fewer[taken]
        occupied[:, sweep.order[step]] = taken
    return occupied


def _ways(
    sweep: Sweep,
    step: int,
    table: NDArray[np.float64],
    state: NDArray[np.intp],
    left: NDArray[np.int64],
) -> NDArray[np.float64]:
    place = left - sweep.least[step]
    inside = np.all((place >= 0) & (left <= sweep.most[step]), axis=1)
    # The last state, of zeros, stands for -1.
    index = np.vstack([np.where(state < 0, len(table) - 1, state), place.T])
    ways = table.reshape(-1)[np.ravel_multi_index(tuple(index), table.shape, mode="clip")]
    return np.where(inside, ways, 0.0)


def _tables_after(sweep: Sweep) -> Iterator[NDArray[np.float64]]:
    """Yield the ways to complete the sweep after each step, the first step first.

    They are made from the last step back. Where all of them do not fit in memory, every
    so many are kept and those between made a second time.
    """
    n_steps = len(sweep.order)
    every = 1
    if _kept_bytes(sweep, every) > MAX_BYTES:
        every = math.isqrt(n_steps)
        check_memory(_kept_bytes(sweep, every))
    kept = {n_steps: sweep.last_table(np.float64)}
    table = kept[n_steps]
    for step in range(n_steps - 1, 0, -1):
        table = _before(sweep, step, table)
        if step % every == 0:
            kept[step] = table
    for start in range(0, n_steps, every):
        stop = min(start + every, n_steps)
        tables = [kept.pop(stop)]
        for step in range(stop - 1, start, -1):
            tables.append(_before(sweep, step, tables[-1]))
        while tables:
            yield tables.pop()[0]


def _kept_bytes(sweep: Sweep, every: int) -> int:
    sizes = [8 * sweep.n_values(step) for step in range(len(sweep.order) + 1)]
    segments = [sum(sizes[n : n + every]) for n in range(0, len(sizes), every)]
    return sum(sizes[::every]) + max(segments) + 2 * max(sizes)


def _before(sweep: Sweep, step: int, after: NDArray[np.float64]) -> NDArray[np.float64]:
    table = sweep.table_before(step, after)
    # Only their ratios matter, so the ways need not overflow; powers of two are exact.
    return table * _RESCALE if table.max() > 1.0 / _RESCALE else table
