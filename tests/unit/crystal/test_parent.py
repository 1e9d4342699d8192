"""The parent crystal: names, order, permutations, and every refusal."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from confvib.crystal.lattice import minimum_image_distances
from confvib.crystal.parent import available_groups, read_parent
from confvib.crystal.symmetry import Orbit, Symmetry, site_permutations
from confvib.errors import CrystalError

STRUCTURES = Path(__file__).parents[3] / "resources" / "structures"
CUBIC = STRUCTURES / "c-LLZO.cif"
GROUPS = {"24d": "Li", "96h": "Li"}


def test_importing_the_parent_stays_light():
    heavy = ["ase", "spglib", "scipy", "jax", "pymatgen", "pandas"]
    code = (
        "import sys, confvib.crystal.parent; "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_sites_are_grouped_sorted_and_wrapped(cubic_llzo):
    assert [group.name for group in cubic_llzo.groups] == ["24d", "96h"]
    for group in cubic_llzo.groups:
        block = cubic_llzo.sites[group.indices].round(6)
        assert [tuple(row) for row in block] == sorted(tuple(row) for row in block)
    assert cubic_llzo.sites.min() >= 0.0
    assert cubic_llzo.sites.max() < 1.0
    assert np.all(np.diff(cubic_llzo.framework_numbers) >= 0)


def test_permutations_are_the_isometries_of_the_sites(cubic_llzo):
    distances = cubic_llzo.distances_A
    assert len(np.unique(cubic_llzo.permutations, axis=0)) == 96
    for image in cubic_llzo.permutations:
        np.testing.assert_array_equal(np.sort(image), np.arange(120))
        np.testing.assert_array_equal(np.sort(image[:24]), np.arange(24))
        np.testing.assert_allclose(distances[np.ix_(image, image)], distances, atol=1e-9)
    # Closure: a product of two operations is an operation.
    known = {tuple(row) for row in cubic_llzo.permutations.tolist()}
    first = cubic_llzo.permutations[17]
    assert {tuple(first[row].tolist()) for row in cubic_llzo.permutations} == known


def test_centring_translation_is_among_the_permutations(cubic_llzo):
    moved = cubic_llzo.sites[:, None] + 0.5 - cubic_llzo.sites[None]
    target = np.argmin(minimum_image_distances(cubic_llzo.cell, moved), axis=1)
    assert target.tolist() in cubic_llzo.permutations.tolist()


def test_groups_follow_the_order_of_the_mapping(cubic_llzo):
    swapped = read_parent(CUBIC, {"Li2": "Na", "Li1": "Li"})
    assert [group.name for group in swapped.groups] == ["Li2", "Li1"]
    np.testing.assert_array_equal(swapped.site_numbers, [11] * 96 + [3] * 24)
    np.testing.assert_allclose(swapped.sites[96:], cubic_llzo.sites[:24])


def test_order_of_the_cif_does_not_matter(cubic_llzo, tmp_path):
    lines = CUBIC.read_text().splitlines()
    start = lines.index("_atom_site_occupancy") + 1
    operations = lines.index("_space_group_symop_operation_xyz") + 1
    end = lines.index("", operations)
    lines[start:] = reversed(lines[start:])
    lines[operations:end] = reversed(lines[operations:end])
    path = tmp_path / "reversed.cif"
    path.write_text("\n".join(lines) + "\n")
    other = read_parent(path, GROUPS)
    np.testing.assert_allclose(other.sites, cubic_llzo.sites, atol=1e-12)
    np.testing.assert_array_equal(other.permutations, cubic_llzo.permutations)
    np.testing.assert_array_equal(other.framework_numbers, cubic_llzo.framework_numbers)
    np.testing.assert_allclose(
        other.framework_fractional, cubic_llzo.framework_fractional, atol=1e-12
    )


def test_supercell_keeps_wyckoff_names_and_gains_translations(fluorite_cif):
    path = fluorite_cif(2, 1, 1)
    names = {row[0] for row in available_groups(path)}
    assert names == {"4a", "4b", "8c"}
    parent = read_parent(path, {"8c": "Li", "4b": "Na"})
    assert parent.space_group == ("Fm-3m", 225)
    assert [len(group.indices) for group in parent.groups] == [16, 8]
    # Half the point group survives the doubled axis: 16 operations, 8 translations.
    assert len(parent.permutations) == 16 * 8


def _mixed(write_cif, *occupancies):
    rows = [
        (symbol, symbol, (0, 0, 0), occupancy)
        for symbol, occupancy in zip(("Zr", "Ta"), occupancies, strict=True)
    ]
    rows += [("O", "O", (0.5, 0.5, 0.5), 1)]
    return write_cif(4.0 * np.eye(3), rows)


def test_a_shared_site_has_a_place_for_each_species(write_cif):
    path = _mixed(write_cif, 0.5, 0.5)
    assert available_groups(path)[0] == ("1a", "Ta/Zr", "Ta/Zr", 1.0)
    parent = read_parent(path, {"1a": ["Zr", "Ta", "vacancy"]}, supercell=(2, 1, 1))
    assert [group.name for group in parent.groups] == ["1a/Zr", "1a/Ta", "1a/vacancy"]
    assert {group.site for group in parent.groups} == {"1a"}
    np.testing.assert_array_equal(parent.site_numbers, [40, 40, 73, 73, 0, 0])
    np.testing.assert_array_equal(parent.is_ion, [1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(parent.kinds, [0, 0, 1, 1, 2, 2])
    np.testing.assert_allclose(parent.sites, [[0, 0, 0], [0.5, 0, 0]] * 3)
    assert parent.distances_A[0, 2] == parent.distances_A[0, 4] == 0.0
    # Both halves of the doubled cell swap together, whatever they hold.
    assert parent.permutations.tolist() == [[0, 1, 2, 3, 4, 5], [1, 0, 3, 2, 5, 4]]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"Zr": "Zr", "Ta": "Ta"}, "'Zr' and 'Ta' are the same sites; list the species"),
        ({"1a": ["Zr", "Zr"]}, "expected at least one ion and no species twice"),
        ({"1a": "vacancy"}, "expected at least one ion and no species twice"),
        ({"1b": "O"}, r"site Ta/Zr \(1a, Ta/Zr\) has occupancy 1 by several species"),
    ],
)
def test_refused_shared_sites(write_cif, groups, message):
    with pytest.raises(CrystalError, match=message):
        read_parent(_mixed(write_cif, 0.5, 0.5), groups)


def test_occupancies_of_a_site_add_up_to_one_at_most(write_cif):
    message = r"occupancies of site Zr/Ta add up to 1.25 \(Zr 0.5 \+ Ta 0.75\)"
    with pytest.raises(CrystalError, match=message):
        available_groups(_mixed(write_cif, 0.5, 0.75))


@pytest.mark.parametrize(
    "supercell",
    [(2, 1, 1), [[1, 1, 0], [-1, 1, 0], [0, 0, 1]], [[0, 1, 1], [1, 0, 1], [1, 1, 0]]],
)
def test_a_supercell_is_the_crystal_repeated(fluorite_cif, supercell):
    groups = {"8c": "Li", "4b": "Na"}
    cell = read_parent(fluorite_cif(1, 1, 1), groups)
    large = read_parent(fluorite_cif(1, 1, 1), groups, supercell=supercell)
    assert len(large.sites) == 2 * len(cell.sites)
    assert len(large.framework_numbers) == 2 * len(cell.framework_numbers)
    assert [group.name for group in large.groups] == ["8c", "4b"]
    for image in large.permutations:
        # Its operations are isometries, and together a group.
        np.testing.assert_allclose(
            large.distances_A[np.ix_(image, image)], large.distances_A, atol=1e-9
        )
    known = set(map(tuple, large.permutations.tolist()))
    first = large.permutations[-1]
    assert {tuple(first[row].tolist()) for row in large.permutations} == known
    assert np.sort(large.distances_A[0])[1] == pytest.approx(5.0 * 3**0.5 / 4)


def test_a_supercell_has_the_symmetry_that_spglib_finds_in_its_cif(fluorite_cif):
    groups = {"8c": "Li", "4b": "Na"}
    repeated = read_parent(fluorite_cif(1, 1, 1), groups, supercell=(2, 1, 1))
    listed = read_parent(fluorite_cif(2, 1, 1), groups)
    np.testing.assert_allclose(repeated.sites, listed.sites, atol=1e-9)
    np.testing.assert_array_equal(repeated.permutations, listed.permutations)


@pytest.mark.parametrize(
    ("supercell", "message"),
    [
        ((2, 1), "expected three whole numbers, or three rows of three"),
        ((2.0, 1.0, 1.5), "expected three whole numbers, or three rows of three"),
        ((1, 1, 0), "has determinant 0, expected at least 1"),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], "has determinant -1, expected at least 1"),
    ],
)
def test_refused_supercells(supercell, message):
    with pytest.raises(CrystalError, match=message):
        read_parent(CUBIC, GROUPS, supercell=supercell)


def _rounded(write_cif, digits):
    """List every atom of a hexagonal crystal with few digits."""
    third = np.round([1 / 3, 2 / 3], digits)
    points = [(third[0], third[1], 0.25), (third[1], third[0], 0.75)]
    cell = [[6.0, 0, 0], [-3.0, 3.0 * 3**0.5, 0], [0, 0, 9.0]]
    rows = [(f"Li{n}", "Li", point, 0.5) for n, point in enumerate(points)]
    return write_cif(
        cell, [*rows, ("O1", "O", (0, 0, 0), 1), ("O2", "O", (0, 0, 0.5), 1)]
    )


def test_symmetry_broken_by_rounding_is_said_with_its_size(write_cif):
    assert read_parent(_rounded(write_cif, 6), {"2c": "Li"}).space_group[1] == 194
    with pytest.raises(CrystalError) as caught:
        read_parent(_rounded(write_cif, 2), {"2c": "Li"})
    message = str(caught.value)
    assert "no site group '2c'; the crystal has" in message
    assert "The sites miss P6_3/mmc (194; 24 operations instead of" in message
    # Each coordinate is off by a third of a hundredth of 6 Å.
    assert re.search(r"by 0\.0[45678]\d+ Å at Li0", message)
    assert "a symmetry tolerance of 0.3 Å accepts it" in message
    assert read_parent(
        _rounded(write_cif, 2), {"2c": "Li"}, symprec_A=0.3
    ).permutations.shape == (2, 2)


def test_shared_site_on_a_framework_atom(write_cif):
    path = _cubic(write_cif, ("O1", "O", (0.0, 0.0, 0.1), 1))
    message = "framework atom and shared site O1 and Li are 0.400 Å apart"
    with pytest.raises(CrystalError, match=message):
        read_parent(path, {"Li": "Li"})


def _cubic(write_cif, *extra):
    return write_cif(4.0 * np.eye(3), [("Li", "Li", (0, 0, 0), 0.5), *extra])


def test_unknown_group_lists_what_exists():
    with pytest.raises(CrystalError) as caught:
        read_parent(CUBIC, {"48g": "Li"})
    assert "no site group '48g'; the crystal has 24c (La: La 1.0)" in str(caught.value)
    assert "24d (Li1: Li 0.94), 96h (Li2: Li 0.349)" in str(caught.value)


def test_ambiguous_group_asks_for_a_label():
    with pytest.raises(CrystalError, match=r"'96h' is ambiguous, it fits 96h \(Li2: Li"):
        read_parent(CUBIC, {"24d": "Na", "96h": "Na"})


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({}, "no site group given, expected at least one"),
        ({"24d": "Li", "Li1": "Li"}, "groups '24d' and 'Li1' are the same sites"),
        ({"Li1": "Xx", "Li2": "Li"}, "group 'Li1' holds 'Xx', expected a chemical"),
        ({"24d": "Li"}, r"site Li2 \(96h, Li\) has occupancy 0.349 but is in no site"),
    ],
)
def test_refused_groups(groups, message):
    with pytest.raises(CrystalError, match=message):
        read_parent(CUBIC, groups)


def test_overlapping_framework(write_cif):
    path = _cubic(
        write_cif, ("O1", "O", (0.5, 0.5, 0.5), 1), ("F1", "F", (0.5, 0.5, 0.6), 1)
    )
    message = "framework atoms O1 and F1 are 0.400 Å apart, expected at least 0.5 Å"
    with pytest.raises(CrystalError, match=message):
        read_parent(path, {"Li": "Li"})


def test_a_site_listed_twice(write_cif):
    path = _cubic(
        write_cif, ("O1", "O", (0.5, 0.5, 0.5), 1), ("O2", "O", (0.5, 0.5, 0.5001), 1)
    )
    with pytest.raises(CrystalError, match="O1 and O2 put O on the same site"):
        read_parent(path, {"Li": "Li"})


def _one_operation(translation):
    return Symmetry(
        space_group=("P1", 1),
        rotations=np.eye(3, dtype=np.int64)[None],
        translations=np.array([translation]),
        orbits=(Orbit("1a", ("Li",), (("Li", 1.0),), np.arange(2)),),
    )


def test_unmapped_sites_say_by_how_much():
    cell, sites = 4.0 * np.eye(3), np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    kinds = np.zeros(2, dtype=np.int64)
    message = r"0\.1200 Å away from the nearest site of its group, expected at most 0\.01"
    with pytest.raises(CrystalError, match=message):
        site_permutations(cell, sites, kinds, _one_operation([0.53, 0.0, 0.0]))
    swapped = site_permutations(cell, sites, kinds, _one_operation([0.5, 0.0, 0.0]))
    assert swapped.tolist() == [[1, 0]]
    with pytest.raises(CrystalError, match="takes two sites to one"):
        site_permutations(
            cell,
            np.array([[0.0, 0.0, 0.0], [0.001, 0.0, 0.0]]),
            kinds,
            _one_operation([0.0008, 0.0, 0.0]),
        )


def test_unknown_group_of_a_parent(cubic_llzo):
    message = "'8a' is not a site group, expected one of: 24d, 96h"
    with pytest.raises(CrystalError, match=message):
        cubic_llzo.group("8a")


def _spinel(tmp_path, letters):
    """Write a spinel with lithium on 16c and manganese on 16d (origin choice 2)."""
    head, _, _ = (Path(__file__).parent / "data/spinel.cif").read_text().partition("A1 ")
    if letters:
        head = head.replace(
            "_atom_site_occupancy\n", "_atom_site_occupancy\n_atom_site_Wyckoff_symbol\n"
        )
    rows = ["Li1 Li 0 0 0 1 c", "Mn1 Mn 0.5 0.5 0.5 1 d", "O1 O 0.2624 0.2624 0.2624 1 e"]
    path = tmp_path / "spinel.cif"
    path.write_text(head + "\n".join(row if letters else row[:-2] for row in rows) + "\n")
    return path


def test_wyckoff_letters_are_those_of_the_cif(tmp_path):
    names = {row[1]: row[0] for row in available_groups(_spinel(tmp_path, letters=True))}
    assert names == {"Li1": "16c", "Mn1": "16d", "O1": "32e"}
    parent = read_parent(_spinel(tmp_path, letters=True), {"16c": "Li"})
    assert set(parent.framework_numbers.tolist()) == {8, 25}


def test_a_wyckoff_name_that_means_other_sites_is_refused(tmp_path):
    # spglib's origin calls the lithium sites 16d.
    path = _spinel(tmp_path, letters=False)
    with pytest.raises(CrystalError) as caught:
        read_parent(path, {"16c": "Li"})
    assert "'16c' is 16c (Mn1: Mn 1.0), which has no Li, while 16d (Li1: Li 1.0)" in str(
        caught.value
    )
    assert read_parent(path, {"Li1": "Li"}).framework_numbers.max() == 25
