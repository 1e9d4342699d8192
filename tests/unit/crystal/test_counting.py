"""Counting without generating, against explicit subsets of random graphs."""

import itertools
import math

import numpy as np
import pytest

from confvib.crystal import counting
from confvib.crystal.counting import SiteGraph, count_arrangements, largest_count
from confvib.errors import EnumerationError


def _random_graph(seed, density):
    rng = np.random.default_rng(seed)
    conflicts = np.triu(rng.random((12, 12)) < density, 1)
    return SiteGraph.build(conflicts | conflicts.T, np.repeat([0, 1], [5, 7]))


def _explicit(graph):
    """Count allowed subsets by (ions in group 0, ions in group 1)."""
    counts = {}
    for bits in itertools.product([False, True], repeat=12):
        chosen = np.array(bits)
        if not graph.conflicts[np.ix_(chosen, chosen)].any():
            key = (int(chosen[:5].sum()), int(chosen[5:].sum()))
            counts[key] = counts.get(key, 0) + 1
    return counts


@pytest.mark.parametrize("density", [0.1, 0.3, 0.6])
def test_counts_and_largest_counts_of_random_graphs(density):
    graph = _random_graph(7, density)
    explicit = _explicit(graph)
    for key in itertools.product(range(6), range(8)):
        assert count_arrangements(graph, key) == explicit.get(key, 0)
        best = [b for a, b in explicit if a == key[0]]
        assert largest_count(graph, key, 1) == (max(best) if best else None)


def test_free_sites_give_the_binomial():
    graph = SiteGraph.build(np.zeros((60, 60), dtype=bool), np.zeros(60, dtype=int))
    assert count_arrangements(graph, [28]) == math.comb(60, 28)
    assert largest_count(graph, [0], 0) == 60


def test_ring_gives_the_lucas_number_of_independent_sets():
    n_sites, ions = 80, 9
    ring = np.roll(np.eye(n_sites, dtype=bool), 1, axis=1)
    graph = SiteGraph.build(ring | ring.T, np.zeros(n_sites, dtype=int))
    expected = n_sites * math.comb(n_sites - ions, ions) // (n_sites - ions)
    assert count_arrangements(graph, [ions]) == expected
    assert largest_count(graph, [0], 0) == n_sites // 2


def test_cliques_cover_each_group_separately():
    conflicts = ~np.eye(6, dtype=bool)
    graph = SiteGraph.build(conflicts, np.array([0, 0, 0, 1, 1, 1]))
    assert graph.cliques.tolist() == [0, 0, 0, 1, 1, 1]


def test_counts_beyond_64_bits_are_refused():
    graph = SiteGraph.build(np.zeros((80, 80), dtype=bool), np.zeros(80, dtype=int))
    message = r"about 1\.1e\+23 arrangements of \(40,\) ions, too many"
    with pytest.raises(EnumerationError, match=message):
        count_arrangements(graph, [40])


def test_rules_that_couple_too_many_sites_are_refused(monkeypatch):
    monkeypatch.setattr(counting, "_MAX_STATES", 20)
    graph = _random_graph(7, 0.3)
    with pytest.raises(EnumerationError, match="more than 20 states: the distance rules"):
        count_arrangements(graph, (2, 3))
