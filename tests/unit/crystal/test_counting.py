"""Counting without generating, against explicit subsets and closed forms."""

import itertools
import math

import numpy as np
import pytest

from confvib.crystal import sweep
from confvib.crystal.counting import count_all, count_arrangements, largest_count
from confvib.crystal.frontier import sweep_order
from confvib.crystal.rules import conflict_matrix
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import EnumerationError


def _random_graph(seed, density, weights=None):
    rng = np.random.default_rng(seed)
    conflicts = np.triu(rng.random((12, 12)) < density, 1)
    return SiteGraph.build(conflicts | conflicts.T, np.repeat([0, 1], [5, 7]), weights)


def _free_graph(*sizes):
    n_sites = sum(sizes)
    kinds = np.repeat(np.arange(len(sizes)), sizes)
    return SiteGraph.build(np.zeros((n_sites, n_sites), dtype=bool), kinds)


def _explicit(graph):
    """Count allowed subsets by (ions in group 0, ions in group 1)."""
    counts = {}
    for bits in itertools.product([False, True], repeat=12):
        chosen = np.array(bits)
        if not graph.conflicts[np.ix_(chosen, chosen)].any():
            ions = [int(graph.weights[chosen & (graph.kinds == k)].sum()) for k in (0, 1)]
            counts[tuple(ions)] = counts.get(tuple(ions), 0) + 1
    return counts


@pytest.mark.parametrize("density", [0.0, 0.1, 0.3, 0.6])
def test_counts_and_largest_counts_of_random_graphs(density):
    graph = _random_graph(7, density)
    explicit = _explicit(graph)
    assert count_all(graph, (0, 0), (5, 7)) == explicit
    for key in itertools.product(range(6), range(8)):
        assert count_arrangements(graph, key) == explicit.get(key, 0)
        best = [b for a, b in explicit if a == key[0]]
        assert largest_count(graph, key, 1) == (max(best) if best else None)


@pytest.mark.parametrize("seed", range(4))
def test_sites_may_stand_for_several_ions(seed):
    weights = np.random.default_rng(seed).integers(1, 6, 12)
    graph = _random_graph(seed, 0.25, weights)
    explicit = _explicit(graph)
    assert count_all(graph, (0, 0), (99, 99)) == explicit
    window = {k: n for k, n in explicit.items() if 4 <= k[0] <= 9 and 3 <= k[1] <= 20}
    assert len(window) > 3
    assert count_all(graph, (4, 3), (9, 20)) == window
    assert largest_count(graph, (0, 4), 0) == max(a for a, b in explicit if b == 4)


def test_bounds_that_nothing_fits_give_nothing():
    graph = _random_graph(7, 0.3)
    assert count_all(graph, (5, 7), (5, 7)) == {}
    assert count_all(graph, (6, 0), (9, 9)) == {}
    assert count_all(graph, (3, 0), (2, 9)) == {}
    assert count_arrangements(graph, (-1, 3)) == 0


def test_no_site_at_all_holds_no_ion():
    graph = SiteGraph.build(np.zeros((0, 0), dtype=bool), np.zeros(0, dtype=np.int64))
    assert count_all(graph, (0,), (3,)) == {(0,): 1}
    assert count_all(graph, (1,), (3,)) == {}


def test_free_sites_give_binomials_of_any_size():
    # 1.2e180 ways need ten digits of 63 bits.
    assert count_arrangements(_free_graph(600), (290,)) == math.comb(600, 290)
    assert largest_count(_free_graph(600), (0,), 0) == 600
    found = count_all(_free_graph(60, 50), (0, 0), (60, 50))
    assert found == {
        (a, b): math.comb(60, a) * math.comb(50, b) for a in range(61) for b in range(51)
    }


def test_four_species_that_share_their_sites():
    # Each site holds one of four species or none: a multinomial coefficient.
    n_sites, counts = 40, (12, 9, 3, 7)
    site = np.tile(np.arange(n_sites), 4)
    conflicts = (site[:, None] == site) & ~np.eye(4 * n_sites, dtype=bool)
    graph = SiteGraph.build(conflicts, np.repeat(np.arange(4), n_sites))
    expected, left = 1, n_sites
    for count in counts:
        expected, left = expected * math.comb(left, count), left - count
    assert count_arrangements(graph, counts) == expected


def test_ring_gives_the_lucas_number_of_independent_sets():
    n_sites = 200
    ring = np.roll(np.eye(n_sites, dtype=bool), 1, axis=1)
    graph = SiteGraph.build(ring | ring.T, np.zeros(n_sites, dtype=int))
    # Independent sets of k sites on a ring; all of them add up to a Lucas number.
    found = count_all(graph, (0,), (n_sites,))
    assert found == {
        (k,): n_sites * math.comb(n_sites - k, k) // (n_sites - k) for k in range(101)
    }
    lucas = [2, 1]
    while len(lucas) <= n_sites:
        lucas.append(lucas[-1] + lucas[-2])
    assert sum(found.values()) == lucas[n_sites]


def test_frontiers_of_more_than_64_sites():
    # Two cliques of 90 whose members conflict pairwise: rook placements on 2 x 90.
    block = ~np.eye(90, dtype=bool)
    conflicts = np.block([[block, np.eye(90, dtype=bool)], [np.eye(90), block]]) > 0
    graph = SiteGraph.build(conflicts, np.zeros(180, dtype=int))
    assert count_all(graph, (0,), (180,)) == {(0,): 1, (1,): 180, (2,): 90 * 89}


def test_every_composition_of_cubic_llzo(cubic_llzo, llzo_rules):
    graph = SiteGraph.build(conflict_matrix(cubic_llzo, llzo_rules), cubic_llzo.kinds)
    found = count_all(graph, (0, 0), (24, 96))
    assert found[12, 44] == 426_024
    assert found[11, 45] == 6_344_640
    assert [a for a, b in sorted(found) if a + b == 56] == list(range(8, 14))
    # Octahedra alone: 48 pairs of rival sites. Tetrahedra alone: no rule between them.
    for n in range(49):
        assert found[0, n] == math.comb(48, n) * 2**n
    for n in range(25):
        assert found[n, 0] == math.comb(24, n)
    # A tetrahedron excludes its four nearest octahedral sites; all of them, every one.
    assert found[1, 1] == 24 * (96 - 4)
    assert max(b for a, b in found if a == 24) == 0


def test_cliques_cover_each_group_separately():
    conflicts = ~np.eye(6, dtype=bool)
    graph = SiteGraph.build(conflicts, np.array([0, 0, 0, 1, 1, 1]))
    assert graph.cliques.tolist() == [0, 0, 0, 1, 1, 1]


def test_capacity_of_a_clique_is_its_heaviest_site():
    conflicts = np.zeros((4, 4), dtype=bool)
    conflicts[0, 1] = conflicts[1, 0] = True
    graph = SiteGraph.build(conflicts, np.array([0, 0, 0, 1]), np.array([2, 3, 4, 5]))
    bounds = graph.capacities(np.arange(4), 2)
    assert bounds.tolist() == [[0, 0], [2, 0], [3, 0], [7, 0], [7, 5]]


def test_sweep_follows_a_ladder_with_a_small_frontier():
    # Two rows of 30 sites, rivals along the rows and the rungs, in a shuffled order.
    n_rungs = 30
    conflicts = np.zeros((60, 60), dtype=bool)
    shuffled = np.random.default_rng(5).permutation(60).reshape(2, n_rungs)
    pairs = [*zip(shuffled[0], shuffled[1], strict=True)]
    pairs += [*zip(shuffled[:, :-1].ravel(), shuffled[:, 1:].ravel(), strict=True)]
    for first, second in pairs:
        conflicts[first, second] = conflicts[second, first] = True
    order = sweep_order(conflicts)
    assert sorted(order) == list(range(60))
    sizes = [
        int(conflicts[np.ix_(order[:n], order[n:])].any(axis=1).sum())
        for n in range(1, 60)
    ]
    # Growing from the middle of the ladder doubles the ends.
    assert max(sizes) <= 4


def test_rules_that_couple_too_many_sites_are_refused(monkeypatch):
    monkeypatch.setattr(sweep, "MAX_BYTES", 1_000)
    message = (
        r"counting the arrangements needs 0\.0 GB, more than the limit of 0\.0 GB: the "
        "distance rules couple too many sites or the counts vary too widely; use "
        "shorter rules, narrower counts or a smaller cell"
    )
    with pytest.raises(EnumerationError, match=message):
        count_arrangements(_random_graph(7, 0.3), (2, 3))


def test_counts_that_vary_too_widely_are_refused_at_once():
    graph = _free_graph(150, 150, 150, 150)
    with pytest.raises(EnumerationError, match="the counts vary too widely"):
        count_all(graph, (0,) * 4, (150,) * 4)
    assert count_arrangements(graph, (75,) * 4) == math.comb(150, 75) ** 4
