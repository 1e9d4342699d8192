"""The parent crystal: names, order, permutations, and every refusal."""

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


def test_mixed_sites_are_separate_groups(write_cif):
    rows = [("Zr", "Zr", (0, 0, 0), 0.5), ("Ta", "Ta", (0, 0, 0), 0.5)]
    rows += [("O", "O", (0.5, 0.5, 0.5), 1)]
    parent = read_parent(write_cif(4.0 * np.eye(3), rows), {"Zr": "Zr", "Ta": "Ta"})
    np.testing.assert_allclose(parent.sites, 0.0)
    np.testing.assert_allclose(parent.distances_A, 0.0)


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


def test_coinciding_atoms_have_no_symmetry(write_cif):
    path = _cubic(
        write_cif, ("O1", "O", (0.5, 0.5, 0.5), 1), ("O2", "O", (0.5, 0.5, 0.5001), 1)
    )
    with pytest.raises(CrystalError, match="cannot find the space group of 3 sites"):
        read_parent(path, {"Li": "Li"})


def _one_operation(translation):
    return Symmetry(
        space_group=("P1", 1),
        rotations=np.eye(3, dtype=np.int64)[None],
        translations=np.array([translation]),
        orbits=(Orbit("1a", ("Li",), 3, 1.0, np.arange(2)),),
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
