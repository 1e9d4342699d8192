"""Periodic geometry against images by brute force."""

import itertools

import numpy as np
import pytest

from confvib.crystal.lattice import (
    coordinate_order,
    minimum_image_distances,
    shortest_lattice_vector_A,
    wrap,
)

CELLS = {
    "orthorhombic": np.diag([3.0, 5.0, 9.0]),
    "triclinic": np.array([[4.0, 0.0, 0.0], [1.5, 3.5, 0.0], [-1.2, 1.7, 3.1]]),
    "needle": np.array([[2.0, 0.0, 0.0], [9.5, 2.5, 0.0], [-13.0, 6.3, 4.0]]),
    "rhombohedral": 3.0 * (np.ones((3, 3)) - np.eye(3)),
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_minimum_image_is_the_shortest_of_many_images(cell):
    rng = np.random.default_rng(1)
    differences = rng.uniform(-2.0, 2.0, (50, 3))
    shifts = np.array(list(itertools.product(range(-14, 15), repeat=3)))
    images = (differences[:, None] + shifts[None]) @ cell
    expected = np.linalg.norm(images, axis=-1).min(axis=1)
    np.testing.assert_allclose(
        minimum_image_distances(cell, differences), expected, atol=1e-12
    )


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_shortest_lattice_vector(cell):
    shifts = np.array(list(itertools.product(range(-9, 10), repeat=3)))
    lengths = np.linalg.norm(shifts @ cell, axis=1)
    expected = np.min(lengths[lengths > 0])
    assert shortest_lattice_vector_A(cell) == pytest.approx(expected)


def test_wrap_puts_values_just_below_one_at_zero():
    values = np.array([1.0 - 1e-12, -1e-12, -0.25, 1.5, 0.999])
    np.testing.assert_array_equal(wrap(values)[:2], 0.0)
    np.testing.assert_allclose(wrap(values)[2:], [0.75, 0.5, 0.999])


def test_coordinate_order_ignores_rounding_noise():
    grid = np.array(list(itertools.product([0.0, 0.1, 0.35], repeat=3)))
    rng = np.random.default_rng(2)
    shuffled = rng.permutation(len(grid))
    noisy = grid[shuffled] + rng.normal(0.0, 1e-12, grid.shape)
    np.testing.assert_array_equal(shuffled[coordinate_order(noisy)], np.arange(27))
