"""Exact enumeration against brute force, closed forms and published counts."""

from dataclasses import replace

import numpy as np
import pytest
import spglib
from ase.spacegroup import crystal

from confvib.crystal import bitsets
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.parent import read_parent
from confvib.crystal.rules import DistanceRule, conflict_matrix


def _assert_same(found, expected):
    rows = [tuple(row) for row in found.occupancy.astype(int).tolist()]
    pairs = list(zip(rows, found.multiplicity.tolist(), strict=True))
    assert pairs == expected
    assert found.raw_count == sum(size for _, size in expected)


@pytest.mark.parametrize(
    ("counts", "rules"),
    [
        ({"8c": 3, "4b": 2}, []),
        ({"8c": 8, "4b": 0}, []),
        ({"8c": 4, "4b": 2}, [(("8c", "8c"), 3.0)]),
        ({"8c": 2, "4b": 1}, [(("8c", "8c"), 3.0), (("4b", "4b"), 4.0)]),
    ],
)
def test_fluorite_matches_brute_force(fluorite_cif, brute_force, counts, rules):
    parent = read_parent(fluorite_cif(1, 1, 1), {"8c": "Li", "4b": "Na"})
    rules = [DistanceRule(*rule) for rule in rules]
    expected = brute_force(parent, counts, conflict_matrix(parent, rules))
    assert len(expected) > 0
    _assert_same(enumerate_configurations(parent, counts, rules), expected)


@pytest.mark.parametrize("counts", [{"8c": 2, "4b": 3}, {"8c": 4, "4b": 2}])
def test_supercell_with_both_kinds_of_rule(fluorite_cif, brute_force, counts):
    parent = read_parent(fluorite_cif(2, 1, 1), {"4b": "Na", "8c": "Li"})
    rules = [DistanceRule(("8c", "4b"), 2.3), DistanceRule(("8c", "8c"), 2.6)]
    expected = brute_force(parent, counts, conflict_matrix(parent, rules))
    assert len(expected) > 0
    _assert_same(enumerate_configurations(parent, counts, rules), expected)


def test_three_groups_without_framework(fluorite_cif, brute_force):
    groups = {"4a": "Zr", "8c": "Li", "4b": "Na"}
    parent = read_parent(fluorite_cif(1, 1, 1), groups)
    assert len(parent.framework_numbers) == 0
    counts = {"4a": 1, "8c": 3, "4b": 1}
    rules = [DistanceRule(("4a", "4b"), 2.6)]
    expected = brute_force(parent, counts, conflict_matrix(parent, rules))
    _assert_same(enumerate_configurations(parent, counts, rules), expected)


# spglib 2.8 announces its coming error handling on every call.
@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
def test_primitive_garnet_16a_half_filled(write_cif, brute_force):
    # Oxygen keeps the symmetry at Ia-3d: the 16a sites alone are a bcc lattice.
    full = crystal(
        ["Zr", "O"],
        [(0, 0, 0), (-0.0318, 0.0546, 0.1501)],
        spacegroup=230,
        cellpar=[12.98] * 3 + [90] * 3,
    )
    cell, points, numbers = spglib.find_primitive(
        (full.cell[:], full.get_scaled_positions(), full.numbers)
    )
    rows = [
        (f"Zr{n}", "Zr", point, 0.5) if number == 40 else (f"O{n}", "O", point, 1)
        for n, (point, number) in enumerate(zip(points, numbers, strict=True))
    ]
    parent = read_parent(write_cif(cell, rows), {"16a": "Zr"})
    assert parent.space_group == ("Ia-3d", 230)
    assert len(parent.sites) == 8
    found = enumerate_configurations(parent, {"16a": 4}, [])
    assert sorted(found.multiplicity.tolist()) == [2, 6, 6, 8, 12, 12, 24]
    assert found.raw_count == 70
    conflicts = np.zeros((8, 8), dtype=bool)
    _assert_same(found, brute_force(parent, {"16a": 4}, conflicts))


def test_tables_on_demand_do_not_change_the_result(fluorite_cif, monkeypatch):
    parent = read_parent(fluorite_cif(1, 1, 1), {"8c": "Li", "4b": "Na"})
    tabulated = enumerate_configurations(parent, {"8c": 3, "4b": 2}, [])
    monkeypatch.setattr(bitsets, "_TABLE_CAP_BYTES", 0)
    found = enumerate_configurations(parent, {"8c": 3, "4b": 2}, [])
    np.testing.assert_array_equal(found.occupancy, tabulated.occupancy)
    np.testing.assert_array_equal(found.multiplicity, tabulated.multiplicity)


def test_single_group_with_many_choices_matches_burnside(cubic_llzo):
    parent = replace(
        cubic_llzo,
        sites=cubic_llzo.sites[:24],
        groups=cubic_llzo.groups[:1],
        permutations=np.unique(cubic_llzo.permutations[:, :24], axis=0),
        distances_A=cubic_llzo.distances_A[:24, :24],
    )
    found = enumerate_configurations(parent, {"24d": 6}, [])
    fixed = 0
    for image in parent.permutations:
        # Sets of 6 fixed by an operation are unions of its cycles.
        polynomial = np.zeros(25, dtype=np.int64)
        polynomial[0] = 1
        for length in _cycle_lengths(image):
            polynomial[length:] += polynomial[:-length].copy()
        fixed += int(polynomial[6])
    assert len(found.occupancy) * len(parent.permutations) == fixed
    assert found.raw_count == 134_596


def _cycle_lengths(image):
    left, lengths = set(range(len(image))), []
    while left:
        site, length = min(left), 0
        while site in left:
            left.remove(site)
            site, length = int(image[site]), length + 1
        lengths.append(length)
    return lengths
