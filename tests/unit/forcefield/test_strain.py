"""Stress by automatic differentiation against finite strains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from confvib.errors import ModelError
from confvib.forcefield.strain import stress_fn

CAPACITY = 60


def stress_of(model, numbers, cell, positions):
    fn = stress_fn(model, numbers, cell, capacity=CAPACITY, dtype=jnp.float64)
    energy_eV, forces, stress, overflow = jax.jit(fn)(positions)
    assert not overflow
    return float(energy_eV), np.asarray(forces), np.asarray(stress)


@pytest.fixture(scope="module")
def found(model, numbers, cell, positions):
    return stress_of(model, numbers, cell, positions)


@pytest.fixture(scope="module")
def evaluate(model, cell, make_evaluator):
    return make_evaluator(model, cell, CAPACITY)


def test_energy_and_forces_come_along(found, evaluate, model, numbers, cell, positions):
    energy_eV, forces = evaluate(positions, numbers, cell)
    assert abs(found[0] - energy_eV - model.shifts_eV[numbers].sum()) < 1e-11
    np.testing.assert_allclose(found[1], forces, atol=1e-11)


def test_stress_is_the_slope_along_every_strain(
    found, evaluate, numbers, cell, positions
):
    stress = found[2]
    volume_A3 = abs(np.linalg.det(cell))
    np.testing.assert_array_equal(stress, stress.T)
    assert np.abs(stress).max() > 1e-3
    size = 1e-4
    for row, column in [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]:
        strain = np.zeros((3, 3))
        strain[row, column] += 0.5 * size
        strain[column, row] += 0.5 * size

        def energy_eV(n, strain=strain):
            deformation = np.eye(3) + n * strain
            return evaluate(positions @ deformation, numbers, cell @ deformation)[0]

        stencil = [(1, 8), (-1, -8), (2, -1), (-2, 1)]  # fourth order
        slope = sum(w * energy_eV(n) for n, w in stencil) / (12 * size)
        assert abs(slope / volume_A3 - stress[row, column]) < 1e-9


def test_stress_turns_with_the_crystal(found, model, numbers, cell, positions):
    rotation = Rotation.from_euler("zyx", [0.4, 1.1, -2.0]).as_matrix()
    turned = stress_of(model, numbers, cell @ rotation.T, positions @ rotation.T)
    np.testing.assert_allclose(turned[2], rotation @ found[2] @ rotation.T, atol=1e-12)


def test_an_atom_alone_bears_no_stress(model):
    _, forces, stress = stress_of(model, [8], 20.0 * np.eye(3), np.ones((1, 3)))
    np.testing.assert_array_equal(forces, 0.0)
    np.testing.assert_array_equal(stress, 0.0)


def test_errors_name_capacity_and_species(model, cell):
    with pytest.raises(ModelError, match=r"capacity must be >= 1 neighbour slot, got 0"):
        stress_fn(model, [3], cell, capacity=0, dtype=jnp.float32)
    with pytest.raises(ModelError, match=r"atomic numbers \[1\] are not among those"):
        stress_fn(model, [1], cell, capacity=4, dtype=jnp.float32)
