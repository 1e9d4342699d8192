"""Weights of samples and the numbers that say who carries an ensemble."""

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.sampling import effective_sample_size, n_covering, sampling_weights
from confvib.units import BOLTZMANN_EV_PER_K

T = 900.0
KT = BOLTZMANN_EV_PER_K * T


@pytest.fixture
def population():
    rng = np.random.default_rng(1)
    multiplicity = rng.choice([24.0, 48.0, 96.0], size=200)
    return 0.05 * rng.normal(size=200), multiplicity


def mean_Z(population, design, m=40, draws=4000):
    energy, g = population
    rng = np.random.default_rng(2)
    chance = None if design == "orbits" else g / g.sum()
    replace = design == "microstates"
    estimates = []
    for _ in range(draws):
        rows = rng.choice(200, size=m, replace=replace, p=chance)
        weights = sampling_weights(
            g[rows], design=design, n_orbits=200, n_microstates=g.sum()
        )
        estimates.append(weights @ np.exp(-energy[rows] / KT))
    return np.mean(estimates), np.std(estimates) / np.sqrt(draws)


@pytest.mark.parametrize("design", ["orbits", "microstates"])
def test_sampled_partition_function_is_unbiased(population, design):
    energy, g = population
    exact = g @ np.exp(-energy / KT)
    mean, error = mean_Z(population, design)
    assert abs(mean - exact) < 4 * error
    assert error < 0.005 * exact


def test_incomplete_sampling_does_not_lower_the_entropy(population):
    energy, g = population
    full = canonical_ensemble(energy, g, T, n_atoms=1).entropy_eV_per_K
    rows = np.random.default_rng(3).choice(200, size=60, replace=False)
    naive = canonical_ensemble(energy[rows], g[rows], T, n_atoms=1).entropy_eV_per_K
    weights = sampling_weights(
        g[rows], design="orbits", n_orbits=200, n_microstates=g.sum()
    )
    scaled = canonical_ensemble(energy[rows], weights, T, n_atoms=1).entropy_eV_per_K
    # The factor M / m adds exactly kB ln(M / m), which is what was missing.
    assert scaled - naive == pytest.approx(BOLTZMANN_EV_PER_K * np.log(200 / 60))
    assert abs(scaled - full) < 0.1 * abs(naive - full)


def test_a_complete_set_weighs_its_multiplicities(population):
    _, g = population
    weights = sampling_weights(g, design="orbits", n_orbits=200, n_microstates=g.sum())
    np.testing.assert_array_equal(weights, g)


def test_effective_sample_size_and_coverage():
    p = np.array([0.5, 0.3, 0.15, 0.05])
    assert effective_sample_size(p) == pytest.approx(1 / (0.25 + 0.09 + 0.0225 + 0.0025))
    assert n_covering(p) == 4
    assert n_covering(p, 0.95) == 3
    assert n_covering(p, 0.5) == 1
    assert n_covering(np.full(1000, 1e-3), 0.99) == 990
    assert n_covering(np.full(3, 1 / 3), 1.0) == 3


def test_rows_that_share_a_probability_are_counted():
    # Two rows of 0.4, ten of 0.02: 0.9 takes the two and five of the ten.
    p, n_rows = np.array([0.8, 0.2]), np.array([2.0, 10.0])
    assert n_covering(p, 0.9, n_rows=n_rows) == 7
    assert n_covering(p, 0.4, n_rows=n_rows) == 1
    assert n_covering(p, 1.0, n_rows=n_rows) == 12
    each = np.repeat(p / n_rows, n_rows.astype(int))
    for share in (0.3, 0.79, 0.81, 0.95, 0.999):
        assert n_covering(p, share, n_rows=n_rows) == n_covering(each, share)


def test_messages():
    with pytest.raises(ThermodynamicsError) as caught:
        sampling_weights([1.0, 0.0], design="orbits", n_orbits=2, n_microstates=1.0)
    assert str(caught.value) == "multiplicity: found 0.0, expected > 0"
    with pytest.raises(ThermodynamicsError) as caught:
        sampling_weights([1.0] * 3, design="orbits", n_orbits=2, n_microstates=2.0)
    assert str(caught.value) == (
        "3 rows were drawn of n_orbits = 2, expected at most as many"
    )
