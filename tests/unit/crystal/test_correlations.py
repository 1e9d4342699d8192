"""Cluster counts against explicit lists of clusters, and under the whole group."""

from itertools import combinations

import numpy as np
import pytest

from confvib.crystal.correlations import correlations
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.fingerprint import pair_fingerprints
from confvib.crystal.parent import read_parent
from confvib.errors import CrystalError


@pytest.fixture
def fluorite(fluorite_cif):
    return read_parent(fluorite_cif(2, 1, 1), {"8c": "Li", "4b": "Na"})


def _explicit_orbits(parent, size, cutoff_A):
    """Group all clusters by the set of their images, in plain Python."""
    orbits = {}
    for cluster in combinations(range(len(parent.sites)), size):
        distances = [parent.distances_A[pair] for pair in combinations(cluster, 2)]
        if max(distances) > cutoff_A:
            continue
        images = frozenset(
            frozenset(image[list(cluster)].tolist()) for image in parent.permutations
        )
        orbits.setdefault(images, []).append(cluster)
    return list(orbits.values())


@pytest.mark.parametrize(("size", "cutoff_A"), [(2, 6.0), (3, 3.6)])
def test_counts_are_those_of_explicit_orbits(fluorite, size, cutoff_A):
    found = correlations(fluorite, pair_cutoff_A=6.0, triplet_cutoff_A=3.6)
    rows = np.random.default_rng(4).random((7, len(fluorite.sites))) < 0.5
    columns = found.counts(rows)[:, found.sizes == size]
    explicit = [
        [sum(row[list(cluster)].all() for cluster in orbit) for row in rows]
        for orbit in _explicit_orbits(fluorite, size, cutoff_A)
    ]
    assert columns.shape[1] == len(explicit)
    assert sorted(columns.T.tolist()) == sorted(explicit)
    diameters = found.diameters_A[found.sizes == size]
    assert (np.diff(diameters) >= -1e-6).all()
    assert diameters.max() <= cutoff_A


def test_points_are_the_ions_of_each_group(fluorite):
    found = correlations(fluorite, pair_cutoff_A=2.6)
    rows = enumerate_configurations(fluorite, {"8c": 3, "4b": 2}, []).occupancy
    points = found.counts(rows)[:, found.sizes == 1]
    np.testing.assert_array_equal(points, np.tile([3, 2], (len(rows), 1)))
    np.testing.assert_array_equal(found.diameters_A[found.sizes == 1], 0)


def test_no_operation_of_the_garnet_changes_a_count(cubic_llzo):
    found = correlations(cubic_llzo, pair_cutoff_A=12.0, triplet_cutoff_A=4.0)
    rng = np.random.default_rng(0)
    rows = rng.random((5, 120)) < 0.47
    counts = found.counts(rows)
    for permutation in cubic_llzo.permutations:
        image = np.empty_like(rows)
        image[:, permutation] = rows
        np.testing.assert_array_equal(found.counts(image), counts)
    assert not np.array_equal(counts[0], counts[1])
    # 24d and 96h; all pairs of 120 sites under 96 operations.
    assert [int((found.sizes == size).sum()) for size in (1, 2, 3)] == [2, 93, 19]


def test_pairs_of_all_distances_tell_apart_what_fingerprints_do(fluorite):
    rows = enumerate_configurations(fluorite, {"8c": 3, "4b": 2}, []).occupancy
    counts = correlations(fluorite, pair_cutoff_A=99.0).counts(rows)
    classes = {tuple(row) for row in counts.tolist()}
    pairs = {
        (tuple(row), name)
        for row, name in zip(
            counts.tolist(), pair_fingerprints(fluorite, rows).tolist(), strict=True
        )
    }
    # Orbits are finer than distances: equal counts have equal fingerprints.
    assert len(pairs) == len(classes)


def test_two_species_of_one_site_are_no_pair(write_cif):
    path = write_cif(
        np.diag([4.0, 4.0, 4.0]),
        [("Zr1", "Zr", (0, 0, 0), 1), ("Li1", "Li", (0.5, 0.5, 0.5), 0.5)],
    )
    parent = read_parent(path, {"Li1": ["Li", "vacancy"]}, supercell=(2, 1, 1))
    found = correlations(parent, pair_cutoff_A=5.0)
    for part in found.clusters[1:]:
        assert (np.diff(parent.sites[part.sites], axis=1) != 0).any(axis=(1, 2)).all()


def test_many_rows_at_once_are_the_rows_alone(cubic_llzo, monkeypatch):
    found = correlations(cubic_llzo, pair_cutoff_A=5.0)
    rows = np.random.default_rng(1).random((40, 120)) < 0.4
    whole = found.counts(rows)
    monkeypatch.setattr("confvib.crystal.correlations._CHUNK_BITS", 10_000)
    np.testing.assert_array_equal(found.counts(rows), whole)


def test_mistakes(fluorite):
    with pytest.raises(CrystalError, match=r"pair_cutoff_A = 0, expected a distance > 0"):
        correlations(fluorite, pair_cutoff_A=0)
    with pytest.raises(CrystalError, match=r"has shape \(2, 5\), expected \(n, 24\)"):
        correlations(fluorite, pair_cutoff_A=3).counts(np.zeros((2, 5), dtype=bool))
