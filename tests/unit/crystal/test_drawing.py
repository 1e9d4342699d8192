"""Drawing orbits uniformly, against the enumeration of the same sets."""

from pathlib import Path

import numpy as np
import pytest

from confvib.crystal import drawing
from confvib.crystal.bitsets import Permuter, pack_words
from confvib.crystal.configuration import pack_occupancy
from confvib.crystal.drawing import draw_orbits
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.orbits import smallest_images
from confvib.crystal.parent import read_parent
from confvib.crystal.rules import DistanceRule, conflict_matrix
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import EnumerationError

CUBIC = Path(__file__).parents[3] / "resources" / "structures" / "c-LLZO.cif"
COUNTS = (4, 2)


def _graph(parent, rules):
    return SiteGraph.build(conflict_matrix(parent, rules), parent.kinds)


@pytest.fixture
def fluorite(fluorite_cif):
    """Set of 98 orbits with 8 to 128 members: its crystal, graph and enumeration."""
    parent = read_parent(fluorite_cif(2, 1, 1), {"8c": "Li", "4b": "Na"})
    rules = [DistanceRule(("8c", "8c"), 2.6)]
    found = enumerate_configurations(parent, {"8c": 4, "4b": 2}, rules)
    assert len(found.occupancy) == 98
    assert set(found.multiplicity.tolist()) == {8, 16, 32, 64, 128}
    return parent, _graph(parent, rules), found


@pytest.fixture
def llzo_graph(cubic_llzo, llzo_rules):
    return _graph(cubic_llzo, llzo_rules)


def _rank_in(found, occupancy):
    ranks = {row: rank for rank, row in enumerate(pack_occupancy(found.occupancy))}
    return [ranks[row] for row in pack_occupancy(occupancy)]


def test_every_orbit_is_equally_likely_whatever_its_multiplicity(fluorite):
    parent, graph, found = fluorite
    lottery = drawing._Lottery.build(graph, parent.permutations, COUNTS)
    n_draws = 40_000
    random = np.random.Philox(2).random_raw(n_draws * (24 + lottery.n_words))
    drawn = lottery.draw(graph, parent.permutations, COUNTS, random.reshape(n_draws, -1))
    words, _ = smallest_images(Permuter.build(parent.permutations), pack_words(drawn))
    rows = pack_words(found.occupancy)
    ranks = np.searchsorted(rows[:, 0], words[:, 0])
    np.testing.assert_array_equal(rows[ranks], words)
    expected = n_draws / 98
    chi_square = np.sum((np.bincount(ranks, minlength=98) - expected) ** 2) / expected
    # 97 degrees of freedom: mean 97, standard deviation 14.
    assert 97 - 4 * 14 < chi_square < 97 + 4 * 14
    by_size = np.bincount(found.multiplicity[ranks])[[8, 16, 32, 64, 128]] / n_draws
    orbits = np.bincount(found.multiplicity)[[8, 16, 32, 64, 128]] / 98
    np.testing.assert_allclose(by_size, orbits, atol=4 * np.sqrt(0.25 / n_draws))


@pytest.mark.slow
def test_every_orbit_is_included_equally_often_in_a_sample(fluorite):
    parent, graph, found = fluorite
    n, n_samples = 40, 60
    included = np.zeros(98)
    for seed in range(n_samples):
        drawn = draw_orbits(graph, parent.permutations, COUNTS, n, seed)
        included[_rank_in(found, drawn.occupancy)] += 1
    assert included.sum() == n * n_samples
    share = n / 98
    scaled = (included - n_samples * share) / np.sqrt(n_samples * share * (1 - share))
    # Each is normal; their sum of squares is a chi-square with 97 degrees of freedom
    # stretched by 98/97, for the sum of the inclusions is fixed.
    assert 97 - 4 * 14 < np.sum(scaled**2) < 97 + 4 * 14


def test_rows_and_multiplicities_are_those_of_the_enumeration(fluorite):
    parent, graph, found = fluorite
    drawn = draw_orbits(graph, parent.permutations, COUNTS, 49, 5)
    ranks = _rank_in(found, drawn.occupancy)
    assert len(set(ranks)) == 49
    np.testing.assert_array_equal(drawn.multiplicity, found.multiplicity[ranks])
    assert drawn.n_inequivalent == 98
    assert drawn.raw_count == found.raw_count


def test_weighted_sums_agree_with_the_enumeration(cubic_llzo, llzo_rules, llzo_graph):
    found = enumerate_configurations(cubic_llzo, {"24d": 12, "96h": 44}, llzo_rules)
    inverse = 1.0 / (cubic_llzo.distances_A + np.eye(120)) - np.eye(120)

    def repulsion(occupancy):
        return 0.5 * np.sum((occupancy.astype(float) @ inverse) * occupancy, axis=1)

    energies = repulsion(found.occupancy)
    lowest, spread = energies.min(), energies.std()

    def boltzmann(occupancy):
        return np.exp((lowest - repulsion(occupancy)) / spread)

    exact = np.sum(found.multiplicity * boltzmann(found.occupancy))
    n, n_orbits = 1_000, 4_493
    for seed in range(3):
        drawn = draw_orbits(llzo_graph, cubic_llzo.permutations, (12, 44), n, seed)
        terms = drawn.multiplicity * boltzmann(drawn.occupancy)
        estimate = n_orbits / n * np.sum(terms)
        error = n_orbits * np.sqrt((1 - n / n_orbits) * np.var(terms, ddof=1) / n)
        assert 0.01 * exact < error < 0.1 * exact
        assert abs(estimate - exact) < 3.5 * error
        arrangements = n_orbits / n * np.sum(drawn.multiplicity)
        assert arrangements == pytest.approx(426_024, rel=0.01)


def test_more_rows_append_to_fewer(cubic_llzo, llzo_graph, monkeypatch):
    many = draw_orbits(llzo_graph, cubic_llzo.permutations, (12, 44), 500, 3)
    few = draw_orbits(llzo_graph, cubic_llzo.permutations, (12, 44), 7, 3)
    np.testing.assert_array_equal(many.occupancy[:7], few.occupancy)
    np.testing.assert_array_equal(many.multiplicity[:7], few.multiplicity)
    other = draw_orbits(llzo_graph, cubic_llzo.permutations, (12, 44), 7, 4)
    assert not np.array_equal(few.occupancy, other.occupancy)
    # Batches of 40 draws, and tables made twice to save memory.
    monkeypatch.setattr(drawing, "_BATCH_WORDS", 40 * 122)
    monkeypatch.setattr(drawing, "MAX_BYTES", 1)
    pieces = draw_orbits(llzo_graph, cubic_llzo.permutations, (12, 44), 500, 3)
    np.testing.assert_array_equal(pieces.occupancy, many.occupancy)


def test_drawn_rows_are_pinned(cubic_llzo, llzo_graph):
    # The identifiers of stored results rest on these rows.
    drawn = draw_orbits(llzo_graph, cubic_llzo.permutations, (11, 45), 3, 2025)
    assert [row.hex() for row in pack_occupancy(drawn.occupancy)] == [
        "165a9a69d296694996946169961e2d",
        "165a9a49d296696994966969921e2d",
        "165a9a689696696916966949961e2d",
    ]


def test_rules_and_counts_are_obeyed(cubic_llzo, llzo_graph):
    drawn = draw_orbits(llzo_graph, cubic_llzo.permutations, (9, 47), 5_000, 1)
    assert drawn.n_inequivalent == 905_216
    assert drawn.raw_count == 86_900_736
    occupancy = drawn.occupancy
    np.testing.assert_array_equal(occupancy[:, :24].sum(axis=1), 9)
    np.testing.assert_array_equal(occupancy[:, 24:].sum(axis=1), 47)
    clashes = (occupancy.astype(np.float32) @ llzo_graph.conflicts) * occupancy
    assert not clashes.any()
    assert len(set(pack_occupancy(occupancy))) == 5_000


def test_a_set_without_rules_of_1e32_orbits(cubic_llzo):
    graph = _graph(cubic_llzo, [])
    drawn = draw_orbits(graph, cubic_llzo.permutations, (12, 44), 2_000, 1)
    assert drawn.n_inequivalent == 130_281_700_806_402_784_913_019_531_470_832
    assert set(drawn.multiplicity.tolist()) == {96}
    assert len(set(pack_occupancy(drawn.occupancy))) == 2_000


def test_a_supercell_with_rules_and_symmetry(llzo_rules):
    parent = read_parent(CUBIC, {"24d": "Li", "96h": "Li"}, supercell=(2, 1, 1))
    graph = _graph(parent, llzo_rules)
    drawn = draw_orbits(graph, parent.permutations, (24, 88), 200, 1)
    assert drawn.raw_count == 390_577_571_784
    assert drawn.n_inequivalent == 6_102_877_032
    clashes = (drawn.occupancy.astype(np.float32) @ graph.conflicts) * drawn.occupancy
    assert not clashes.any()
    rows = np.stack([drawn.occupancy[:, image] for image in parent.permutations])
    stabilisers = np.all(rows == drawn.occupancy, axis=2).sum(axis=0)
    np.testing.assert_array_equal(drawn.multiplicity * stabilisers, 64)


def test_counts_beyond_the_range_of_floats():
    # C(2400, 1200) is 1e721; without symmetry each row is an arrangement.
    n_sites, n = 2_400, 400
    conflicts = np.zeros((n_sites, n_sites), dtype=bool)
    graph = SiteGraph.build(conflicts, np.zeros(n_sites, dtype=int))
    drawn = draw_orbits(graph, np.arange(n_sites)[None], (1_200,), n, 6)
    np.testing.assert_array_equal(drawn.occupancy.sum(axis=1), 1_200)
    # Each site is occupied in half of the rows.
    chi_square = np.sum((drawn.occupancy.sum(axis=0) - n / 2) ** 2) / (n / 4)
    assert abs(chi_square - 2_400) < 4 * np.sqrt(2 * 2_400)


@pytest.mark.parametrize(
    ("counts", "n", "message"),
    [
        (COUNTS, 0, "0 orbits to draw, expected 1 to 98, the number of inequivalent"),
        (COUNTS, 99, r"99 orbits to draw, expected 1 to 98, .* of \(4, 2\) ions"),
        (COUNTS, 50, "50 orbits to draw are more than half of the 98 .* enumerate them"),
        ((9, 2), 1, r"no arrangement of \(9, 2\) ions is allowed, so none can be drawn"),
    ],
)
def test_requests_that_make_no_sense(fluorite, counts, n, message):
    parent, graph, _ = fluorite
    with pytest.raises(EnumerationError, match=message):
        draw_orbits(graph, parent.permutations, counts, n, 1)
