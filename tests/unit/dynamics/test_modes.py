"""Hessians and normal modes against closed forms and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.dynamics.hessian import hessian
from confvib.dynamics.modes import normal_modes
from confvib.errors import DynamicsError
from confvib.units import FREQUENCY_THZ


def closed_form_THz(shape, spring, mass):
    """Return m ω² = 4 k Σ sin²(π q / n) as frequencies, uniform translation left out."""
    waves = [4 * np.sin(np.pi * np.arange(n) / n) ** 2 for n in shape]
    total = sum(np.meshgrid(*waves, indexing="ij")).ravel()
    return np.sort(np.repeat(FREQUENCY_THZ * np.sqrt(spring * total / mass), 3))[3:]


@pytest.mark.parametrize(
    ("name", "shape", "spring", "mass"),
    [("chain", (7, 1, 1), 2.0, 28.0), ("lattice", (4, 4, 4), 3.0, 20.0)],
)
def test_lattice_dynamics_closed_form(request, name, shape, spring, mass):
    crystal = request.getfixturevalue(name)
    second = hessian(crystal.energy_fn, crystal.positions)
    modes = normal_modes(second.matrix_eV_per_A2, crystal.masses_amu)
    np.testing.assert_allclose(
        modes.frequencies_THz, closed_form_THz(shape, spring, mass), atol=1e-6
    )
    assert modes.n_imaginary == 0
    assert second.asymmetry < 1e-14


def test_hessian_against_finite_differences_of_forces(argon):
    positions = argon.rattled(1, 0.1)[0]
    gradient = jax.jit(jax.grad(lambda x: argon.energy_fn(x)[0]))
    matrix = hessian(argon.energy_fn, positions, columns_per_batch=20).matrix_eV_per_A2
    for column in (0, 7, 50, 95):
        step = 1e-4 * np.eye(96)[column].reshape(32, 3)
        difference = (gradient(positions + step) - gradient(positions - step)) / 2e-4
        np.testing.assert_allclose(
            matrix[:, column], np.ravel(difference), atol=1e-6 * np.abs(matrix).max()
        )


def test_block_size_does_not_matter(argon):
    positions = argon.rattled(1, 0.1)[0]
    one = hessian(argon.energy_fn, positions, columns_per_batch=20).matrix_eV_per_A2
    two = hessian(argon.energy_fn, positions, columns_per_batch=96).matrix_eV_per_A2
    np.testing.assert_allclose(one, two, atol=1e-14)


def test_translation_invariance_is_measured(argon, chain):
    second = hessian(argon.energy_fn, argon.positions, columns_per_batch=20)
    modes = normal_modes(second.matrix_eV_per_A2, argon.masses_amu)
    assert modes.sum_rule_residual < 1e-12
    assert modes.acoustic_residual_THz < 1e-5
    assert len(modes.frequencies_THz) == 93
    matrix = hessian(chain.energy_fn, chain.positions).matrix_eV_per_A2
    pinned = normal_modes(matrix + 0.1 * np.eye(21), chain.masses_amu)
    largest = 4.1  # the diagonal of the pinned chain: two springs of 2 and the pin
    assert pinned.sum_rule_residual == pytest.approx(0.1 / largest)
    assert pinned.acoustic_residual_THz == pytest.approx(
        FREQUENCY_THZ * np.sqrt(0.1 / 28.0)
    )


def test_masses_weigh_the_diatomic_molecule():
    light, heavy, spring = 1.0, 35.0, 30.0
    line = np.zeros((6, 6))
    line[np.ix_([0, 3], [0, 3])] = spring * np.array([[1, -1], [-1, 1]])
    modes = normal_modes(line, np.array([light, heavy]))
    reduced = light * heavy / (light + heavy)
    stretch = FREQUENCY_THZ * np.sqrt(spring / reduced)
    np.testing.assert_allclose(modes.frequencies_THz, [0, 0, stretch], atol=1e-6)


def test_soft_vibration_is_not_taken_for_a_translation():
    # Dropping the three smallest |ν| would drop this bond of negative curvature.
    line = np.zeros((6, 6))
    line[np.ix_([1, 4], [1, 4])] = -0.02 * np.array([[1, -1], [-1, 1]])
    modes = normal_modes(line, np.array([10.0, 30.0]))
    expected = -FREQUENCY_THZ * np.sqrt(0.02 / 7.5)
    assert modes.frequencies_THz[0] == pytest.approx(expected)
    assert modes.n_imaginary == 1
    direction = modes.lowest_mode[:, 1]
    assert direction[1] / direction[0] == pytest.approx(-1 / 3)
    assert np.abs(modes.lowest_mode).max() == pytest.approx(1)
    below = normal_modes(line, np.array([10.0, 30.0]), imaginary_threshold_THz=-5.0)
    assert below.n_imaginary == 0


def test_hessian_follows_the_dtype(lattice):
    narrow = lattice.positions.astype(np.float32)
    matrix = hessian(lattice.energy_fn, narrow).matrix_eV_per_A2
    assert matrix.dtype == np.float64
    exact = hessian(lattice.energy_fn, lattice.positions).matrix_eV_per_A2
    np.testing.assert_allclose(matrix, exact, atol=1e-5)


def test_an_asymmetric_matrix_is_reported():
    @jax.custom_jvp
    def gradient_of_no_potential(x):
        return (x**2).sum()

    @gradient_of_no_potential.defjvp
    def _(primals, tangents):
        (x,), (v,) = primals, tangents
        field = jnp.roll(x, 1, axis=1)
        return (x**2).sum(), (field * v).sum()

    second = hessian(
        lambda x: (gradient_of_no_potential(x), jnp.array(False)), np.ones((2, 3))
    )
    assert second.asymmetry == pytest.approx(1)


def test_refuses_nonsense(chain):
    masses = chain.masses_amu
    with pytest.raises(DynamicsError, match=r"shape \(20, 20\); expected \(21, 21\)"):
        normal_modes(np.eye(20), masses)
    with pytest.raises(DynamicsError, match="expected at least two positive numbers"):
        normal_modes(np.eye(21), -masses)
    with pytest.raises(DynamicsError, match="values that are not finite"):
        normal_modes(np.full((21, 21), np.nan), masses)
    with pytest.raises(DynamicsError, match=r"imaginary_threshold_THz is 0\.1; expected"):
        normal_modes(np.eye(21), masses, imaginary_threshold_THz=0.1)
    with pytest.raises(DynamicsError, match="columns_per_batch is 0; expected >= 1"):
        hessian(chain.energy_fn, chain.positions, columns_per_batch=0)
