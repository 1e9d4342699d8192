"""Freezing of a random-energy sample, and the second-order estimate of Z."""

import numpy as np
import pytest

from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.reliability import freezing
from confvib.units import BOLTZMANN_EV_PER_K

T = 900.0
KT = BOLTZMANN_EV_PER_K * T


@pytest.mark.parametrize(
    ("T", "frozen", "reduced"),
    [(1500.0, False, 0.77), (300.0, False, 3.87), (250, True, 4.6)],
)
def test_freezing_of_the_published_set(T, frozen, reduced):
    # 4162 configurations of 0.10 eV width freeze just below room temperature.
    energy = np.random.default_rng(1).normal(size=4162)
    energy *= 0.10 / energy.std()
    found = freezing(canonical_ensemble(energy, np.ones(4162), T, n_atoms=1))
    assert found.width_eV == pytest.approx(0.10, rel=1e-9)
    assert found.reduced_width == pytest.approx(reduced, abs=0.05)
    assert found.limit == pytest.approx(4.083, abs=1e-3)
    assert found.frozen is frozen


def test_second_order_estimate_holds_for_a_narrow_gaussian():
    rng = np.random.default_rng(2)
    energy = 0.5 * KT * rng.normal(size=50_000)
    weights = rng.choice([24.0, 96.0], size=50_000)
    ensemble = canonical_ensemble(energy, weights, T, n_atoms=1)
    found = freezing(ensemble)
    assert found.second_order_log_Z == pytest.approx(ensemble.log_Z, abs=0.01)
