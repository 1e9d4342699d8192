"""Enumerate the symmetry-inequivalent configurations of a parent crystal exactly."""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.bitsets import Permuter, pack_words, unpack_words
from confvib.crystal.counting import SiteGraph, count_arrangements, largest_count
from confvib.crystal.independent_sets import GroupBlock, extend_orbits
from confvib.crystal.orbits import OrbitSet, smallest_images
from confvib.crystal.parent import ParentCrystal
from confvib.crystal.rules import DistanceRule, conflict_matrix
from confvib.errors import EnumerationError


@dataclass(frozen=True, eq=False)
class ConfigurationSet:
    """All inequivalent configurations of one composition.

    Attributes:
        occupancy: which sites are occupied, rows in canonical order, (n, M).
        multiplicity: arrangements that each row stands for, (n,).
        raw_count: arrangements without symmetry, the sum of the multiplicities.
    """

    occupancy: NDArray[np.bool_]
    multiplicity: NDArray[np.int64]
    raw_count: int


def enumerate_configurations(
    parent: ParentCrystal,
    counts: Mapping[str, int],
    rules: Sequence[DistanceRule],
    *,
    max_configurations: int = 5_000_000,
) -> ConfigurationSet:
    r"""Enumerate one configuration of every symmetry orbit.

    The row of an orbit is its lexicographically smallest bit string over the ordered
    sites, and rows are sorted by it: the same rows in the same order on every
    machine. With \(|\mathrm{Stab}_i|\) operations that fix row i,
    \(g_i = |G| / |\mathrm{Stab}_i|\), and \(\sum_i g_i\) is checked against a count
    that uses no symmetry.

    Args:
        parent: the crystal.
        counts: ions on each site group, every group named.
        rules: pairs of ions that are too close.
        max_configurations: refuse a request that has more inequivalent rows.

    Returns:
        The inequivalent configurations with their multiplicities.

    Raises:
        EnumerationError: counts do not fit the groups or the rules, there are too
            many configurations, or the self-check failed.
        CrystalError: a rule does not fit the crystal.
    """
    wanted = _checked_counts(parent, counts)
    graph = SiteGraph.build(conflict_matrix(parent, rules), _kinds(parent))
    raw_count = count_arrangements(graph, wanted)
    if raw_count == 0:
        _raise_infeasible(parent, graph, wanted, rules)
    n_operations = len(parent.permutations)
    if raw_count > max_configurations * n_operations:
        raise EnumerationError(
            f"{dict(counts)}: {raw_count} arrangements are at least "
            f"{-(-raw_count // n_operations)} inequivalent configurations, more than "
            f"the limit of {max_configurations}"
        )
    order = _placement_order(graph, wanted)
    orbits = _place_all(parent, graph, wanted, order)
    return _canonical_set(parent, orbits, order, raw_count)


def _checked_counts(parent: ParentCrystal, counts: Mapping[str, int]) -> list[int]:
    names = [group.name for group in parent.groups]
    if sorted(counts) != sorted(names):
        raise EnumerationError(
            f"counts name the groups {sorted(counts)}, expected {sorted(names)}"
        )
    for group in parent.groups:
        count, n_sites = counts[group.name], len(group.indices)
        if not 0 <= count <= n_sites:
            raise EnumerationError(
                f"{count} ions on group {group.name!r}, expected 0 to {n_sites}, the "
                "number of its sites"
            )
    return [operator.index(counts[name]) for name in names]


def _kinds(parent: ParentCrystal) -> NDArray[np.int64]:
    kinds = np.empty(len(parent.sites), dtype=np.int64)
    for kind, group in enumerate(parent.groups):
        kinds[group.indices] = kind
    return kinds


def _raise_infeasible(
    parent: ParentCrystal,
    graph: SiteGraph,
    wanted: list[int],
    rules: Sequence[DistanceRule],
) -> NoReturn:
    limits = []
    for kind, group in enumerate(parent.groups):
        largest = largest_count(graph, wanted, kind)
        if largest is not None:
            limits.append(f"at most {largest} ions fit on {group.name!r}")
    asked = ", ".join(
        f"{count} on {group.name!r}"
        for group, count in zip(parent.groups, wanted, strict=True)
    )
    reason = " or ".join(limits) or "no group alone mends this"
    names = ", ".join(str(rule) for rule in rules)
    raise EnumerationError(
        f"the rules {names} forbid every arrangement of {asked} ions; with the other "
        f"counts as they are, {reason}"
    )


def _placement_order(graph: SiteGraph, wanted: list[int]) -> NDArray[np.intp]:
    # The group with the fewest choices first; then the cliques of a group together.
    sizes = np.bincount(graph.kinds, minlength=len(wanted))
    choices = [math.comb(int(n), count) for n, count in zip(sizes, wanted, strict=True)]
    rank = np.argsort(np.argsort(np.array(choices, dtype=object), kind="stable"))
    return np.lexsort([graph.cliques, rank[graph.kinds]])


def _place_all(
    parent: ParentCrystal,
    graph: SiteGraph,
    wanted: list[int],
    order: NDArray[np.intp],
) -> OrbitSet:
    inverse = np.argsort(order)
    permuter = Permuter.build(inverse[parent.permutations[:, order]])
    conflicts = graph.conflicts[np.ix_(order, order)]
    blocks, start = [], 0
    for kind in dict.fromkeys(graph.kinds[order].tolist()):
        size = int(np.sum(graph.kinds == kind))
        cliques = graph.cliques[order[start : start + size]]
        clique_starts = np.flatnonzero(np.diff(cliques, prepend=-1))
        columns = conflicts[:, start : start + size]
        blocks.append(GroupBlock(start, wanted[kind], columns, clique_starts))
        start += size
    orbits = OrbitSet.empty_set(-(-len(order) // 64), len(parent.permutations))
    for index, block in enumerate(blocks):
        orbits = extend_orbits(orbits, block, blocks[index + 1 :], permuter)
    return orbits


def _canonical_set(
    parent: ParentCrystal, orbits: OrbitSet, order: NDArray[np.intp], raw_count: int
) -> ConfigurationSet:
    n_sites = len(order)
    occupancy = unpack_words(orbits.words, n_sites)[:, np.argsort(order)]
    words = smallest_images(Permuter.build(parent.permutations), pack_words(occupancy))
    rows = np.lexsort(words.T[::-1])
    words, multiplicity = words[rows], orbits.multiplicity[rows]
    total = int(multiplicity.sum())
    repeated = int(np.sum(np.all(words[1:] == words[:-1], axis=1)))
    if total != raw_count or repeated:
        raise EnumerationError(
            f"self-check failed: multiplicities add up to {total} with {repeated} "
            f"repeated rows, expected {raw_count} and none"
        )
    return ConfigurationSet(unpack_words(words, n_sites), multiplicity, raw_count)
