"""Geometries are recognised through rounding noise, images of atoms and nothing more."""

import numpy as np
import pytest

from confvib.training.duplicates import SeenGeometries

N_ATOMS = 192
NUMBERS = np.repeat([3, 8, 40, 57], N_ATOMS // 4)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def add(seen, row, cell, positions, numbers=NUMBERS):
    return seen.add(np.array([row]), numbers[None], cell[None], positions[None]).item()


def test_images_and_noise_are_the_same_and_moves_are_not(rng):
    cell = np.diag([13.0, 12.5, 14.0]) + rng.normal(scale=0.5, size=(3, 3))
    positions = rng.uniform(size=(N_ATOMS, 3)) @ cell
    seen = SeenGeometries()
    assert add(seen, 7, cell, positions) == 7
    assert add(seen, 8, cell, positions) == 7
    elsewhere = positions + rng.integers(-2, 3, size=(N_ATOMS, 3)) @ cell
    assert add(seen, 9, cell, elsewhere) == 7
    # What a file with eight decimals of a fractional coordinate leaves.
    assert add(seen, 10, cell, positions + rng.normal(scale=1e-8, size=(N_ATOMS, 3))) == 7
    one_atom = positions.copy()
    one_atom[100, 1] += 0.05
    assert add(seen, 11, cell, one_atom) == 11
    together = positions + rng.normal(scale=1e-3, size=(N_ATOMS, 3))
    assert add(seen, 12, cell, together) == 12
    assert add(seen, 13, 1.0003 * cell, 1.0003 * positions) == 13
    assert add(seen, 14, cell, positions, NUMBERS[::-1]) == 14


def test_frames_of_a_trajectory_are_all_different(rng):
    """2,000 frames whose atoms move on by 2e-3 Å: a slow stretch of a relaxation."""
    cell = 13.0 * np.eye(3)
    start = rng.uniform(size=(N_ATOMS, 3)) @ cell
    moves = rng.normal(scale=2e-3, size=(2000, N_ATOMS, 3)).cumsum(axis=0)
    rows = SeenGeometries().add(
        np.arange(2000),
        np.tile(NUMBERS, (2000, 1)),
        np.tile(cell, (2000, 1, 1)),
        start + moves,
    )
    np.testing.assert_array_equal(rows, np.arange(2000))
