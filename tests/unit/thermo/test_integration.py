"""Closed forms and quadrature of the integration between crystals."""

import numpy as np
import pytest

from confvib.dynamics.modes import normal_modes
from confvib.errors import ThermodynamicsError
from confvib.thermo.agreement import agreement, pooled_stderr_eV, precision
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.thermo.integration import (
    einstein_free_energy_eV,
    gauss_legendre,
    integrate,
    quadrature_error_eV,
)
from confvib.units import BOLTZMANN_EV_PER_K

MASSES = np.array([6.94, 138.9, 91.2, 16.0, 16.0])
SPRINGS = np.array([0.9, 5.4, 7.7, 4.8, 4.8])


def test_an_einstein_crystal_has_the_modes_of_its_springs_without_translations():
    # The closed form against the eigenvalues of the 3N - 3 dimensional problem.
    modes = normal_modes(np.diag(np.repeat(SPRINGS, 3)), MASSES).frequencies_THz
    numbers = harmonic_from_modes(modes, [300.0], statistics="classical")
    closed = einstein_free_energy_eV(SPRINGS, MASSES, 300.0)
    assert closed == pytest.approx(numbers.free_energy_eV[0], abs=1e-12)


def test_equal_atoms_lose_exactly_one_of_them():
    # All frequencies equal: the centre of mass is one more oscillator, left out.
    six, five = (einstein_free_energy_eV(np.full(n, 2.0), np.full(n, 20.0), 450.0)
                 for n in (6, 5))  # fmt: skip
    assert six == pytest.approx(five * (6 - 1) / (5 - 1), rel=1e-12)


@pytest.mark.parametrize("n_points", [2, 5, 8])
def test_gauss_legendre_is_exact_for_polynomials(n_points):
    rule = gauss_legendre(n_points)
    assert rule.weights.sum() == pytest.approx(1)
    degree = 2 * n_points - 1
    assert rule.weights @ rule.points**degree == pytest.approx(1 / (degree + 1))
    assert 0 < rule.points.min() < rule.points.max() < 1


def test_an_integral_has_the_error_that_its_noise_implies():
    rule, rng = gauss_legendre(4), np.random.default_rng(0)
    noise, n_seeds, n_samples = 0.3, 3, 400
    exact = rule.points**3
    shape = (200, 4, n_seeds, n_samples)
    series = exact[:, None, None] + noise * rng.standard_normal(shape)
    found = [integrate(rule, each) for each in series]
    values = np.array([each.value_eV for each in found])
    expected = noise * np.linalg.norm(rule.weights) / np.sqrt(n_seeds * n_samples)
    assert values.mean() == pytest.approx(0.25, abs=4 * expected / np.sqrt(200))
    assert values.std() == pytest.approx(expected, rel=0.2)
    blocking = np.mean([each.blocking_stderr_eV for each in found])
    by_seeds = np.sqrt(np.mean([each.seeds_stderr_eV**2 for each in found]))
    assert blocking == pytest.approx(expected, rel=0.05)
    assert by_seeds == pytest.approx(expected, rel=0.15)
    assert all(each.converged for each in found)
    assert found[0].stderr_eV >= found[0].blocking_stderr_eV


def test_quadrature_error_is_what_the_rule_misses():
    rule = gauss_legendre(2)
    missed = quadrature_error_eV(rule, rule.points**4, 0.2)
    assert missed == pytest.approx(0.2 - rule.weights @ rule.points**4)
    assert missed > 1e-3


def test_mistakes_are_named():
    rule = gauss_legendre(3)
    with pytest.raises(ThermodynamicsError, match="n_points is 1, expected at least 2"):
        gauss_legendre(1)
    with pytest.raises(ThermodynamicsError, match=r"expected \(3, seeds >= 2, S\)"):
        integrate(rule, np.zeros((3, 1, 20)))
    with pytest.raises(ThermodynamicsError, match="stiffness_eV_per_A2: found -1"):
        einstein_free_energy_eV([-1.0], [1.0], 300.0)
    with pytest.raises(ThermodynamicsError, match=r"expected \(n >= 1, seeds >= 2\)"):
        pooled_stderr_eV(np.zeros((4, 1)))
    with pytest.raises(ThermodynamicsError, match="stderr_eV is -1, expected >= 0"):
        precision(-1, 300.0)


def test_the_effort_that_passes_the_gate_goes_with_the_square_of_the_noise():
    kT_eV = BOLTZMANN_EV_PER_K * 300
    noisy = precision(2 * kT_eV, 300.0)
    assert not noisy.passed
    assert noisy.effort == pytest.approx(16)
    assert precision(0.5 * kT_eV / np.sqrt(noisy.effort), 300.0).passed


def test_seeds_are_pooled_over_configurations():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(500, 1)) * 10 + 0.2 * rng.standard_normal((500, 2))
    assert pooled_stderr_eV(values) == pytest.approx(0.2 / np.sqrt(2), rel=0.1)


def test_a_common_shift_disagrees_on_no_difference():
    energies = np.array([-1.0, 2.0, 0.5])
    error = np.full(3, 0.03)
    same = agreement(energies + 0.7, error, energies, np.zeros(3))
    assert same.mean_eV == pytest.approx(0.7)
    assert same.mean_stderr_eV == pytest.approx(0.03 / np.sqrt(3))
    assert same.pairs_eV == pytest.approx(0, abs=1e-12)
    assert same.pairs_noise_eV == pytest.approx(0.03 * np.sqrt(2))


def test_pairs_are_the_mean_square_over_all_pairs():
    difference = np.array([0.1, -0.2, 0.4, 0.0])
    found = agreement(difference, np.zeros(4), np.zeros(4), np.zeros(4))
    pairs = difference[:, None] - difference
    upper = pairs[np.triu_indices(4, 1)]
    assert found.pairs_eV == pytest.approx(np.sqrt(np.mean(upper**2)))
    assert np.isnan(agreement([1.0], [0.0], [0.5], [0.0]).pairs_eV)
