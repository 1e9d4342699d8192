"""Burnside's lemma against brute force, closed forms and the enumeration."""

import itertools
import math

import numpy as np
import pytest

from confvib.crystal import counting
from confvib.crystal.burnside import (
    Ratio,
    count_orbits,
    count_ratios,
    operation_classes,
    quotient,
)
from confvib.crystal.counting import count_all
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.parent import read_parent
from confvib.crystal.rules import DistanceRule, conflict_matrix
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import EnumerationError


def _dihedral(n_sites):
    turns = (np.arange(n_sites)[:, None] + np.arange(n_sites)) % n_sites
    return np.concatenate([turns, -turns % n_sites])


def _ring(n_sites):
    ring = np.roll(np.eye(n_sites, dtype=bool), 1, axis=1)
    return SiteGraph.build(ring | ring.T, np.zeros(n_sites, dtype=int))


def _free(n_sites):
    conflicts = np.zeros((n_sites, n_sites), dtype=bool)
    return SiteGraph.build(conflicts, np.zeros(n_sites, dtype=int))


def _graph(parent, rules):
    return SiteGraph.build(conflict_matrix(parent, rules), parent.kinds)


def test_necklaces_and_bracelets_of_200_beads():
    # N(n, k) = (1/n) sum over d | gcd(n, k) of phi(d) C(n/d, k/d); a reflection of an
    # even ring fixes C(n/2, k/2) sets of k beads, for k even.
    n, k = 200, 90
    total = sum(
        math.comb(n // d, k // d) * sum(math.gcd(j, d) == 1 for j in range(1, d + 1))
        for d in range(1, k + 1)
        if n % d == k % d == 0
    )
    group = _dihedral(n)
    assert count_orbits(_free(n), group[:n], (k,)) == total // n
    bracelets = (total // n + math.comb(n // 2, k // 2)) // 2
    assert count_orbits(_free(n), group, (k,)) == bracelets


def test_bracelets_without_neighbours_by_the_smallest_rings():
    # Ions that are no neighbours on a ring of n sites are a bracelet of n - k sites,
    # each ion merged with the empty site after it.
    n, k = 40, 13
    found = count_orbits(_ring(n), _dihedral(n), (k,))
    assert found == count_orbits(_free(n - k), _dihedral(n - k), (k,))


@pytest.mark.parametrize("rules", [[], [("8c", "8c", 3.0)], [("8c", "4b", 2.3)]])
def test_every_composition_of_fluorite_by_brute_force(fluorite_cif, brute_force, rules):
    parent = read_parent(fluorite_cif(1, 1, 1), {"8c": "Li", "4b": "Na"})
    rules = [DistanceRule((first, second), limit) for first, second, limit in rules]
    graph = _graph(parent, rules)
    expected = []
    for counts in itertools.product(range(9), range(5)):
        named = dict(zip(["8c", "4b"], counts, strict=True))
        rows = brute_force(parent, named, graph.conflicts)
        if rows:
            expected.append(Ratio(counts, sum(size for _, size in rows), len(rows)))
    assert count_ratios(graph, parent.permutations, (0, 0), (8, 4)) == expected


def test_species_that_share_their_sites_by_brute_force(fluorite_cif, brute_force):
    parent = read_parent(
        fluorite_cif(1, 1, 1), {"8c": ["Li", "Na", "vacancy"], "4b": "K"}
    )
    names = [group.name for group in parent.groups]
    graph = _graph(parent, [])
    for counts in [(3, 2, 3, 2), (1, 6, 1, 3), (4, 4, 0, 1)]:
        named = dict(zip(names, counts, strict=True))
        rows = brute_force(parent, named, graph.conflicts)
        assert count_orbits(graph, parent.permutations, counts) == len(rows)
    # Three species fill the eight sites: sum of multinomials is 3^8.
    ratios = count_ratios(
        graph, parent.permutations, (0,) * 4, (8, 8, 8, 0), [((0, 1, 2), 8)]
    )
    assert sum(ratio.raw_count for ratio in ratios) == 3**8


def test_every_ratio_of_cubic_llzo(cubic_llzo, llzo_rules):
    graph = _graph(cubic_llzo, llzo_rules)
    ratios = count_ratios(
        graph, cubic_llzo.permutations, (0, 0), (24, 96), [((0, 1), 56)]
    )
    assert [
        (ratio.counts, ratio.raw_count, ratio.n_inequivalent) for ratio in ratios
    ] == [
        ((8, 48), 80_019_456, 835_190),
        ((9, 47), 86_900_736, 905_216),
        ((10, 46), 35_417_088, 369_436),
        ((11, 45), 6_344_640, 66_090),
        ((12, 44), 426_024, 4_493),
        ((13, 43), 1_056, 11),
    ]
    every = count_ratios(graph, cubic_llzo.permutations, (0, 0), (24, 96))
    assert len(every) == 913
    assert [ratio for ratio in every if sum(ratio.counts) == 56] == ratios
    assert {ratio.counts: ratio.raw_count for ratio in every} == count_all(
        graph, (0, 0), (24, 96)
    )


@pytest.mark.parametrize("counts", [(13, 43), (1, 3), (20, 2), (16, 30)])
def test_ratios_of_cubic_llzo_match_the_enumeration(cubic_llzo, llzo_rules, counts):
    graph = _graph(cubic_llzo, llzo_rules)
    named = dict(zip(["24d", "96h"], counts, strict=True))
    found = enumerate_configurations(cubic_llzo, named, llzo_rules)
    assert count_ratios(graph, cubic_llzo.permutations, counts, counts) == [
        Ratio(counts, found.raw_count, len(found.occupancy))
    ]


def test_operations_of_a_class_leave_equally_many_arrangements(cubic_llzo, llzo_rules):
    permutations = cubic_llzo.permutations
    operations, sizes = operation_classes(permutations)
    assert sizes.sum() == 96
    assert len(sizes) == 13
    graph = _graph(cubic_llzo, llzo_rules)
    fixed = [
        count_all(quotient(graph, permutation), (12, 44), (12, 44)).get((12, 44), 0)
        for permutation in permutations
    ]
    by_class = sum(
        int(size) * fixed[operation]
        for operation, size in zip(operations, sizes, strict=True)
    )
    assert by_class == sum(fixed) == 96 * 4_493


def test_classes_of_a_ring_are_divisors_and_two_kinds_of_mirror():
    # Turns of equal order generate one cyclic group; 12 has six divisors.
    operations, sizes = operation_classes(_dihedral(12))
    assert sorted(sizes.tolist()) == sorted([1, 1, 2, 2, 2, 4, 6, 6])
    assert operations[0] == 0


def test_quotient_merges_cycles_and_drops_those_with_conflicts():
    # A half turn of a ring of six, where opposite sites 0 and 3 are rivals as well.
    conflicts = _ring(6).conflicts.copy()
    conflicts[0, 3] = conflicts[3, 0] = True
    graph = SiteGraph.build(conflicts, np.zeros(6, dtype=int))
    smaller = quotient(graph, np.array([3, 4, 5, 0, 1, 2]))
    assert smaller.weights.tolist() == [2, 2]
    assert smaller.conflicts.tolist() == [[False, True], [True, False]]


def test_totals_are_counted_group_by_group(cubic_llzo, llzo_rules):
    graph = _graph(cubic_llzo, llzo_rules)
    arguments = (graph, cubic_llzo.permutations, (10, 0), (24, 46))
    found = count_ratios(*arguments, [((0, 1), 56)])
    assert [ratio.counts for ratio in found] == [(n, 56 - n) for n in range(10, 14)]
    assert count_ratios(*arguments, [((0, 1), 56), ((1,), 45)])[0].counts == (11, 45)
    assert count_ratios(*arguments, [((0, 1), 56), ((0, 1), 55)]) == []
    assert count_ratios(*arguments, [((0, 1), 10), ((0,), 11)]) == []


def test_infeasible_counts_have_no_orbit(cubic_llzo, llzo_rules):
    graph = _graph(cubic_llzo, llzo_rules)
    assert count_orbits(graph, cubic_llzo.permutations, (14, 42)) == 0


def test_permutations_that_are_no_group_are_refused():
    with pytest.raises(EnumerationError, match="12 permutations of the sites are no gro"):
        count_orbits(
            _free(6), np.concatenate([_dihedral(6)[:11], [[1, 0, 2, 3, 4, 5]]]), (3,)
        )
    # A turn and its powers, one of them missing.
    with pytest.raises(
        EnumerationError, match="self-check failed: 24 fixed arrangements"
    ):
        count_orbits(_free(6), _dihedral(6)[:5], (3,))


def test_operations_that_change_the_conflicts_are_refused():
    conflicts = np.zeros((4, 4), dtype=bool)
    conflicts[0, 1] = conflicts[1, 0] = True
    graph = SiteGraph.build(conflicts, np.zeros(4, dtype=int))
    with pytest.raises(EnumerationError, match="expected a symmetry of both"):
        count_orbits(graph, _dihedral(4), (2,))


def test_digits_are_carried_whatever_their_size(cubic_llzo, llzo_rules, monkeypatch):
    graph = _graph(cubic_llzo, llzo_rules)
    expected = count_ratios(graph, cubic_llzo.permutations, (8, 0), (13, 96))
    monkeypatch.setattr(counting, "_DIGIT_BITS", 5)
    found = count_ratios(graph, cubic_llzo.permutations, (8, 0), (13, 96))
    assert found == expected
