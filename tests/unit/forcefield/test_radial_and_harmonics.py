import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from scipy.spatial.transform import Rotation

from confvib.forcefield.harmonics import (
    contract,
    degree_of_component,
    n_components,
    spherical_harmonics,
)
from confvib.forcefield.radial import (
    BASES,
    CUTOFFS,
    LearnedGaussians,
    bernstein_basis,
    bessel_basis,
    cosine_cutoff,
    radial_basis,
)

ALL = (0, 1, 2, 3)


def random_directions(count, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_radial_basis_is_the_printed_gaussian_of_exp_minus_d():
    values = radial_basis(jnp.array([0.0, 1.3, 5.0]), cutoff_A=5.0, n_functions=32)
    width = 259.485  # ((2 / 32)(1 - exp(-5)))^-2
    centre = np.exp(-5.0) + 7 / 31 * (1 - np.exp(-5.0))
    expected = np.exp(-width * (np.exp(-1.3) - centre) ** 2)
    np.testing.assert_allclose(values[1, 7], expected, rtol=1e-5)
    np.testing.assert_allclose([values[0, -1], values[2, 0]], 1.0, rtol=1e-12)


def test_cutoff_ends_with_zero_value_and_slope():
    cutoff = jax.vmap(jax.value_and_grad(lambda d: cosine_cutoff(d, cutoff_A=4.0)))
    value, slope = cutoff(jnp.array([0.0, 2.0, 4.0 - 1e-9, 4.0, 6.0]))
    np.testing.assert_allclose(value, [1.0, 0.5, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(slope, [0.0, -np.pi / 8, 0, 0, 0], atol=1e-8)
    assert value[3] == value[4] == 0.0


def test_bernstein_polynomials_are_those_of_scipy_and_sum_to_one():
    distances = np.array([0.2, 1.3, 3.0, 5.0])
    values = bernstein_basis(jnp.asarray(distances), cutoff_A=5.0, n_functions=9)
    x = np.exp(-0.9448630629184640 * distances)
    expected = scipy.stats.binom.pmf(np.arange(9), 8, x[:, None])
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    np.testing.assert_allclose(np.sum(values, axis=1), 1.0, rtol=1e-12)


def test_bessel_functions_are_spherical_and_vanish_at_the_cutoff():
    distances = np.array([0.2, 1.3, 4.0])
    values = bessel_basis(jnp.asarray(distances), cutoff_A=4.0, n_functions=5)
    wave = np.pi / 4.0 * np.arange(5)
    expected = wave * scipy.special.spherical_jn(0, wave * distances[:, None])
    np.testing.assert_allclose(values, expected, atol=1e-14)
    np.testing.assert_allclose(values[2], 0.0, atol=1e-15)


def test_learned_gaussians_start_evenly_spaced():
    network = LearnedGaussians(functions=6, cutoff_A=5.0)
    distances = jnp.array([[0.0], [1.5], [5.0]])
    variables = network.init(jax.random.key(0), distances)
    np.testing.assert_allclose(variables["params"]["centers"], np.arange(6.0))
    values = network.apply(variables, distances)
    expected = np.exp(-0.5 * (np.asarray(distances) - np.arange(6.0)) ** 2)
    np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_the_other_cutoffs_end_with_zero_value_slope_and_curvature():
    distances = jnp.array([4.0 - 1e-5, 4.0, 6.0])
    for name in ("phys", "exponential"):
        cutoff = CUTOFFS[name]

        def switch(d, cutoff=cutoff):
            return cutoff(d, cutoff_A=4.0)

        for derivative in (switch, jax.grad(switch), jax.grad(jax.grad(switch))):
            values = jax.vmap(derivative)(distances)
            np.testing.assert_allclose(values, 0.0, atol=1e-4)
            assert values[1] == values[2] == 0.0
        assert switch(jnp.array(0.0)) == 1.0
    half = CUTOFFS["phys"](jnp.array([2.0]), cutoff_A=4.0)
    np.testing.assert_allclose(half, 0.5, rtol=1e-12)
    third = CUTOFFS["exponential"](jnp.array([2.0]), cutoff_A=4.0)
    np.testing.assert_allclose(third, np.exp(-1 / 3), rtol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_functions_follow_the_type_of_their_input(dtype):
    distance = jnp.array([1.0, 2.0], dtype)
    directions = jnp.asarray(random_directions(2), dtype)
    harmonics = spherical_harmonics(directions, ALL)
    for basis in BASES.values():
        assert basis(distance, cutoff_A=5.0, n_functions=4).dtype == dtype
    for cutoff in CUTOFFS.values():
        assert cutoff(distance, cutoff_A=5.0).dtype == dtype
    assert harmonics.dtype == contract(harmonics, ALL).dtype == dtype


def real_harmonic(degree, order, directions):
    """Real harmonic without Condon-Shortley phase from SciPy's complex ones."""
    polar = np.arccos(directions[:, 2])
    azimuth = np.arctan2(directions[:, 1], directions[:, 0])
    value = scipy.special.sph_harm_y(degree, abs(order), polar, azimuth)
    if order == 0:
        return value.real
    part = value.real if order > 0 else value.imag
    return np.sqrt(2) * (-1) ** order * part


def test_harmonics_are_those_of_scipy():
    directions = random_directions(50)
    expected = [
        real_harmonic(degree, order, directions)
        for degree in ALL
        for order in range(-degree, degree + 1)
    ]
    found = spherical_harmonics(jnp.asarray(directions), ALL)
    np.testing.assert_allclose(found, np.transpose(expected), atol=1e-13)


def test_harmonics_are_orthonormal():
    nodes, weights = np.polynomial.legendre.leggauss(8)
    azimuth = np.arange(16) * np.pi / 8
    z, phi = (grid.ravel() for grid in np.meshgrid(nodes, azimuth, indexing="ij"))
    rho = np.sqrt(1 - z**2)
    directions = np.stack([rho * np.cos(phi), rho * np.sin(phi), z], axis=1)
    area = np.repeat(weights, 16) * np.pi / 8
    values = np.asarray(spherical_harmonics(jnp.asarray(directions), ALL))
    np.testing.assert_allclose(
        values.T @ (area[:, None] * values), np.eye(16), atol=1e-13
    )


def test_addition_theorem():
    first, second = random_directions(20, 1), random_directions(20, 2)
    products = spherical_harmonics(jnp.asarray(first), ALL) * spherical_harmonics(
        jnp.asarray(second), ALL
    )
    sums = products @ degree_of_component(ALL, jnp.float64).T
    cosine = np.sum(first * second, axis=1)
    for degree in ALL:
        legendre = scipy.special.eval_legendre(degree, cosine)
        expected = (2 * degree + 1) / (4 * np.pi) * legendre
        np.testing.assert_allclose(sums[:, degree], expected, atol=1e-13)


def test_contraction_has_the_printed_norm_and_ignores_rotations():
    degrees = (1, 3)
    vectors = jnp.asarray(random_directions(6))
    rotated = vectors @ jnp.asarray(Rotation.from_euler("xyz", [1, 2, 3]).as_matrix()).T

    def invariants(directions):
        weights = jnp.arange(1.0, 7.0)[:, None]
        chi = jnp.sum(weights * spherical_harmonics(directions, degrees), axis=0)
        return contract(chi, degrees)

    np.testing.assert_allclose(invariants(vectors), invariants(rotated), rtol=1e-12)
    ones = contract(jnp.ones(n_components(degrees)), degrees)
    np.testing.assert_allclose(ones, [3 / np.sqrt(3), 7 / np.sqrt(7)], rtol=1e-12)
