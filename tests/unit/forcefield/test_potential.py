import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from confvib.errors import ModelError
from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.potential import force_fn, so3krates_energy_fn, without_table

CAPACITY = 60


@pytest.fixture(scope="module")
def energy_fn(model, numbers, cell):
    return so3krates_energy_fn(model, numbers, cell, capacity=CAPACITY, dtype=jnp.float64)


@pytest.fixture(scope="module")
def evaluate(energy_fn):
    return jax.jit(force_fn(energy_fn))


def evaluate_other(model, numbers, cell, positions, capacity=CAPACITY):
    fn = so3krates_energy_fn(model, numbers, cell, capacity=capacity, dtype=jnp.float64)
    energy_eV, forces, overflow = jax.jit(force_fn(fn))(positions)
    assert not overflow
    return float(energy_eV), np.asarray(forces)


def test_forces_are_minus_the_energy_slope(evaluate, positions):
    _, forces, overflow = evaluate(positions)
    assert not overflow
    assert np.abs(forces).max() > 0.1
    step_A = 1e-4
    for atom, axis in [(0, 0), (1, 1), (3, 2), (4, 0), (9, 1)]:
        shift = np.zeros_like(positions)
        shift[atom, axis] = step_A
        stencil = [(1, -8), (-1, 8), (2, 1), (-2, -1)]  # fourth order
        slope = sum(w * evaluate(positions + n * shift)[0] for n, w in stencil)
        assert abs(slope / (12 * step_A) - forces[atom, axis]) < 1e-8


def test_forces_sum_to_zero_and_ignore_translations(evaluate, positions, cell):
    energy_eV, forces, _ = evaluate(positions)
    np.testing.assert_allclose(np.sum(forces, axis=0), 0.0, atol=1e-12)
    moved = positions + np.array([0.3, -2.0, 7.0])
    moved[2] += cell[0] - 3 * cell[2]
    moved_energy_eV, moved_forces, _ = evaluate(moved)
    assert abs(energy_eV - moved_energy_eV) < 1e-11
    np.testing.assert_allclose(moved_forces, forces, atol=1e-11)


@pytest.mark.parametrize("determinant", [1, -1])
def test_rotation_and_mirror_turn_the_forces_alone(
    model, numbers, cell, positions, evaluate, determinant
):
    rotation = determinant * Rotation.from_euler("zyx", [0.4, 1.1, -2.0]).as_matrix()
    energy_eV, forces, _ = evaluate(positions)
    turned = evaluate_other(model, numbers, cell @ rotation.T, positions @ rotation.T)
    assert abs(turned[0] - energy_eV) < 1e-11
    np.testing.assert_allclose(turned[1], forces @ rotation.T, atol=1e-11)


def test_permutation_of_atoms(model, numbers, cell, positions, evaluate):
    order = np.random.default_rng(5).permutation(len(numbers))
    energy_eV, forces, _ = evaluate(positions)
    permuted = evaluate_other(model, numbers[order], cell, positions[order])
    assert abs(permuted[0] - energy_eV) < 1e-11
    np.testing.assert_allclose(permuted[1], np.asarray(forces)[order], atol=1e-11)


def test_supercell_doubles_the_energy(model, numbers, cell, positions, evaluate):
    energy_eV, forces, _ = evaluate(positions)
    doubled = evaluate_other(
        model,
        np.tile(numbers, 2),
        np.diag([1, 2, 1]) @ cell,
        np.vstack([positions, positions + cell[1]]),
    )
    assert abs(doubled[0] - 2 * energy_eV) < 1e-10
    np.testing.assert_allclose(doubled[1], np.tile(forces, (2, 1)), atol=1e-11)


def test_capacity_changes_nothing_and_overflow_says_so(
    model, numbers, cell, positions, evaluate
):
    exact = neighbor_capacity(positions, cell=cell, cutoff_A=4.0, margin=0)
    energy_eV, forces, _ = evaluate(positions)
    tight = evaluate_other(model, numbers, cell, positions, capacity=exact)
    assert abs(tight[0] - energy_eV) < 1e-12
    np.testing.assert_allclose(tight[1], forces, atol=1e-12)
    small = so3krates_energy_fn(
        model, numbers, cell, capacity=exact - 1, dtype=jnp.float64
    )
    assert jax.jit(small)(positions)[1]


def test_energy_and_forces_are_continuous_at_the_cutoff(model):
    cell = 12.0 * np.eye(3)
    trio = np.array([[0.0, 0, 0], [0, 2.0, 0], [1.0, 0, 0]])
    fn = so3krates_energy_fn(model, [3, 8, 40], cell, capacity=4, dtype=jnp.float64)
    evaluate = jax.jit(force_fn(fn))
    edge = np.sqrt(4.0**2 - 2.0**2)  # distance of atoms 1 and 2 reaches 4 Å

    def at(x):
        return evaluate(np.vstack([trio[:2], [[x, 0, 0]]]))[:2]

    inside, outside = at(edge - 1e-7), at(edge + 1e-7)
    assert abs(inside[0] - outside[0]) < 1e-6
    np.testing.assert_allclose(inside[1], outside[1], atol=1e-6)
    # Both would pass without any interaction: well inside it must be felt.
    assert np.abs(np.asarray(at(edge - 0.7)[1])[1]).max() > 1e-4


def test_batch_equals_one_by_one(evaluate, positions):
    frames = np.stack([positions, positions + 0.2, 1.02 * positions])
    energies, forces, overflow = jax.jit(jax.vmap(evaluate))(frames)
    assert not overflow.any()
    for index, frame in enumerate(frames):
        energy_eV, force, _ = evaluate(frame)
        assert abs(energies[index] - energy_eV) < 1e-11
        np.testing.assert_allclose(forces[index], force, atol=1e-11)


def test_a_broken_system_breaks_neither_its_neighbours_nor_looks_sound(
    evaluate, positions
):
    broken = positions.copy()
    broken[4] = np.nan
    frames = np.stack([positions, broken, positions])
    energies, forces, _ = jax.jit(jax.vmap(evaluate))(frames)
    assert np.isnan(energies[1])
    assert energies[0] == energies[2]
    assert np.isfinite(forces[0]).all()
    assert np.isfinite(forces[2]).all()


def test_hessian_is_finite_symmetric_and_the_slope_of_the_forces(
    energy_fn, evaluate, positions
):
    hessian = jax.jit(jax.hessian(lambda x: energy_fn(x)[0]))(jnp.asarray(positions))
    matrix = np.asarray(hessian).reshape(30, 30)  # most of the 60 slots are padding
    assert np.isfinite(matrix).all()
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)
    shift = np.zeros_like(positions)
    shift[2, 1] = 1e-4
    slope = (evaluate(positions - shift)[1] - evaluate(positions + shift)[1]) / 2e-4
    np.testing.assert_allclose(matrix[7], np.ravel(slope), atol=1e-5)


def test_float32_agrees_and_stays_float32(model, numbers, cell, positions, evaluate):
    fn = so3krates_energy_fn(model, numbers, cell, capacity=CAPACITY, dtype=jnp.float32)
    energy_eV, forces, _ = jax.jit(force_fn(fn))(jnp.asarray(positions, jnp.float32))
    assert energy_eV.dtype == forces.dtype == jnp.float32
    exact_eV, exact_forces, _ = evaluate(positions)
    assert abs(energy_eV - exact_eV) < 1e-3
    np.testing.assert_allclose(forces, exact_forces, atol=1e-4)


def test_an_atom_alone_has_a_constant_energy(model):
    fn = so3krates_energy_fn(model, [8], 20.0 * np.eye(3), capacity=2, dtype=jnp.float64)
    energy_eV, forces, overflow = jax.jit(force_fn(fn))(np.array([[1.0, 2.0, 3.0]]))
    assert np.isfinite(energy_eV)
    assert not overflow
    np.testing.assert_array_equal(forces, 0.0)


def test_a_plain_energy_joins_the_protocol():
    evaluate = force_fn(without_table(lambda x: 0.5 * jnp.sum(x**2)))
    energy_eV, forces, overflow = evaluate(jnp.array([[1.0, 2.0, -2.0]]))
    assert energy_eV == 4.5
    np.testing.assert_array_equal(forces, [[-1.0, -2.0, 2.0]])
    assert overflow.dtype == bool
    assert not overflow


def test_errors_name_species_and_capacity(model, cell):
    with pytest.raises(
        ModelError,
        match=r"atomic numbers \[1, 26\] are not .* trained on, \[3, 8, 40, 57\]",
    ):
        so3krates_energy_fn(model, [3, 26, 1], cell, capacity=4, dtype=jnp.float32)
    with pytest.raises(ModelError, match=r"capacity must be >= 1 neighbour slot, got 0"):
        so3krates_energy_fn(model, [3], cell, capacity=0, dtype=jnp.float32)
