"""Noise of the rows: the gate, the bias of Z and the errors that it makes."""

from functools import reduce

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.noise import Noise
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.union import merge_ensembles
from confvib.units import BOLTZMANN_EV_PER_K

T = 900.0
KT = BOLTZMANN_EV_PER_K * T


def noise_of(energy, weights, sigma, temperature_K=T):
    energy, weights = np.asarray(energy, float), np.asarray(weights, float)
    ensemble = canonical_ensemble(energy, weights, temperature_K, n_atoms=1)
    return Noise.of(ensemble, energy, weights, sigma)


def test_the_gate_is_half_kT_per_cell():
    found = noise_of([0.0] * 3, [1.0] * 3, [0.0, 0.499 * KT, 0.501 * KT])
    assert (found.n_refused, found.passed) == (1, False)
    assert noise_of([0.0], [1.0], [0.5 * KT]).passed
    # The error of 6 ps of 192 atoms, 0.21 eV at 300 K, fails by a factor of 16.
    assert not noise_of([0.0], [1.0], [0.21], 300.0).passed
    assert noise_of([0.0], [1.0], [0.21], 300.0).rms_over_kT == pytest.approx(
        0.21 / (BOLTZMANN_EV_PER_K * 300)
    )


def test_the_bias_of_equal_errors():
    found = noise_of(np.zeros(5), np.ones(5), np.full(5, 0.4 * KT))
    assert found.bias_log_Z == pytest.approx(0.5 * 0.4**2, rel=1e-12)
    # 50 k_B T: no factor may underflow.
    huge = noise_of(np.zeros(2), np.ones(2), np.full(2, 50 * KT))
    assert huge.bias_log_Z == pytest.approx(1250)


@pytest.mark.parametrize("uneven", [False, True])
def test_subtracting_the_bias_recovers_Z(uneven):
    rng = np.random.default_rng(0)
    n = 20_000
    energy = 0.06 * rng.normal(size=n)
    sigma = KT * (rng.uniform(0.2, 1.2, n) if uneven else np.full(n, 0.8))
    weights = np.full(n, 96.0)
    exact = canonical_ensemble(energy, weights, T, n_atoms=1)
    noisy_energy = energy + sigma * rng.normal(size=n)
    noisy = canonical_ensemble(noisy_energy, weights, T, n_atoms=1)
    raised = (exact.free_energy_eV - noisy.free_energy_eV) / KT
    assert raised > 0.2
    found = noise_of(noisy_energy, weights, sigma)
    assert found.bias_log_Z == pytest.approx(raised, abs=0.05)


def landscape(n=60):
    rng = np.random.default_rng(9)
    return (
        -1500.0 + 0.05 * rng.normal(size=n),
        rng.choice([24.0, 48.0, 96.0], size=n),
        rng.uniform(0.001, 0.006, n),
    )


def test_errors_agree_with_monte_carlo():
    energy, weights, sigma = landscape()
    found = noise_of(energy, weights, sigma).errors()
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(4000):
        noisy = energy + sigma * rng.normal(size=energy.size)
        e = canonical_ensemble(noisy, weights, T, n_atoms=1)
        draws.append(
            (
                e.free_energy_eV,
                e.internal_energy_eV,
                e.configurational_entropy_eV_per_K,
            )
        )
    predicted = (found.free_energy_eV, found.average_eV, found.entropy_eV_per_K)
    np.testing.assert_allclose(predicted, np.std(draws, axis=0), rtol=0.08)


def test_sums_of_parts_are_the_sums_of_all_rows():
    energy, weights, sigma = landscape(200)
    whole = noise_of(energy, weights, sigma)
    parts = [
        noise_of(*columns)
        for columns in zip(
            np.split(energy, [1, 70]),
            np.split(weights, [1, 70]),
            np.split(sigma, [1, 70]),
            strict=True,
        )
    ]
    merged = reduce(
        lambda one, other: one.merged(
            other, merge_ensembles(one.ensemble, other.ensemble)
        ),
        parts,
    )
    assert merged.n_refused == whole.n_refused
    assert merged.rms_over_kT == pytest.approx(whole.rms_over_kT, rel=1e-12)
    assert merged.bias_log_Z == pytest.approx(whole.bias_log_Z, rel=1e-9)
    for name in ("free_energy_eV", "average_eV", "entropy_eV_per_K"):
        assert getattr(merged.errors(), name) == pytest.approx(
            getattr(whole.errors(), name), rel=1e-9
        )


def test_messages():
    with pytest.raises(ThermodynamicsError) as caught:
        noise_of([1.0], [1.0], [-0.1])
    assert str(caught.value) == "sigma_F_eV: found -0.1, expected >= 0"
    with pytest.raises(ThermodynamicsError) as caught:
        noise_of([1.0, 2.0], [1.0, 1.0], [0.1])
    assert str(caught.value) == "sigma_F_eV: found 1 rows, expected 2"
