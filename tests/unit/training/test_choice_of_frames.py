"""Descriptors of frames and farthest-point sampling."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from confvib.errors import TrainingError
from confvib.forcefield.network import So3kratesSettings
from confvib.training.descriptors import Descriptors
from confvib.training.farthest_point import farthest_points

NETWORK = So3kratesSettings(
    features=12, heads=2, layers=2, degrees=(1, 2), cutoff_A=3.5, radial_functions=8
)


def test_points_on_a_line():
    # Mean 4.2: the nearest is 4; then the far end, then the other, then the widest gap.
    points = np.array([[0.0], [1.0], [4.0], [6.0], [10.0]])
    chosen = farthest_points(points, 5)
    assert chosen.rows.tolist() == [2, 4, 0, 3, 1]
    np.testing.assert_allclose(chosen.distances, [0.2, 6.0, 4.0, 2.0, 1.0])


def test_the_choice_covers_and_is_nested(rng):
    points = rng.normal(size=(60, 3))
    chosen = farthest_points(points, 12)
    assert farthest_points(points, 5).rows.tolist() == chosen.rows[:5].tolist()
    assert len(set(chosen.rows)) == 12
    # Distances after the first never grow, and all points lie within the last of them.
    assert (np.diff(chosen.distances[1:]) <= 0).all()
    nearest = np.linalg.norm(points[:, None] - points[chosen.rows], axis=-1).min(axis=1)
    assert nearest.max() <= chosen.distances[-1]


def test_equal_points_are_taken_once():
    points = np.repeat([[0.0], [1.0]], 3, axis=0)
    assert sorted(farthest_points(points, 6).rows) == list(range(6))
    with pytest.raises(TrainingError, match="7 farthest points of 6 frames"):
        farthest_points(points, 7)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_descriptors_are_invariant_and_see_positions_but_not_labels(frames, rng):
    few = frames.select(np.arange(4))
    describe = Descriptors(NETWORK, (3, 8))
    vectors = describe(few)
    assert vectors.shape == (4, describe.length) == (4, 2 * 12)
    turn = Rotation.random(random_state=1).as_matrix()
    order = rng.permutation(few.n_atoms)
    moved = dataclasses.replace(
        few,
        numbers=few.numbers[:, order],
        positions=(few.positions[:, order] + 0.7) @ turn.T,
        cells=few.cells @ turn.T,
        energies_eV=few.energies_eV + 1.0,
        forces_eV_per_A=few.forces_eV_per_A[:, order] + 1.0,
    )
    np.testing.assert_allclose(describe(moved), vectors, atol=2e-5)
    gaps = np.linalg.norm(vectors[:, None] - vectors, axis=-1)
    assert gaps[np.triu_indices(4, 1)].min() > 1e-3
