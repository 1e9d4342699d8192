"""Convergence curves agree with the ensembles of the rows so far."""

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.convergence import canonical_convergence, published_convergence
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.published import published_ensemble

T, N_ATOMS = 300.0, 192
RNG = np.random.default_rng(0)
ENERGY = -1505.0 + 0.09 * RNG.normal(size=300)
WEIGHTS = RNG.choice([24.0, 48.0, 96.0], size=300)


def test_canonical_curve_is_the_ensemble_of_the_lowest_rows():
    curve = canonical_convergence(ENERGY, WEIGHTS, T, n_atoms=N_ATOMS)
    assert np.all(np.diff(curve.energy_eV) >= 0)
    np.testing.assert_array_equal(curve.energy_eV, ENERGY[curve.order])
    for k in (1, 2, 17, 300):
        rows = curve.order[:k]
        part = canonical_ensemble(ENERGY[rows], WEIGHTS[rows], T, n_atoms=N_ATOMS)
        assert curve.minus_TS_conf_eV_per_atom[k - 1] == pytest.approx(
            part.minus_TS_eV / N_ATOMS, rel=1e-11
        )
        assert curve.G_eV_per_atom[k - 1] == pytest.approx(
            part.free_energy_eV / N_ATOMS, rel=1e-14
        )


def test_published_curve_is_the_ensemble_of_the_lowest_rows():
    curve = published_convergence(ENERGY, T, n_atoms=N_ATOMS)
    for k in (1, 2, 17, 300):
        part = published_ensemble(ENERGY[curve.order[:k]], T, n_atoms=N_ATOMS)
        assert curve.minus_TS_conf_eV_per_atom[k - 1] == pytest.approx(
            part.minus_TS_eV_per_atom, rel=1e-11
        )
        assert curve.G_eV_per_atom[k - 1] == pytest.approx(part.G_eV_per_atom, rel=1e-14)


def test_curves_of_a_million_rows_stay_finite_and_falling():
    energy = np.random.default_rng(1).normal(size=1_000_000)
    curve = canonical_convergence(energy, np.ones(1_000_000), T, n_atoms=N_ATOMS)
    assert np.all(np.isfinite(curve.minus_TS_conf_eV_per_atom))
    assert np.all(np.diff(curve.G_eV_per_atom) <= 1e-15)


def test_convergence_messages():
    with pytest.raises(ThermodynamicsError) as caught:
        canonical_convergence([1.0], [0.0], T, n_atoms=2)
    assert str(caught.value) == "weights: found 0.0, expected > 0"
    with pytest.raises(ThermodynamicsError) as caught:
        published_convergence([1.0], T, n_atoms=0)
    assert str(caught.value) == "n_atoms is 0, expected a finite value > 0"
