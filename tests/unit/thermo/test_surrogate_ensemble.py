"""Canonical averages of draws: exact limits, the Gaussian factor, and sampling."""

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.evidence import fit_surrogate
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.sampling import boltzmann_probabilities
from confvib.thermo.surrogate_ensemble import (
    assisted_ensemble,
    predicted_ensemble,
    sampled_probabilities,
    weight_overlap,
)
from confvib.thermo.surrogate_features import Features
from confvib.units import BOLTZMANN_EV_PER_K as KB

T = 900.0


@pytest.fixture
def energies():
    return -1500 + 0.1 * np.random.default_rng(0).standard_normal(200)


def test_draws_without_spread_are_the_canonical_ensemble(energies):
    g = np.random.default_rng(1).integers(1, 96, 200).astype(float)
    found = predicted_ensemble(np.tile(energies, (3, 1)), g, T)
    exact = canonical_ensemble(energies, g, T, n_atoms=192)
    assert found.free_energy_eV == pytest.approx(exact.free_energy_eV, abs=1e-9)
    assert found.configurational_entropy_eV_per_K == pytest.approx(
        exact.configurational_entropy_eV_per_K, rel=1e-9
    )
    p = boltzmann_probabilities(energies, g, T)
    np.testing.assert_allclose(found.probabilities, p, rtol=1e-9)
    assert found.free_energy_sigma_eV == pytest.approx(0, abs=1e-9)


def test_own_scatter_lowers_F_by_the_gaussian_factor():
    rng = np.random.default_rng(2)
    sigma, n = 0.5 * KB * T, 20_000
    draws = -1500 + sigma * rng.standard_normal((8, n))
    found = predicted_ensemble(draws, np.ones(n), T)
    smooth = -1500 - KB * T * np.log(n)
    shift = 0.5 * sigma**2 / (KB * T)
    assert found.free_energy_eV - smooth == pytest.approx(-shift, rel=0.05)
    # It averages out in F, since every row has its own.
    assert found.free_energy_sigma_eV < 0.02 * sigma


def test_shared_errors_do_not_average_out():
    rng = np.random.default_rng(3)
    draws = -1500 + 0.05 * rng.standard_normal((400, 1)) + np.zeros((1, 3000))
    found = predicted_ensemble(draws, np.ones(3000), T)
    assert found.free_energy_sigma_eV == pytest.approx(0.05, rel=0.1)
    assert found.configurational_entropy_sigma_eV_per_K == pytest.approx(0, abs=1e-12)


def test_predictions_of_half_the_rows_give_the_F_of_all():
    """The stated error holds over repeats, and beats the same rows alone."""
    rng = np.random.default_rng(4)
    features = Features.standardise(rng.integers(0, 9, (400, 6)), np.ones(6))
    z, predicted, sampled = [], [], []
    for _ in range(20):
        energy = features.values @ (0.04 * rng.standard_normal(6))
        energy += 0.02 * rng.standard_normal(400)
        exact = canonical_ensemble(energy, np.ones(400), T, n_atoms=1)
        rows = rng.permutation(400)[:40]
        model = fit_surrogate(features, rows, energy[rows])
        found = predicted_ensemble(model.draw(100, rng), np.ones(400), T)
        predicted.append(found.free_energy_eV - exact.free_energy_eV)
        z.append(predicted[-1] / found.free_energy_sigma_eV)
        alone = sampled_probabilities(energy, np.ones(400), rows, T)
        sampled.append(alone[0] - exact.free_energy_eV)
        assert alone[2].sum() == pytest.approx(1)
        assert np.flatnonzero(alone[2]).size == 40
    assert np.mean(np.square(z)) == pytest.approx(1, abs=0.7)
    assert np.std(predicted) < 0.5 * np.std(sampled)


def test_all_rows_computed_leave_nothing_to_assist(energies):
    g = np.arange(1.0, 201)
    features = Features.standardise(np.random.default_rng(5).random((200, 3)), np.ones(3))
    model = fit_surrogate(features, np.arange(200), energies)
    exact = canonical_ensemble(energies, g, T, n_atoms=1)
    free, entropy = assisted_ensemble(model, g, T)
    assert free == pytest.approx(exact.free_energy_eV, abs=1e-9)
    assert entropy == pytest.approx(exact.configurational_entropy_eV_per_K, rel=1e-5)


def test_useless_predictions_assist_as_much_as_none(energies):
    """Features that say nothing: every prediction is the mean, and Z is (n / t) Z_s."""
    noise = np.random.default_rng(6).random((200, 2)) * 1e-3
    features = Features(noise, np.ones(2))
    rows = np.random.default_rng(7).permutation(200)[:100]
    model = fit_surrogate(features, rows, energies[rows])
    free, _ = assisted_ensemble(model, np.ones(200), T)
    alone, _, _ = sampled_probabilities(energies, np.ones(200), rows, T)
    assert free == pytest.approx(alone, abs=2e-3)


@pytest.mark.parametrize("skew", [False, True])
def test_assistance_needs_no_gaussian_scatter(skew):
    """Over repeats it beats the same rows alone, whatever the distribution."""
    rng = np.random.default_rng(8)
    features = Features.standardise(rng.integers(0, 9, (400, 6)), np.ones(6))
    errors = {"assisted": [], "alone": []}
    for _ in range(20):
        scatter = rng.exponential(size=400) if skew else rng.standard_normal(400)
        energy = features.values @ (0.06 * rng.standard_normal(6)) + 0.05 * scatter
        exact = canonical_ensemble(energy, np.ones(400), T, n_atoms=1)
        rows = rng.permutation(400)[:60]
        model = fit_surrogate(features, rows, energy[rows])
        found = assisted_ensemble(model, np.ones(400), T)[0]
        alone = sampled_probabilities(energy, np.ones(400), rows, T)[0]
        errors["assisted"].append(found - exact.free_energy_eV)
        errors["alone"].append(alone - exact.free_energy_eV)
    assert np.std(errors["assisted"]) < 0.7 * np.std(errors["alone"])


def test_overlap():
    assert weight_overlap([0.5, 0.5, 0], [0.5, 0.5, 0]) == 1
    assert weight_overlap([1, 0, 0], [0, 0.5, 0.5]) == 0
    assert weight_overlap([0.5, 0.5, 0], [0, 0.5, 0.5]) == 0.5


def test_a_complete_sample_is_the_ensemble(energies):
    g = np.arange(1.0, 201)
    free, entropy, p = sampled_probabilities(energies, g, np.arange(200), T)
    exact = canonical_ensemble(energies, g, T, n_atoms=1)
    assert free == pytest.approx(exact.free_energy_eV)
    assert entropy == pytest.approx(exact.configurational_entropy_eV_per_K)
    np.testing.assert_allclose(p, boltzmann_probabilities(energies, g, T))


def test_mistakes():
    with pytest.raises(ThermodynamicsError, match=r"shape \(1, 3\), expected finite"):
        predicted_ensemble(np.zeros((1, 3)), np.ones(3), T)
    with pytest.raises(ThermodynamicsError, match="expected finite values"):
        predicted_ensemble(np.full((2, 3), np.nan), np.ones(3), T)
