"""Enumerate the symmetry-inequivalent configurations of a parent crystal exactly."""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.bitsets import Permuter, pack_words, unpack_words
from confvib.crystal.burnside import Ratio, count_ratios
from confvib.crystal.counting import count_arrangements, largest_count
from confvib.crystal.independent_sets import GroupBlock, extend_orbits
from confvib.crystal.orbits import OrbitSet, smallest_images
from confvib.crystal.parent import ParentCrystal
from confvib.crystal.rules import DistanceRule, conflict_matrix
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import CrystalError, EnumerationError


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
    \(g_i = |G| / |\mathrm{Stab}_i|\). Two counts that generate no arrangement check the
    result: \(\sum_i g_i\) against one without symmetry, the number of rows against
    Burnside's.

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
    graph = SiteGraph.build(conflict_matrix(parent, rules), parent.kinds)
    ratios = count_ratios(graph, parent.permutations, wanted, wanted)
    if not ratios:
        _raise_infeasible(parent, graph, wanted, rules)
    if ratios[0].n_inequivalent > max_configurations:
        raise EnumerationError(
            f"{dict(counts)} has {_readable(ratios[0].n_inequivalent)} inequivalent "
            f"configurations, more than the limit of {max_configurations}; draw a sample "
            "of them (sets.<name>.draw)"
        )
    order = _placement_order(graph, wanted)
    orbits = _place_all(parent, graph, wanted, order)
    return _canonical_set(parent, orbits, order, ratios[0])


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


def _readable(number: int) -> str:
    # A float overflows where a count may not.
    return str(number) if number < 10**15 else f"{Decimal(number):.3e}"


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
    # Of several rules, usually one has a distance that is too long or for other sites.
    alone = [str(rule) for rule in rules if not _allows(parent, wanted, rule)]
    guilty = f"{alone[0]} alone does; " if alone and len(rules) > 1 else ""
    raise EnumerationError(
        f"the rules {names} forbid every arrangement of {asked} ions; {guilty}with the "
        f"other counts as they are, {reason}"
    )


def _allows(parent: ParentCrystal, wanted: list[int], rule: DistanceRule) -> bool:
    try:
        conflicts = conflict_matrix(parent, [rule])
    except CrystalError:
        # Sites that overlap without the other rules: the rule has no say on its own.
        return True
    return count_arrangements(SiteGraph.build(conflicts, parent.kinds), wanted) > 0


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
    parent: ParentCrystal, orbits: OrbitSet, order: NDArray[np.intp], expected: Ratio
) -> ConfigurationSet:
    n_sites = len(order)
    occupancy = unpack_words(orbits.words, n_sites)[:, np.argsort(order)]
    permuter = Permuter.build(parent.permutations)
    words, sizes = smallest_images(permuter, pack_words(occupancy))
    rows = np.lexsort(words.T[::-1])
    words, multiplicity = words[rows], orbits.multiplicity[rows]
    total = int(multiplicity.sum())
    repeated = int(np.sum(np.all(words[1:] == words[:-1], axis=1)))
    misjudged = int(np.sum(multiplicity != sizes[rows]))
    found = (len(words), total, repeated, misjudged)
    if found != (expected.n_inequivalent, expected.raw_count, 0, 0):
        raise EnumerationError(
            f"self-check failed: {len(words)} rows for {total} arrangements, {repeated} "
            f"rows repeated and {misjudged} with a wrong multiplicity, expected "
            f"{expected.n_inequivalent} for {expected.raw_count} and none"
        )
    return ConfigurationSet(unpack_words(words, n_sites), multiplicity, total)
