"""Closed forms of what one potential's errors against another do to an ensemble."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from confvib.errors import ThermodynamicsError
from confvib.thermo.partition import Vibrations, canonical_ensemble
from confvib.thermo.roads import (
    boltzmann_weights,
    ensemble_errors,
    value_errors,
    weight_errors,
)
from confvib.units import BOLTZMANN_EV_PER_K as KB

T = 900.0
KT = KB * T


@pytest.fixture
def rng():
    return np.random.default_rng(6)


@pytest.fixture
def ensemble(rng):
    """Energies of cells, 1.5 keV below zero, and multiplicities."""
    return -1690.0 + rng.normal(scale=0.15, size=400), rng.choice([24.0, 48.0, 96.0], 400)


def test_a_constant_offset_is_no_error_but_of_G(ensemble):
    energy, g = ensemble
    vibrations = Vibrations(0.3 + 0.1 * energy / 1690, np.full(400, 0.02))
    found = value_errors(energy, energy + 2.5)
    assert found.mean_eV == pytest.approx(2.5)
    for name in ("rms_eV", "mae_eV", "largest_eV", "pairs_eV"):
        assert getattr(found, name) == pytest.approx(0, abs=1e-10)
    assert found.rank_correlation == pytest.approx(1)
    weights = weight_errors(energy, energy + 2.5, g, T)
    assert weights.overlap == pytest.approx(1)
    assert weights.bhattacharyya == pytest.approx(1)
    assert weights.same_top
    assert weights.ess == pytest.approx(weights.ess_given)
    assert weights.top_weight == pytest.approx(weights.top_weight_given)
    for name in ("free_energy_error_eV", "second_order_eV", "independent_eV"):
        assert getattr(weights, name) == pytest.approx(2.5)
    both = ensemble_errors(
        (energy, vibrations), (energy + 2.5, vibrations), g, T, n_atoms=192
    )
    assert both.S_conf_error_eV_per_K == pytest.approx(0, abs=1e-12)
    assert both.S_error_eV_per_K == pytest.approx(0, abs=1e-12)
    assert both.given.free_energy_eV - both.exact.free_energy_eV == pytest.approx(2.5)


def test_independent_gaussian_errors_shift_ln_Z_by_half_their_variance(rng):
    n, sigma = 400_000, 0.8 * KT
    energy = rng.normal(scale=0.6 * KT, size=n)
    error = 0.4 + rng.normal(scale=sigma, size=n)
    found = weight_errors(energy, energy + error, np.ones(n), T)
    expected = 0.4 - sigma**2 / (2 * KT)
    assert found.free_energy_error_eV == pytest.approx(expected, abs=0.01 * KT)
    assert found.second_order_eV == pytest.approx(expected, abs=0.01 * KT)
    assert found.independent_eV == pytest.approx(expected, abs=0.01 * KT)
    values = value_errors(energy, energy + error)
    assert values.rms_eV == pytest.approx(sigma, rel=0.01)
    assert values.mae_eV == pytest.approx(sigma * np.sqrt(2 / np.pi), rel=0.01)
    assert values.pairs_eV == pytest.approx(np.sqrt(2) * sigma, rel=0.01)
    # Two Gaussian samples of energies that are joined by a correlation coefficient.
    r = 0.6 / np.hypot(0.6, 0.8)
    assert values.rank_correlation == pytest.approx(
        6 / np.pi * np.arcsin(r / 2), abs=0.005
    )


def test_errors_along_the_energy_are_a_change_of_temperature(ensemble):
    energy, g = ensemble
    stretched = energy.mean() + 1.25 * (energy - energy.mean())
    both = ensemble_errors((energy, None), (stretched, None), g, T, n_atoms=192)
    colder = canonical_ensemble(energy, g, T / 1.25, n_atoms=192)
    assert both.given.configurational_entropy_eV_per_K == pytest.approx(
        colder.configurational_entropy_eV_per_K
    )
    found = weight_errors(energy, stretched, g, T)
    assert found.ess_given == pytest.approx(colder.ess)
    assert found.rank_correlation < 1  # the multiplicities are not stretched
    assert value_errors(energy, stretched).rank_correlation == pytest.approx(1)


def test_weights_of_two_rows_by_hand():
    p = boltzmann_weights([0.0, KT * np.log(3)], [1.0, 1.0], T)
    np.testing.assert_allclose(p, [0.75, 0.25])
    found = weight_errors([0.0, KT * np.log(3)], [KT * np.log(3), 0.0], [1.0, 1.0], T)
    assert found.overlap == pytest.approx(0.5)
    assert found.bhattacharyya == pytest.approx(2 * np.sqrt(0.75 * 0.25))
    assert not found.same_top
    assert (found.top_weight, found.top_weight_given) == pytest.approx((0.75, 0.25))
    assert found.ess == pytest.approx(found.ess_given) == pytest.approx(1.6)
    assert found.free_energy_error_eV == pytest.approx(0, abs=1e-15)


def test_free_energy_error_is_the_difference_of_both_ensembles(ensemble, rng):
    energy, g = ensemble
    given = energy - 30 + rng.normal(scale=0.2, size=energy.size)
    found = weight_errors(energy, given, g, T)
    both = ensemble_errors((energy, None), (given, None), g, T, n_atoms=192)
    assert found.free_energy_error_eV == pytest.approx(
        both.given.free_energy_eV - both.exact.free_energy_eV
    )
    assert found.ess == pytest.approx(both.exact.ess)
    assert found.ess_given == pytest.approx(both.given.ess)


def test_one_row_has_a_mean_error_only():
    found = value_errors([1.0], [1.5])
    assert found.mean_eV == 0.5
    assert np.isnan([found.rms_eV, found.pairs_eV, found.rank_correlation]).all()


def test_ranks_are_those_of_scipy(rng):
    exact = rng.integers(0, 5, 50).astype(float)  # with ties
    given = exact + rng.normal(size=50)
    expected = spearmanr(exact, given).statistic
    assert value_errors(exact, given).rank_correlation == pytest.approx(expected)


def test_equal_values_have_no_rank():
    assert np.isnan(value_errors([1.0, 1.0], [1.0, 2.0]).rank_correlation)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1.0, 2.0], [1.0], T), r"given_eV: found 2 rows, expected 1"),
        (([1.0], [np.nan], [1.0], T), r"given_eV has 1 non-finite value"),
        (([1.0], [1.0], [0.0], T), r"weights: found 0.0, expected > 0"),
        (([1.0], [1.0], [1.0], 0.0), r"temperature_K is 0.0, expected a finite value"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(ThermodynamicsError, match=message):
        weight_errors(*arguments)
