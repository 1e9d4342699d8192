"""The laws of test_potential for a network with every option switched on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.potential import force_fn, so3krates_energy_fn

pytestmark = pytest.mark.slow

CAPACITY = 70
WIDE_CELL = 12.0 * np.eye(3)


@pytest.fixture(scope="module")
def variant(make_model, everything):
    return make_model(everything)


@pytest.fixture(scope="module")
def crowded(positions):
    """The crystal with one pair at 0.9 Å, where the repulsion acts."""
    moved = positions.copy()
    bond = moved[1] - moved[0]
    moved[1] = moved[0] + 0.9 * bond / np.linalg.norm(bond)
    return moved


@pytest.fixture(scope="module")
def evaluate(variant, cell, make_evaluator):
    return make_evaluator(variant, cell, CAPACITY)


@pytest.fixture(scope="module")
def evaluate_trio(variant, make_evaluator):
    return make_evaluator(variant, WIDE_CELL, 4)


def test_forces_are_minus_the_energy_slope(evaluate, crowded, numbers, cell):
    _, forces = evaluate(crowded, numbers, cell)
    assert np.abs(forces).max() > 1.0
    step_A = 1e-4
    for atom, axis in [(0, 0), (1, 1), (3, 2), (4, 0), (9, 1)]:
        shift = np.zeros_like(crowded)
        shift[atom, axis] = step_A
        stencil = [(1, -8), (-1, 8), (2, 1), (-2, -1)]  # fourth order
        slope = sum(
            w * evaluate(crowded + n * shift, numbers, cell)[0] for n, w in stencil
        )
        assert abs(slope / (12 * step_A) - forces[atom, axis]) < 1e-7


@pytest.mark.parametrize("determinant", [1, -1])
def test_rotation_mirror_and_translation(evaluate, crowded, numbers, cell, determinant):
    rotation = determinant * Rotation.from_euler("zyx", [0.4, 1.1, -2.0]).as_matrix()
    energy_eV, forces = evaluate(crowded, numbers, cell)
    moved = crowded + np.array([0.3, -2.0, 7.0])
    moved[2] += cell[0] - 3 * cell[2]
    turned = evaluate(moved @ rotation.T, numbers, cell @ rotation.T)
    assert abs(turned[0] - energy_eV) < 1e-10
    np.testing.assert_allclose(turned[1], forces @ rotation.T, atol=1e-10)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-11)


def test_permutation_of_atoms(evaluate, crowded, numbers, cell):
    order = np.random.default_rng(5).permutation(len(numbers))
    energy_eV, forces = evaluate(crowded, numbers, cell)
    permuted = evaluate(crowded[order], numbers[order], cell)
    assert abs(permuted[0] - energy_eV) < 1e-10
    np.testing.assert_allclose(permuted[1], forces[order], atol=1e-10)


def test_supercell_padding_and_shifts(variant, evaluate, crowded, numbers, cell):
    """Through the public function, with a table of exactly the width that is needed."""
    energy_eV, forces = evaluate(crowded, numbers, cell)
    exact = neighbor_capacity(crowded, cell=cell, cutoff_A=4.0, margin=0)
    assert exact < CAPACITY
    fn = so3krates_energy_fn(
        variant,
        np.tile(numbers, 2),
        np.diag([1, 2, 1]) @ cell,
        capacity=exact,
        dtype=jnp.float64,
    )
    doubled = jax.jit(force_fn(fn))(np.vstack([crowded, crowded + cell[1]]))
    assert not doubled[2]
    shift_eV = variant.shifts_eV[numbers].sum()
    assert abs(doubled[0] - 2 * (energy_eV + shift_eV)) < 1e-9
    np.testing.assert_allclose(doubled[1], np.tile(forces, (2, 1)), atol=1e-10)


@pytest.mark.parametrize("distance_A", [4.0, 1.5])
def test_energy_and_forces_are_continuous_at_the_cutoffs(evaluate_trio, distance_A):
    """At the cutoff radius, and where the repulsion ends."""

    def at(x):
        trio = np.array([[0.0, 0, 0], [0, 0.7, 0], [x, 0, 0]])
        return evaluate_trio(trio, [3, 8, 40], WIDE_CELL)

    inside, outside = at(distance_A - 1e-7), at(distance_A + 1e-7)
    felt = np.abs(at(0.5 * distance_A)[1][2]).max()
    assert felt > 1e-4
    assert abs(inside[0] - outside[0]) < 1e-3 * felt
    np.testing.assert_allclose(inside[1], outside[1], atol=1e-3 * felt)


def test_batch_equals_one_by_one(variant, crowded, numbers, cell, evaluate):
    fn = so3krates_energy_fn(variant, numbers, cell, capacity=CAPACITY, dtype=jnp.float64)
    frames = np.stack([crowded, crowded + 0.2, 1.02 * crowded])
    energies, forces, overflow = jax.jit(jax.vmap(force_fn(fn)))(frames)
    assert not overflow.any()
    shift_eV = variant.shifts_eV[numbers].sum()
    for index, frame in enumerate(frames):
        energy_eV, force = evaluate(frame, numbers, cell)
        assert abs(energies[index] - shift_eV - energy_eV) < 1e-10
        np.testing.assert_allclose(forces[index], force, atol=1e-10)


def test_hessian_is_the_slope_of_the_forces(variant, evaluate, numbers, cell, crowded):
    """Second derivatives of every option, next to padding slots."""
    fn = so3krates_energy_fn(variant, numbers, cell, capacity=CAPACITY, dtype=jnp.float64)
    direction = np.random.default_rng(7).normal(size=crowded.shape)
    gradient = jax.grad(lambda x: fn(x)[0])
    product = jax.jit(lambda x: jax.jvp(gradient, (x,), (jnp.asarray(direction),))[1])
    step = 1e-5
    slope = [evaluate(crowded + n * step * direction, numbers, cell)[1] for n in (-1, 1)]
    expected = (slope[0] - slope[1]) / (2 * step)
    found = np.asarray(product(jnp.asarray(crowded)))
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
