"""The shipped CIFs: composition, symmetry and the contacts the literature quotes."""

from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_numbers
from ase.io import read

from confvib.crystal.lattice import minimum_image_distances
from confvib.crystal.parent import available_groups, read_parent

STRUCTURES = Path(__file__).parents[3] / "resources" / "structures"


@pytest.fixture(scope="module")
def tetragonal_llzo():
    groups = {"8a": "Li", "16f": "Li", "32g": "Li"}
    return read_parent(STRUCTURES / "t-LLZO.cif", groups)


def _framework(parent, symbol):
    return parent.framework_fractional[parent.framework_numbers == atomic_numbers[symbol]]


def _contacts(cell, centres, others, below_A):
    """Return sorted neighbour distances of each centre, (n, k), none of them zero."""
    distances = minimum_image_distances(cell, centres[:, None] - others[None])
    near = [row[(row > 1e-6) & (row < below_A)] for row in np.sort(distances, axis=1)]
    return np.array(near)


def test_cubic_composition_and_space_group(cubic_llzo):
    assert cubic_llzo.space_group == ("Ia-3d", 230)
    assert len(_framework(cubic_llzo, "La")) == 24
    assert len(_framework(cubic_llzo, "Zr")) == 16
    assert len(_framework(cubic_llzo, "O")) == 96
    assert [len(group.indices) for group in cubic_llzo.groups] == [24, 96]
    assert len(cubic_llzo.permutations) == 96


def test_cubic_lithium_occupancies_make_56_ions():
    rows = available_groups(STRUCTURES / "c-LLZO.cif")
    ions = sum(int(name[:-1]) * occ for name, _, symbol, occ in rows if symbol == "Li")
    assert ions == pytest.approx(56.06, abs=0.01)


@pytest.mark.parametrize(
    ("symbol", "below_A", "expected_A"),
    [("Zr", 2.6, [2.114] * 6), ("La", 2.9, [2.516] * 4 + [2.591] * 4)],
)
def test_cubic_framework_coordination(cubic_llzo, symbol, below_A, expected_A):
    oxygen = _framework(cubic_llzo, "O")
    found = _contacts(cubic_llzo.cell, _framework(cubic_llzo, symbol), oxygen, below_A)
    np.testing.assert_allclose(found, np.tile(expected_A, (len(found), 1)), atol=6e-4)


def test_cubic_lithium_contacts(cubic_llzo):
    cell = cubic_llzo.cell
    tetrahedral = cubic_llzo.sites[cubic_llzo.group("24d").indices]
    octahedral = cubic_llzo.sites[cubic_llzo.group("96h").indices]
    oxygen = _framework(cubic_llzo, "O")
    for centres, others, below_A, expected_A in [
        (tetrahedral, oxygen, 2.5, [1.910] * 4),
        (tetrahedral, octahedral, 2.5, [1.67] * 4 + [2.32] * 4),
        (octahedral, octahedral, 2.6, [0.68, 2.52, 2.52]),
        (tetrahedral, tetrahedral, 4.0, [3.98] * 4),
    ]:
        found = _contacts(cell, centres, others, below_A)
        expected = np.tile(expected_A, (len(found), 1))
        np.testing.assert_allclose(found, expected, atol=6e-3)


def test_tetragonal_composition_and_space_group(tetragonal_llzo):
    assert tetragonal_llzo.space_group == ("I4_1/acd", 142)
    numbers = tetragonal_llzo.framework_numbers
    assert len(tetragonal_llzo.sites) == 56
    assert dict(zip(*np.unique(numbers, return_counts=True), strict=True)) == {
        atomic_numbers["O"]: 96,
        atomic_numbers["Zr"]: 16,
        atomic_numbers["La"]: 24,
    }


def test_tetragonal_coordination(tetragonal_llzo):
    cell = tetragonal_llzo.cell
    oxygen = _framework(tetragonal_llzo, "O")
    zirconium = _contacts(cell, _framework(tetragonal_llzo, "Zr"), oxygen, 2.6)
    np.testing.assert_allclose(zirconium, np.full((16, 6), 2.11), atol=6e-3)
    ordered = tetragonal_llzo.sites[tetragonal_llzo.group("8a").indices]
    lithium = _contacts(cell, ordered, oxygen, 2.4)
    np.testing.assert_allclose(lithium, np.full((8, 4), 1.89), atol=6e-3)


@pytest.mark.parametrize("name", ["c-LLZO", "t-LLZO"])
def test_other_readers_find_the_same_crystal(name):
    # ASE expands the operations by itself; it must agree and have nothing to warn of.
    atoms = read(STRUCTURES / f"{name}.cif")
    rows = available_groups(STRUCTURES / f"{name}.cif")
    for symbol in ("Li", "La", "Zr", "O"):
        sites = sum(int(wyckoff[:-1]) for wyckoff, _, sp, _ in rows if sp == symbol)
        assert atoms.symbols.count(symbol) == sites


def test_wyckoff_names_written_in_the_cif_are_those_of_spglib():
    for name in ("c-LLZO", "t-LLZO"):
        path = STRUCTURES / f"{name}.cif"
        lines = path.read_text().splitlines()
        start = lines.index("_atom_site_occupancy") + 1
        written = {
            (f"{row[2]}{row[3]}", row[0], row[1]) for row in map(str.split, lines[start:])
        }
        found = {row[:3] for row in available_groups(path)}
        assert written == found


def test_both_cifs_cite_their_source():
    cubic = (STRUCTURES / "c-LLZO.cif").read_text()
    tetragonal = (STRUCTURES / "t-LLZO.cif").read_text()
    assert "Chem. Lett. 40, 60" in cubic
    assert "_journal_paper_doi                10.1016/j.jssc.2009.05.020" in tetragonal
