"""Standard errors against processes and ensembles whose errors are known."""

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.bootstrap import bootstrap_canonical, bootstrap_published
from confvib.thermo.partition import Vibrations, canonical_ensemble
from confvib.thermo.published import published_ensemble
from confvib.thermo.uncertainty import (
    block_standard_error,
    propagated_errors,
    repeat_standard_error,
)

T, N_ATOMS = 900.0, 192


def autoregressive(n, memory, rng):
    noise = rng.normal(size=n)
    series = np.empty(n)
    series[0] = noise[0] / np.sqrt(1 - memory**2)
    for t in range(1, n):
        series[t] = memory * series[t - 1] + noise[t]
    return series


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_blocking_finds_the_error_of_a_correlated_series(memory):
    rng = np.random.default_rng(4)
    n = 2**14
    found = [block_standard_error(autoregressive(n, memory, rng)) for _ in range(8)]
    # The mean of an AR(1) process of unit noise has variance 1 / (1 - memory)^2 n.
    exact = 1 / ((1 - memory) * np.sqrt(n))
    assert np.mean([b.standard_error for b in found]) == pytest.approx(exact, rel=0.1)
    inefficiency = np.mean([b.inefficiency for b in found])
    assert inefficiency == pytest.approx((1 + memory) / (1 - memory), rel=0.2)
    assert all(b.converged for b in found)


def test_blocking_says_when_the_series_is_too_short():
    drift = np.linspace(0.0, 1.0, 500)
    found = block_standard_error(drift)
    assert not found.converged
    assert found.mean == pytest.approx(0.5)
    assert found.standard_error > 5 * drift.std() / np.sqrt(500)


def test_a_constant_series_has_no_error():
    found = block_standard_error(np.full(32, -7.0))
    assert (found.mean, found.standard_error, found.converged) == (-7.0, 0.0, True)


def test_repeats():
    assert repeat_standard_error([1.0, 2.0, 3.0]) == pytest.approx(1 / np.sqrt(3))
    with pytest.raises(ThermodynamicsError) as caught:
        repeat_standard_error([1.0, 2.0, 3.0], fewest=4)
    assert str(caught.value) == "3 repeat(s) carry no error bar, expected at least 4"


def sample(rng, n=400):
    energy = -1500.0 + 0.05 * rng.normal(size=n)
    weights = rng.choice([24.0, 48.0, 96.0], size=n)
    vibrations = Vibrations(0.03 * rng.normal(size=n), 1e-4 * rng.normal(size=n))
    return energy, weights, vibrations


def test_bootstrap_predicts_the_scatter_between_samples():
    rng = np.random.default_rng(6)
    results = []
    for _ in range(400):
        energy, weights, vib = sample(rng)
        e = canonical_ensemble(energy, weights, T, n_atoms=N_ATOMS, vibrations=vib)
        results.append(
            (
                e.free_energy_eV,
                e.internal_energy_eV,
                e.configurational_entropy_eV_per_K,
                e.entropy_eV_per_K,
            )
        )
    scatter = np.std(results, axis=0)
    predicted = []
    for seed in range(10):
        energy, weights, vib = sample(rng)
        b = bootstrap_canonical(
            energy, weights, T, vibrations=vib, n_resamples=200, seed=seed
        )
        predicted.append(
            (
                b.free_energy_eV,
                b.average_eV,
                b.configurational_entropy_eV_per_K,
                b.entropy_eV_per_K,
            )
        )
    np.testing.assert_allclose(np.mean(predicted, axis=0), scatter, rtol=0.15)


def test_published_bootstrap_predicts_its_scatter():
    rng = np.random.default_rng(8)
    results = []
    for _ in range(400):
        e = published_ensemble(sample(rng)[0], T, n_atoms=N_ATOMS)
        results.append(e.average_eV_per_atom)
    b = bootstrap_published(sample(rng)[0], T, n_atoms=N_ATOMS, n_resamples=400, seed=1)
    assert b.average_eV == pytest.approx(np.std(results), rel=0.2)
    assert b.entropy_eV_per_K == b.configurational_entropy_eV_per_K > 0


def test_bootstrap_is_seeded_and_knows_complete_sets():
    energy, weights, _ = sample(np.random.default_rng(0))
    first, again, other = (
        bootstrap_canonical(energy, weights, T, n_resamples=50, seed=s) for s in (1, 1, 2)
    )
    assert first == again
    assert first != other
    complete = bootstrap_canonical(
        energy, weights, T, n_resamples=50, seed=1, sampled_fraction=1.0
    )
    assert complete.free_energy_eV == complete.entropy_eV_per_K == 0.0
    partial = bootstrap_canonical(
        energy, weights, T, n_resamples=50, seed=1, sampled_fraction=0.75
    )
    assert partial.free_energy_eV == pytest.approx(0.5 * first.free_energy_eV)


def test_bootstrap_survives_a_frozen_ensemble():
    # Without the ground state every factor underflows; each resample has its own zero.
    energy = np.array([0.0, 5.0, 5.0, 5.0, 5.0])
    frozen = bootstrap_canonical(energy, np.ones(5), 10.0, n_resamples=100, seed=3)
    assert frozen.average_eV == pytest.approx(5.0 * np.sqrt(0.33 * 0.67), rel=0.15)
    assert np.isfinite(frozen.free_energy_eV)


def test_propagation_agrees_with_monte_carlo():
    rng = np.random.default_rng(9)
    energy, weights, vib = sample(rng, 60)
    sigma = rng.uniform(0.001, 0.006, 60)
    ensemble = canonical_ensemble(energy, weights, T, n_atoms=N_ATOMS, vibrations=vib)
    effective = energy + vib.free_energy_eV
    found = propagated_errors(
        ensemble, effective, effective + T * vib.entropy_eV_per_K, sigma
    )
    draws = []
    for _ in range(4000):
        noisy = Vibrations(
            vib.free_energy_eV + sigma * rng.normal(size=60), vib.entropy_eV_per_K
        )
        e = canonical_ensemble(energy, weights, T, n_atoms=N_ATOMS, vibrations=noisy)
        draws.append(
            (
                e.free_energy_eV,
                e.internal_energy_eV,
                e.configurational_entropy_eV_per_K,
                e.entropy_eV_per_K,
            )
        )
    predicted = (
        found.free_energy_eV,
        found.average_eV,
        found.configurational_entropy_eV_per_K,
        found.entropy_eV_per_K,
    )
    np.testing.assert_allclose(predicted, np.std(draws, axis=0), rtol=0.08)


def test_block_message():
    with pytest.raises(ThermodynamicsError) as caught:
        block_standard_error(np.zeros(7))
    assert str(caught.value) == "series has 7 samples, expected at least 8"


def test_bootstrap_messages():
    with pytest.raises(ThermodynamicsError) as caught:
        bootstrap_canonical([1.0], [1.0], T)
    assert str(caught.value) == (
        "bootstrap of 1 row(s) with 200 resample(s), expected >= 2 each"
    )
    with pytest.raises(ThermodynamicsError) as caught:
        bootstrap_published([1.0, 2.0], T, n_atoms=2, sampled_fraction=1.5)
    assert str(caught.value) == "sampled_fraction is 1.5, expected 0 to 1"


def test_propagation_message():
    ensemble = canonical_ensemble([1.0, 2.0], [1.0, 1.0], T, n_atoms=2)
    with pytest.raises(ThermodynamicsError) as caught:
        propagated_errors(ensemble, [1.0, 2.0], [1.0, 2.0], [0.1, -0.1])
    assert str(caught.value) == "sigma_F_eV: found -0.1, expected >= 0"
