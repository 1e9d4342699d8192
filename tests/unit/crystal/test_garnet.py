"""The configurational space of cubic LLZO, and what must not change it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from confvib.crystal import enumeration, independent_sets
from confvib.crystal.burnside import Ratio
from confvib.crystal.configuration import pack_occupancy
from confvib.crystal.counting import count_arrangements
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.fingerprint import (
    internal_contacts,
    pair_fingerprints,
    pair_representatives,
)
from confvib.crystal.parent import read_parent
from confvib.crystal.rules import DistanceRule, conflict_matrix
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import EnumerationError

CUBIC = Path(__file__).parents[3] / "resources" / "structures" / "c-LLZO.cif"


@pytest.fixture(scope="module")
def set_12_44(cubic_llzo, llzo_rules):
    return enumerate_configurations(cubic_llzo, {"24d": 12, "96h": 44}, llzo_rules)


def _histogram(values):
    return dict(
        zip(*(v.tolist() for v in np.unique(values, return_counts=True)), strict=True)
    )


def test_12_44(cubic_llzo, llzo_rules, set_12_44):
    assert set_12_44.raw_count == 426_024
    assert _histogram(set_12_44.multiplicity) == {96: 4_395, 48: 73, 24: 25}
    occupancy = set_12_44.occupancy
    np.testing.assert_array_equal(occupancy[:, :24].sum(axis=1), 12)
    np.testing.assert_array_equal(occupancy[:, 24:].sum(axis=1), 44)
    conflicts = conflict_matrix(cubic_llzo, llzo_rules).astype(int)
    assert np.einsum("ni,ij,nj->", occupancy, conflicts, occupancy) == 0
    fingerprints = pair_fingerprints(cubic_llzo, occupancy)
    assert len(set(fingerprints.tolist())) == 4_160
    assert pair_representatives(fingerprints).sum() == 4_160


def test_11_45(cubic_llzo, llzo_rules):
    found = enumerate_configurations(cubic_llzo, {"24d": 11, "96h": 45}, llzo_rules)
    assert found.raw_count == 6_344_640
    assert _histogram(found.multiplicity) == {96: 66_090}
    fingerprints = pair_fingerprints(cubic_llzo, found.occupancy)
    assert pair_representatives(fingerprints).sum() == 65_958


def test_rows_are_canonical_and_sorted(cubic_llzo, set_12_44):
    packed = pack_occupancy(set_12_44.occupancy)
    assert packed == sorted(set(packed))
    for image in cubic_llzo.permutations[1::7]:
        # occupancy[:, image] is the preimage, which runs over the same orbit.
        images = pack_occupancy(set_12_44.occupancy[:, image])
        assert all(row <= other for row, other in zip(packed, images, strict=True))


def test_rows_are_pinned(set_12_44):
    # The identifiers of every stored result rest on this order.
    packed = pack_occupancy(set_12_44.occupancy[[0, 1, 4_492]])
    assert [row.hex() for row in packed] == [
        "0da567f06909969669699696600f0f",
        "0da567f06909969669699696602d0f",
        "565a9a299696696994866969969661",
    ]


def test_short_contacts_count_octahedra_beside_one_occupied_tetrahedron(
    cubic_llzo, set_12_44
):
    # With e octahedra between two occupied and e between two empty tetrahedra, 48 - 2e
    # lie beside one; 4 - e of the 48 - e usable octahedra stay empty.
    contacts = internal_contacts(cubic_llzo, set_12_44.occupancy, 2.4)
    assert set(contacts.tolist()) <= {40, 41, 42, 43, 44}
    assert internal_contacts(cubic_llzo, set_12_44.occupancy, 2.0).max() == 0


def test_feasible_ratios_end_at_8_and_13(cubic_llzo, llzo_rules):
    conflicts = conflict_matrix(cubic_llzo, llzo_rules)
    graph = SiteGraph.build(conflicts, np.repeat([0, 1], [24, 96]))
    arrangements = [count_arrangements(graph, [n, 56 - n]) for n in range(6, 16)]
    assert [n for n, count in enumerate(arrangements, 6) if count] == list(range(8, 14))
    assert arrangements[5:7] == [6_344_640, 426_024]


def test_infeasible_request_names_group_and_largest_count(cubic_llzo, llzo_rules):
    with pytest.raises(EnumerationError) as caught:
        enumerate_configurations(cubic_llzo, {"24d": 14, "96h": 42}, llzo_rules)
    message = str(caught.value)
    assert "the rules 24d–96h > 2.0 Å, 96h–96h > 1.0 Å forbid every" in message
    assert "14 on '24d', 42 on '96h'" in message
    assert "at most 13 ions fit on '24d' or at most 40 ions fit on '96h'" in message
    # 14 ions exclude 56 of the 96 sites.
    assert "; 24d–96h > 2.0 Å alone does; with the other counts" in message


def test_infeasible_request_names_the_rule_that_is_too_strict(cubic_llzo, llzo_rules):
    rules = [*llzo_rules, DistanceRule(("24d", "24d"), 4.0)]
    with pytest.raises(EnumerationError, match=r"24d–24d > 4\.0 Å alone does"):
        enumerate_configurations(cubic_llzo, {"24d": 13, "96h": 43}, rules)


def test_groups_that_crowd_each_other_out(cubic_llzo):
    rules = [DistanceRule(("96h", "96h"), 6.0), DistanceRule(("24d", "24d"), 4.5)]
    with pytest.raises(EnumerationError, match="no group alone mends this"):
        enumerate_configurations(cubic_llzo, {"24d": 20, "96h": 40}, rules)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"24d": 12}, r"name the groups \['24d'\], expected \['24d', '96h'\]"),
        ({"24d": 25, "96h": 31}, "25 ions on group '24d', expected 0 to 24"),
        ({"24d": -1, "96h": 31}, "-1 ions on group '24d', expected 0 to 24"),
    ],
)
def test_counts_that_do_not_fit_the_groups(cubic_llzo, llzo_rules, counts, message):
    with pytest.raises(EnumerationError, match=message):
        enumerate_configurations(cubic_llzo, counts, llzo_rules)


def test_fractional_counts_are_refused(cubic_llzo, llzo_rules):
    with pytest.raises(TypeError, match="float"):
        enumerate_configurations(cubic_llzo, {"24d": 12.5, "96h": 44}, llzo_rules)


def test_hopeless_requests_are_refused_before_they_start(cubic_llzo, llzo_rules):
    counts = {"24d": 12, "96h": 44}
    message = (
        r"\{'24d': 12, '96h': 44\} has 4493 inequivalent configurations, more than the "
        r"limit of 4492; draw a sample of them \(sets\.<name>\.draw\)"
    )
    with pytest.raises(EnumerationError, match=message):
        enumerate_configurations(cubic_llzo, counts, llzo_rules, max_configurations=4_492)
    with pytest.raises(EnumerationError, match=r"has 1\.303e\+32 inequivalent conf"):
        enumerate_configurations(cubic_llzo, counts, [])


@pytest.mark.parametrize("wrong", [{"raw_count": 1_055}, {"n_inequivalent": 12}])
def test_enumeration_is_checked_against_both_counts(
    cubic_llzo, llzo_rules, monkeypatch, wrong
):
    ratio = replace(Ratio((13, 43), 1_056, 11), **wrong)
    monkeypatch.setattr(enumeration, "count_ratios", lambda *_: [ratio])
    message = (
        "self-check failed: 11 rows for 1056 arrangements, 0 rows repeated and 0 with a "
        f"wrong multiplicity, expected {ratio.n_inequivalent} for {ratio.raw_count}"
    )
    with pytest.raises(EnumerationError, match=message):
        enumerate_configurations(cubic_llzo, {"24d": 13, "96h": 43}, llzo_rules)


def test_origin_and_order_of_the_cif_do_not_matter(
    cubic_llzo, llzo_rules, set_12_44, write_cif
):
    atoms = read(CUBIC)
    symbols, occupied = atoms.get_chemical_symbols(), {"La": 1, "Zr": 1, "O": 1}
    points = (atoms.get_scaled_positions() + np.array([0.11, 0.23, 0.31])) % 1
    shuffled = np.random.default_rng(3).permutation(len(atoms))
    distances = atoms.get_all_distances(mic=True)
    from_zr = distances[:, [n for n, s in enumerate(symbols) if s == "Zr"]].min(axis=1)
    # Tetrahedral lithium is 3.63 Å from zirconium, octahedral lithium is nearer.
    rows = [
        (
            f"X{n}",
            symbols[n],
            points[n],
            occupied.get(symbols[n], 0.94 if from_zr[n] > 3.5 else 0.349),
        )
        for n in shuffled
    ]
    other = read_parent(write_cif(atoms.cell[:], rows), {"24d": "Li", "96h": "Li"})
    assert other.space_group == ("Ia-3d", 230)
    np.testing.assert_allclose(
        np.sort(other.distances_A, axis=None),
        np.sort(cubic_llzo.distances_A, axis=None),
        atol=1e-6,
    )
    found = enumerate_configurations(other, {"24d": 12, "96h": 44}, llzo_rules)
    assert _histogram(found.multiplicity) == _histogram(set_12_44.multiplicity)
    assert sorted(pair_fingerprints(other, found.occupancy)) == sorted(
        pair_fingerprints(cubic_llzo, set_12_44.occupancy)
    )


def test_splitting_to_bound_memory_does_not_change_the_result(
    cubic_llzo, llzo_rules, set_12_44, monkeypatch
):
    monkeypatch.setattr(independent_sets, "_MAX_ROWS", 2_000)
    found = enumerate_configurations(cubic_llzo, {"24d": 12, "96h": 44}, llzo_rules)
    np.testing.assert_array_equal(found.occupancy, set_12_44.occupancy)
    np.testing.assert_array_equal(found.multiplicity, set_12_44.multiplicity)


def test_the_order_of_the_groups_does_not_change_the_orbits(llzo_rules, set_12_44):
    swapped = read_parent(CUBIC, {"96h": "Li", "24d": "Li"})
    found = enumerate_configurations(swapped, {"24d": 12, "96h": 44}, llzo_rules)
    assert _histogram(found.multiplicity) == _histogram(set_12_44.multiplicity)
