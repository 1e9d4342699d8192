"""Noise gate, noise bias and freezing against Gaussian landscapes."""

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.reliability import freezing, noise_bias_log_Z, noise_gate
from confvib.units import BOLTZMANN_EV_PER_K

T = 900.0
KT = BOLTZMANN_EV_PER_K * T


def test_noise_gate_is_half_kT_per_cell():
    passed = noise_gate([0.0, 0.499 * KT, 0.501 * KT], T)
    assert passed.tolist() == [True, True, False]
    # The error of 6 ps of 192 atoms, 0.21 eV at 300 K, fails by a factor of 16.
    assert not noise_gate([0.21], 300.0)[0]


def test_noise_bias_of_equal_errors():
    sigma = np.full(5, 0.4 * KT)
    bias = noise_bias_log_Z(np.full(5, 0.2), sigma, T)
    assert bias == pytest.approx(0.5 * 0.4**2, rel=1e-12)


@pytest.mark.parametrize("uneven", [False, True])
def test_subtracting_the_noise_bias_recovers_Z(uneven):
    rng = np.random.default_rng(0)
    n = 20_000
    energy = 0.06 * rng.normal(size=n)
    sigma = KT * (rng.uniform(0.2, 1.2, n) if uneven else np.full(n, 0.8))
    weights = np.full(n, 96.0)
    exact = canonical_ensemble(energy, weights, T, n_atoms=1)
    noisy = canonical_ensemble(energy + sigma * rng.normal(size=n), weights, T, n_atoms=1)
    bias = noise_bias_log_Z(noisy.probabilities, sigma, T)
    raised = (exact.free_energy_eV - noisy.free_energy_eV) / KT
    assert raised > 0.2
    assert bias == pytest.approx(raised, abs=0.05)


def test_huge_errors_do_not_underflow():
    assert noise_bias_log_Z(np.full(2, 0.5), np.full(2, 50 * KT), T) == pytest.approx(
        1250
    )


@pytest.mark.parametrize(
    ("T", "frozen", "reduced"),
    [(1500.0, False, 0.77), (300.0, False, 3.87), (250, True, 4.6)],
)
def test_freezing_of_the_published_set(T, frozen, reduced):
    # 4162 configurations of 0.10 eV width freeze just below room temperature.
    energy = np.random.default_rng(1).normal(size=4162)
    energy *= 0.10 / energy.std()
    found = freezing(energy, np.ones(4162), T)
    assert found.reduced_width == pytest.approx(reduced, abs=0.05)
    assert found.limit == pytest.approx(4.083, abs=1e-3)
    assert found.frozen is frozen


def test_second_order_estimate_holds_for_a_narrow_gaussian():
    rng = np.random.default_rng(2)
    energy = 0.5 * KT * rng.normal(size=50_000)
    weights = rng.choice([24.0, 96.0], size=50_000)
    ensemble = canonical_ensemble(energy, weights, T, n_atoms=1)
    found = freezing(energy, weights, T)
    assert found.second_order_log_Z == pytest.approx(ensemble.log_Z, abs=0.01)


def test_messages():
    with pytest.raises(ThermodynamicsError) as caught:
        noise_gate([-0.1], T)
    assert str(caught.value) == "sigma_F_eV: found -0.1, expected >= 0"
    with pytest.raises(ThermodynamicsError) as caught:
        noise_bias_log_Z(np.ones(2) / 2, [0.1], T)
    assert str(caught.value) == "sigma_F_eV: found 1 rows, expected 2"
    with pytest.raises(ThermodynamicsError) as caught:
        freezing([1.0, 2.0], [1.0, -1.0], T)
    assert str(caught.value) == "weights: found -1.0, expected > 0"
