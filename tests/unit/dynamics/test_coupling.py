"""Integration between crystals: back to what is known, by every route."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate as quadrature

from confvib.dynamics.coupling import CouplingSettings, sample_couplings
from confvib.dynamics.evaluation import BatchMode
from confvib.dynamics.hessian import hessian
from confvib.dynamics.reference_crystal import (
    ReferenceCrystal,
    einstein_crystal,
    harmonic_coupling,
)
from confvib.dynamics.state import Status
from confvib.errors import DynamicsError
from confvib.thermo.integration import gauss_legendre, integrate, quadrature_error_eV
from confvib.units import ACCELERATION_A_PER_FS2, BOLTZMANN_EV_PER_K, PLANCK_EV_PER_THZ

TEMPERATURE_K = 300.0
kT_eV = BOLTZMANN_EV_PER_K * TEMPERATURE_K
SETTINGS = CouplingSettings(
    temperature_K=TEMPERATURE_K,
    timestep_fs=3.0,
    equilibration_fs=600.0,
    sampling_fs=9000.0,
    friction_per_fs=0.02,
)
NUMBERS = np.array([3, 3, 8, 8, 8, 40])
MASSES = np.array([6.94, 6.94, 16.0, 16.0, 16.0, 91.22])


def hessian_crystal(energy_fn, positions, masses):
    return ReferenceCrystal(
        positions,
        np.float64(energy_fn(jnp.asarray(positions))[0]),
        hessian(energy_fn, positions).matrix_eV_per_A2,
        masses,
    )


def route(energy_fn, start, end, n_points, settings=SETTINGS, seed=0):
    """Return integral, free energies with the mapped and the plain mean, and runs."""
    rule = gauss_legendre(n_points)
    harmonic = harmonic_coupling(start, end, rule.points, settings.temperature_K)
    keys = jax.random.split(jax.random.key(seed), (n_points, 2))
    runs = sample_couplings(energy_fn, start, rule.points, harmonic, keys, settings)
    assert (runs.status == Status.OK.code).all()
    zero, known = (
        crystal.free_energy_eV(settings.temperature_K, "classical")
        for crystal in (start, end)
    )
    missed = quadrature_error_eV(rule, harmonic.integrand_eV, known - zero)
    mapped, plain = (
        integrate(rule, series) for series in (runs.mapped_eV, runs.difference_eV)
    )
    return mapped, zero + missed + mapped.value_eV, zero + missed + plain.value_eV, plain


@pytest.fixture(scope="module")
def springs():
    """A crystal of random springs between all atoms: any H without net force."""
    rng = np.random.default_rng(5)
    n = len(MASSES)
    root = rng.normal(size=(3 * n, 3 * n))
    matrix = root @ root.T / (3 * n) + 2 * np.eye(3 * n)
    shift = np.eye(3 * n) - np.kron(np.full((n, n), 1 / n), np.eye(3))
    matrix = shift @ matrix @ shift
    positions = rng.normal(size=(n, 3))

    def energy_fn(x):
        u = (x - positions).reshape(-1)
        return -7.0 + 0.5 * u @ (matrix @ u), jnp.array(False)

    return energy_fn, hessian_crystal(energy_fn, positions, MASSES)


def test_a_harmonic_crystal_comes_back_from_an_einstein_crystal(springs):
    energy_fn, crystal = springs
    exact = crystal.free_energy_eV(TEMPERATURE_K, "classical")
    integral, mapped, plain, noisy = route(
        energy_fn, einstein_crystal(crystal, NUMBERS), crystal, 6
    )
    # The mapped mean has no noise at all here; the plain one has, and agrees.
    assert mapped == pytest.approx(exact, abs=1e-9)
    assert integral.stderr_eV < 1e-9
    assert noisy.stderr_eV > 1e-3
    assert plain == pytest.approx(exact, abs=3.5 * noisy.stderr_eV)


def test_the_einstein_crystal_has_the_fluctuations_of_the_hessian(springs):
    _, crystal = springs
    einstein = einstein_crystal(crystal, NUMBERS)
    stiffness = np.diag(einstein.stiffness_eV_per_A2).reshape(-1, 3)
    assert (stiffness == stiffness[:, :1]).all()
    # Independent: fluctuations from the pseudo-inverse with a heavy anchor of no width.
    matrix = np.asarray(crystal.stiffness_eV_per_A2)
    centre = np.kron(np.outer(np.ones(6), MASSES) / MASSES.sum(), np.eye(3))
    project = np.eye(18) - centre
    covariance = project @ np.linalg.pinv(matrix) @ project.T
    squared = np.diag(covariance).reshape(-1, 3).sum(axis=1)
    for number in (3, 8, 40):
        chosen = number == NUMBERS
        assert stiffness[chosen, 0] == pytest.approx(3 / squared[chosen].mean())


def quartic_pair(stiffness, quartic):
    """Two atoms whose distance along each axis feels a quartic well."""
    ideal = np.array([[0.0, 0.0, 0.0], [2.0, 1.0, 0.5]])

    def energy_fn(positions):
        stretch = positions[1] - positions[0] - jnp.asarray(ideal[1] - ideal[0])
        energy = 0.5 * stiffness * stretch**2 + 0.25 * quartic * stretch**4
        return energy.sum(), jnp.array(False)

    return energy_fn, ideal


def quartic_free_energy_eV(stiffness, quartic, reduced_mass_amu):
    """Classical free energy of three independent oscillators, by quadrature."""

    def weight(x):
        return np.exp(-(0.5 * stiffness * x**2 + 0.25 * quartic * x**4) / kT_eV)

    length, _ = quadrature.quad(weight, -3, 3, points=[0])
    mass = reduced_mass_amu / ACCELERATION_A_PER_FS2  # eV fs²/Å²
    wave_A = PLANCK_EV_PER_THZ * 1e3 / np.sqrt(2 * np.pi * mass * kT_eV)
    return -3 * kT_eV * np.log(length / wave_A)


@pytest.mark.slow
@pytest.mark.parametrize("from_einstein", [False, True])
def test_quartic_oscillators_come_back_from_both_crystals(from_einstein):
    stiffness, quartic, masses = 1.0, 30.0, np.array([16.0, 7.0])
    energy_fn, ideal = quartic_pair(stiffness, quartic)
    crystal = hessian_crystal(energy_fn, ideal, masses)
    exact = quartic_free_energy_eV(stiffness, quartic, 16.0 * 7.0 / 23.0)
    start = crystal
    if from_einstein:
        start = einstein_crystal(crystal, np.array([8, 3]))
    settings = replace(SETTINGS, sampling_fs=60_000.0)
    integral, mapped, plain, noisy = route(energy_fn, start, crystal, 6, settings)
    harmonic = crystal.free_energy_eV(TEMPERATURE_K, "classical")
    assert exact - harmonic > 10 * integral.stderr_eV  # it is not harmonic
    assert mapped == pytest.approx(exact, abs=3 * integral.stderr_eV)
    assert plain == pytest.approx(exact, abs=3 * noisy.stderr_eV)


@pytest.mark.slow
def test_both_routes_agree_on_argon(argon):
    numbers = np.full(32, 18)
    crystal = hessian_crystal(argon.energy_fn, argon.positions, argon.masses_amu)
    settings = replace(
        SETTINGS, temperature_K=40.0, timestep_fs=8.0, sampling_fs=16_000.0
    )
    integrals, values = [], []
    for start in (crystal, einstein_crystal(crystal, numbers)):
        integral, value, _, _ = route(argon.energy_fn, start, crystal, 4, settings)
        integrals.append(integral)
        values.append(value)
    error = np.hypot(*[integral.stderr_eV for integral in integrals])
    assert values[0] == pytest.approx(values[1], abs=3.5 * error)
    assert error / 32 < 1e-4  # eV per atom: the comparison says something
    harmonic = crystal.free_energy_eV(40.0, "classical")
    assert abs(values[0] - harmonic) > 5 * integrals[0].stderr_eV


@pytest.mark.slow
def test_a_run_knows_neither_its_batch_nor_its_mode(springs):
    energy_fn, crystal = springs
    points = np.array([0.3, 0.8])
    harmonic = harmonic_coupling(crystal, crystal, points, TEMPERATURE_K)
    keys = jax.random.split(jax.random.key(4), (2, 2))
    short = replace(SETTINGS, equilibration_fs=60.0, sampling_fs=150.0)
    one, other, split = (
        sample_couplings(
            energy_fn, crystal, points, harmonic, keys, settings, batch_mode=mode
        )
        for settings, mode in (
            (short, BatchMode.ONE_BY_ONE),
            (short, BatchMode.TOGETHER),
            (replace(short, segment_samples=3), BatchMode.ONE_BY_ONE),
        )
    )
    np.testing.assert_allclose(one.visited_positions, other.visited_positions, atol=1e-9)
    np.testing.assert_array_equal(one.difference_eV, split.difference_eV)
    np.testing.assert_array_equal(
        one.visited_positions[:, :, -1], split.visited_positions[:, :, -1]
    )
    assert split.visited_positions.shape == (2, 2, 5, 6, 3)
    away = one.visited_positions[:, :, -1] - crystal.positions
    centre = np.einsum("lknx,n->lkx", away, MASSES)
    np.testing.assert_allclose(centre, 0, atol=1e-9)


def test_a_run_that_falls_apart_says_so_and_leaves_the_others_alone(springs):
    energy_fn, crystal = springs

    def with_hole(positions):
        energy, overflow = energy_fn(positions)
        away = positions[0, 0] - crystal.positions[0, 0] > 0.05
        return jnp.where(away, jnp.nan, energy), overflow

    points = np.array([0.5])
    harmonic = harmonic_coupling(crystal, crystal, points, TEMPERATURE_K)
    keys = jax.random.split(jax.random.key(4), (1, 2))
    runs = sample_couplings(with_hole, crystal, points, harmonic, keys, SETTINGS)
    assert (runs.status == Status.NAN.code).all()
    assert np.isnan(runs.difference_eV[:, :, -1]).all()
    assert np.isfinite(runs.visited_positions).all()


def test_mistakes_are_named(springs):
    energy_fn, crystal = springs
    points = np.array([0.5, 1.0])
    harmonic = harmonic_coupling(crystal, crystal, points, TEMPERATURE_K)
    keys = jax.random.split(jax.random.key(4), (2, 2))
    with pytest.raises(DynamicsError, match=r"expected values in \(0, 1\)"):
        sample_couplings(energy_fn, crystal, points, harmonic, keys, SETTINGS)
    with pytest.raises(DynamicsError, match=r"expected \(L,\) and \(L, K\)"):
        sample_couplings(energy_fn, crystal, points[:1], harmonic, keys, SETTINGS)
    few = replace(SETTINGS, sampling_fs=90.0)
    with pytest.raises(DynamicsError, match="6 samples 15 fs apart; expected at least 8"):
        sample_couplings(energy_fn, crystal, points / 2, harmonic, keys, few)
    saddle = replace(crystal, stiffness_eV_per_A2=-np.asarray(np.eye(18)))
    with pytest.raises(DynamicsError, match="expected a minimum"):
        einstein_crystal(saddle, NUMBERS)
