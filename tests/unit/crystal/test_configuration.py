"""Configurations as atoms, as bytes, and recognised after they moved."""

import math

import numpy as np
import pytest
from ase.data import atomic_numbers

from confvib.crystal.configuration import (
    configuration_atoms,
    nearest_sites,
    pack_occupancy,
    unpack_occupancy,
)
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.fingerprint import pair_fingerprints
from confvib.crystal.parent import read_parent
from confvib.errors import CrystalError


@pytest.fixture
def fluorite(fluorite_cif):
    return read_parent(fluorite_cif(2, 1, 1), {"8c": "Li", "4b": "Na"})


@pytest.fixture
def row(fluorite):
    return np.random.default_rng(4).random(len(fluorite.sites)) < 0.4


def test_atoms_are_framework_then_ions_in_site_order(cubic_llzo):
    occupancy = np.zeros(120, dtype=bool)
    occupancy[[3, 20, 24, 119]] = True
    atoms = configuration_atoms(cubic_llzo, occupancy)
    assert atoms.get_chemical_formula() == "La24Li4O96Zr16"
    assert atoms.pbc.all()
    framework = ["O"] * 96 + ["Zr"] * 16 + ["La"] * 24
    assert atoms.get_chemical_symbols() == framework + ["Li"] * 4
    scaled = atoms.get_scaled_positions(wrap=False)
    np.testing.assert_allclose(scaled[136:], cubic_llzo.sites[occupancy], atol=1e-12)
    assert scaled.min() > -1e-12
    assert scaled.max() < 1.0


def test_species_follow_their_group(fluorite, row):
    atoms = configuration_atoms(fluorite, row)
    n_lithium = int(row[:16].sum())
    ions = atoms.numbers[len(fluorite.framework_numbers) :]
    assert np.all(ions[:n_lithium] == atomic_numbers["Li"])
    assert np.all(ions[n_lithium:] == atomic_numbers["Na"])


@pytest.mark.parametrize("n_sites", [8, 24, 120, 131])
def test_packing_round_trip_and_order(n_sites):
    occupancy = np.random.default_rng(5).random((50, n_sites)) < 0.5
    packed = pack_occupancy(occupancy)
    assert {len(content) for content in packed} == {-(-n_sites // 8)}
    np.testing.assert_array_equal(unpack_occupancy(packed, n_sites), occupancy)
    by_bytes = sorted(range(50), key=packed.__getitem__)
    by_bits = sorted(range(50), key=lambda index: occupancy[index].tolist())
    assert by_bytes == by_bits


def test_packed_bytes_of_another_crystal():
    assert unpack_occupancy([], 12).shape == (0, 12)
    with pytest.raises(CrystalError, match="occupancy 1 has 3 bytes, expected 2 for 12"):
        unpack_occupancy([b"\x00\x00", b"\x00\x00\x00"], 12)
    with pytest.raises(CrystalError, match="occupancy 0 has bits beyond its 12 sites"):
        unpack_occupancy([b"\x00\x01"], 12)


def test_vibrating_and_drifting_ions_keep_their_sites(fluorite, row):
    atoms = configuration_atoms(fluorite, row)
    rng = np.random.default_rng(6)
    kicks = rng.uniform(-0.1, 0.1, (5, len(atoms), 3))
    # Frames may be unwrapped and drift by more than half a site distance.
    drift = np.arange(5)[:, None, None] * np.array([0.5, 0.4, -0.3])
    frames = atoms.positions + kicks + drift + 3 * atoms.cell[0]
    found, distances = nearest_sites(fluorite, frames, atoms.numbers)
    np.testing.assert_array_equal(found, np.tile(np.flatnonzero(row), (5, 1)))
    n_fixed = len(fluorite.framework_numbers)
    relative = kicks[:, n_fixed:] - kicks[:, :n_fixed].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(distances, np.linalg.norm(relative, axis=-1), atol=1e-9)


def test_a_hop_is_seen_and_species_are_respected(fluorite):
    row = np.zeros(24, dtype=bool)
    row[[0, 16]] = True
    atoms = configuration_atoms(fluorite, row)
    positions = atoms.positions.copy()
    positions[-2] = fluorite.sites[5] @ fluorite.cell
    # Sodium moved exactly onto a lithium site still belongs to a sodium site.
    positions[-1] = fluorite.sites[2] @ fluorite.cell
    found, distances = nearest_sites(fluorite, positions, atoms.numbers)
    assert found[0] == 5
    assert found[1] >= 16
    np.testing.assert_allclose(distances, [0.0, 5.0 * np.sqrt(3) / 4], atol=1e-9)


def test_refusals(fluorite, row):
    atoms = configuration_atoms(fluorite, row)
    with pytest.raises(CrystalError, match=r"shape \(23,\), expected \(24,\)"):
        configuration_atoms(fluorite, row[:-1])
    with pytest.raises(CrystalError, match="atoms are not the framework of the parent"):
        nearest_sites(fluorite, atoms.positions[::-1], atoms.numbers[::-1])
    with pytest.raises(CrystalError, match=r"positions have shape \(2, 3\)"):
        nearest_sites(fluorite, atoms.positions[:2], atoms.numbers)
    numbers = atoms.numbers.copy()
    numbers[-1] = 19
    with pytest.raises(CrystalError, match=r"atomic number 19, expected .*\[3, 11\]"):
        nearest_sites(fluorite, atoms.positions, numbers)


def test_species_that_share_a_site_keep_the_order_of_atoms(fluorite_cif):
    groups = {"8c": ["Li", "Na", "vacancy"], "4b": "Na"}
    parent = read_parent(fluorite_cif(1, 1, 1), groups)
    counts = {"8c/Li": 3, "8c/Na": 2, "8c/vacancy": 3, "4b": 1}
    found = enumerate_configurations(parent, counts, [])
    # Arrangements of three kinds on 8 sites, times the sites of 4b.
    assert found.raw_count == 4 * math.factorial(8) // (6 * 2 * 6)
    for occupancy in found.occupancy:
        atoms = configuration_atoms(parent, occupancy)
        assert atoms.numbers.tolist() == [40] * 4 + [3] * 3 + [11] * 3
        nearest, distance = nearest_sites(parent, atoms.positions, atoms.numbers)
        ions = np.flatnonzero(occupancy & parent.is_ion)
        np.testing.assert_array_equal(nearest, ions)
        np.testing.assert_allclose(distance, 0.0, atol=1e-9)
    # Where the vacancies are listed or not, the ions and their distances are the same.
    unlisted = read_parent(fluorite_cif(1, 1, 1), {"8c": ["Li", "Na"], "4b": "Na"})
    del counts["8c/vacancy"]
    twin = enumerate_configurations(unlisted, counts, [])
    assert len(twin.occupancy) == len(found.occupancy)
    assert len(set(pair_fingerprints(unlisted, twin.occupancy).tolist())) == len(
        set(pair_fingerprints(parent, found.occupancy).tolist())
    )
