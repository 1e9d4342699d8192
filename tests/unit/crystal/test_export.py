"""Exported files are what other programs read, and lead back to the configuration."""

import io

import numpy as np
import pytest
from ase.io import read
from pymatgen.core import Structure

from confvib.crystal.canonical import canonical_orbits
from confvib.crystal.configuration import configuration_atoms
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.export import SUFFIXES, structure_text
from confvib.crystal.external import StructureMapper
from confvib.crystal.structure_files import parse_structure, split_structures

ABOUT = {
    "config_id": "12_44-00000007",
    "set": "12_44",
    "multiplicity": 96,
    "equivalence": "symmetry",
    "campaign": "llzo",
    "config_hash": "12e4567890123456",
}
COUNTS = {"24d": 12, "96h": 44}


@pytest.fixture(scope="module")
def set_12_44(cubic_llzo, llzo_rules):
    return enumerate_configurations(cubic_llzo, COUNTS, llzo_rules)


@pytest.fixture(scope="module")
def atoms(cubic_llzo, set_12_44):
    return configuration_atoms(cubic_llzo, set_12_44.occupancy[7])


@pytest.mark.parametrize("kind", SUFFIXES)
def test_llzo_comes_back_exactly(cubic_llzo, llzo_rules, set_12_44, kind):
    mapper = StructureMapper(cubic_llzo, COUNTS, llzo_rules, tolerance_A=0.01)
    for rank in (0, 7, 4_492):
        atoms = configuration_atoms(cubic_llzo, set_12_44.occupancy[rank])
        text = structure_text(atoms, kind, ABOUT)
        (part,) = split_structures(f"a{SUFFIXES[kind]}", text.encode())
        found = mapper.map(parse_structure(part))
        assert found.status == "ok"
        assert found.displacement_max_A < 1e-7
        orbit = canonical_orbits(cubic_llzo, found.occupancy[None])
        np.testing.assert_array_equal(orbit.occupancy[0], set_12_44.occupancy[rank])


@pytest.mark.filterwarnings("ignore:Issues encountered while parsing CIF")
@pytest.mark.parametrize("kind", ["cif", "poscar"])
def test_pymatgen_reads_the_cell(atoms, kind):
    structure = Structure.from_str(structure_text(atoms, kind, ABOUT), fmt=kind)
    assert structure.composition.formula == "Li56 La24 Zr16 O96"
    assert structure.volume == pytest.approx(atoms.get_volume(), abs=1e-6)


def test_a_cif_says_where_it_comes_from(atoms):
    text = structure_text(atoms, "cif", ABOUT)
    lines = text.splitlines()
    assert lines[:6] == [
        "# config_id 12_44-00000007",
        "# set 12_44",
        "# multiplicity 96",
        "# equivalence symmetry",
        "# campaign llzo",
        "# config_hash 12e4567890123456",
    ]
    assert [line for line in lines if line.startswith("data_")] == ["data_12_44-00000007"]


def test_a_poscar_says_where_it_comes_from(atoms):
    lines = structure_text(atoms, "poscar", ABOUT).splitlines()
    assert lines[0] == (
        "config_id=12_44-00000007 set=12_44 multiplicity=96 equivalence=symmetry "
        "campaign=llzo config_hash=12e4567890123456"
    )
    assert lines[5:7] == ["Li La Zr O", "56 24 16 96"]


def test_names_that_look_like_numbers_survive_in_extxyz(atoms):
    # The reader takes a bare 12_44 for 1244, and 12e45 for a power of ten.
    frame = read(io.StringIO(structure_text(atoms, "extxyz", ABOUT)), format="extxyz")
    assert frame.info == ABOUT
    assert type(frame.info["set"]) is str
    np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-8)
    np.testing.assert_array_equal(frame.numbers, atoms.numbers)
