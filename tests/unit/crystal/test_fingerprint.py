"""Pair-distance fingerprints against sorted lists of distances."""

import numpy as np
import pytest

from confvib.crystal.configuration import configuration_atoms
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.fingerprint import (
    distance_classes,
    internal_contacts,
    pair_fingerprints,
    pair_representatives,
)
from confvib.crystal.parent import read_parent
from confvib.errors import CrystalError


@pytest.fixture
def fluorite(fluorite_cif):
    return read_parent(fluorite_cif(2, 1, 1), {"8c": "Li", "4b": "Na"})


def _sorted_distances(parent, row):
    """List species pairs and rounded distances, measured by ASE on the atoms."""
    atoms = configuration_atoms(parent, row)[len(parent.framework_numbers) :]
    first, second = np.triu_indices(len(atoms), 1)
    distances = atoms.get_all_distances(mic=True)[first, second].round(3)
    pairs = np.sort(atoms.numbers[np.stack([first, second])], axis=0).T.tolist()
    return tuple(sorted(zip(map(tuple, pairs), distances.tolist(), strict=True)))


def test_equal_fingerprints_are_equal_distance_lists(fluorite):
    rows = enumerate_configurations(fluorite, {"8c": 3, "4b": 2}, []).occupancy
    fingerprints = pair_fingerprints(fluorite, rows)
    explicit = [_sorted_distances(fluorite, row) for row in rows]
    pairs = set(zip(fingerprints.tolist(), explicit, strict=True))
    # One to one: as many pairs as distinct members on either side.
    assert len(pairs) == len(set(fingerprints.tolist())) == len(set(explicit))
    assert 1 < len(pairs) < len(rows)


def test_symmetry_images_share_the_fingerprint(fluorite):
    row = enumerate_configurations(fluorite, {"8c": 5, "4b": 3}, []).occupancy[11]
    images = row[fluorite.permutations]
    assert len(set(pair_fingerprints(fluorite, images).tolist())) == 1


def test_rows_with_different_numbers_of_ions(fluorite):
    rows = np.zeros((4, 24), dtype=bool)
    rows[1, 0] = rows[2, 16] = True
    rows[3, [0, 16]] = True
    fingerprints = pair_fingerprints(fluorite, rows)
    assert len(set(fingerprints.tolist())) == 4
    assert all(len(text) == 16 for text in fingerprints)


def test_classes_separate_species_and_distances(fluorite):
    classes = distance_classes(fluorite)
    np.testing.assert_array_equal(classes, classes.T)
    np.testing.assert_array_equal(np.diag(classes), -1)
    # Li–Li comes first: a/2 = 2.5 Å is its shortest distance, a/√2 the next.
    assert {round(d, 3) for d in fluorite.distances_A[classes == 0]} == {2.5}
    assert {round(d, 3) for d in fluorite.distances_A[classes == 1]} == {3.536}
    mixed = set(classes[:16, 16:].ravel().tolist())
    assert mixed.isdisjoint(classes[:16, :16].ravel().tolist())


def test_representative_is_the_first_of_its_kind():
    marks = pair_representatives(np.array(["b", "a", "b", "a", "c"]))
    assert marks.tolist() == [True, True, False, False, True]


def test_contacts_count_each_pair_once(fluorite):
    rows = np.ones((1, 24), dtype=bool)
    # 16 Li with 6 Li neighbours at a/2; in a 2 x 1 x 1 cell two of the three axes
    # fold both neighbours onto one site, which leaves 2 + 1 + 1.
    assert internal_contacts(fluorite, rows, 2.6)[0] - 8 * 8 == 16 * 4 // 2
    assert internal_contacts(fluorite, ~rows, 2.6)[0] == 0


def test_wrong_number_of_sites(fluorite):
    message = r"occupancy has shape \(2, 23\), expected \(n, 24\), one column per site"
    with pytest.raises(CrystalError, match=message):
        pair_fingerprints(fluorite, np.zeros((2, 23), dtype=bool))
    with pytest.raises(CrystalError, match=message):
        internal_contacts(fluorite, np.zeros((2, 23), dtype=bool), 2.0)
