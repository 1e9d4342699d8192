"""Rows in random order: closed forms, and the ensembles of the subsets themselves."""

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.published import published_ensemble
from confvib.thermo.random_order import (
    band,
    canonical_orders,
    horvitz_thompson,
    published_orders,
    subset_sizes,
)
from confvib.units import BOLTZMANN_EV_PER_K as KB

N_ATOMS = 192
RNG = np.random.default_rng(3)
ENERGY = -1505.0 + 0.09 * RNG.normal(size=400)
WEIGHTS = RNG.choice([24.0, 48.0, 96.0], size=400)
SIZES = [1, 7, 200, 400]


def canonical(energy, weights, T, sizes, n_orders=30, seed=0):
    unscaled = canonical_orders(
        energy, weights, T, n_atoms=N_ATOMS, sizes=sizes, n_orders=n_orders, seed=seed
    )
    return unscaled, horvitz_thompson(unscaled, T, n_atoms=N_ATOMS)


def published(energy, T, sizes, n_orders=30, seed=0):
    return published_orders(
        energy, T, n_atoms=N_ATOMS, sizes=sizes, n_orders=n_orders, seed=seed
    )


def test_equal_energies_are_exact_at_every_size_with_the_factor():
    T, energy = 300.0, np.full(400, -1505.0)
    unscaled, scaled = canonical(energy, np.full(400, 96.0), T, SIZES)
    kT = KB * T / N_ATOMS
    np.testing.assert_allclose(
        scaled.minus_TS_eV_per_atom, -kT * np.log(400 * 96), rtol=1e-12
    )
    np.testing.assert_allclose(
        scaled.G_eV_per_atom, -1505.0 / N_ATOMS - kT * np.log(400 * 96), rtol=1e-14
    )
    expected = -kT * np.log(96 * np.array(SIZES))
    np.testing.assert_allclose(
        unscaled.minus_TS_eV_per_atom, np.tile(expected, (30, 1)), rtol=1e-12
    )


def test_equal_energies_published_count_rows():
    orders = published(np.full(400, -1505.0), 300.0, SIZES)
    expected = np.tile(-KB * 300 * np.log(SIZES), (30, 1))
    np.testing.assert_allclose(orders.minus_TS_eV_per_atom, expected, atol=1e-12)


@pytest.mark.parametrize("T", [5.0, 300.0, 1500.0])
def test_each_point_is_the_ensemble_of_its_subset(T):
    unscaled, scaled = canonical(ENERGY, WEIGHTS, T, SIZES, n_orders=3, seed=11)
    counted = published(ENERGY, T, SIZES, n_orders=3, seed=11)
    rng = np.random.default_rng(11)
    for order in range(3):
        rows = rng.permutation(400)
        for k, m in enumerate(SIZES):
            s = rows[:m]
            for factor, orders in ((1.0, unscaled), (400 / m, scaled)):
                part = canonical_ensemble(
                    ENERGY[s], factor * WEIGHTS[s], T, n_atoms=N_ATOMS
                )
                assert orders.minus_TS_eV_per_atom[order, k] * N_ATOMS == pytest.approx(
                    part.minus_TS_eV, abs=1e-10
                )
                assert orders.G_eV_per_atom[order, k] * N_ATOMS == pytest.approx(
                    part.free_energy_eV, abs=1e-10
                )
            part = published_ensemble(ENERGY[s], T, n_atoms=N_ATOMS)
            assert counted.minus_TS_eV_per_atom[order, k] == pytest.approx(
                part.minus_TS_eV_per_atom, abs=1e-12
            )
            assert counted.G_eV_per_atom[order, k] == pytest.approx(
                part.G_eV_per_atom, abs=1e-12
            )


def test_rows_thousands_of_kT_up_do_not_underflow():
    unscaled, _ = canonical([0.0, 5.0, 6.0, 7.0], np.ones(4), 1.0, [1, 2, 4])
    assert np.all(np.isfinite(unscaled.minus_TS_eV_per_atom))
    # One row in hand: F is its energy and S is 0, wherever it lies.
    np.testing.assert_allclose(unscaled.minus_TS_eV_per_atom[:, 0], 0, atol=1e-12)
    assert set((unscaled.G_eV_per_atom[:, 0] * N_ATOMS).round(9)) == {0.0, 5.0, 6.0, 7.0}


def test_the_factor_makes_Z_unbiased_and_F_right_within_its_band():
    T = 1500.0
    sizes = [20, 100, 400]
    unscaled, scaled = canonical(ENERGY, WEIGHTS, T, sizes, n_orders=2000)
    whole = canonical_ensemble(ENERGY, WEIGHTS, T, n_atoms=N_ATOMS)
    excess = scaled.G_eV_per_atom * N_ATOMS - whole.free_energy_eV
    Z_ratio = np.exp(-excess / (KB * T))
    stderr = Z_ratio.std(axis=0) / np.sqrt(len(Z_ratio))
    assert np.all(np.abs(Z_ratio.mean(axis=0) - 1) <= 4 * stderr + 1e-12)
    with_factor, without = band(scaled.G_eV_per_atom), band(unscaled.G_eV_per_atom)
    F = whole.free_energy_eV / N_ATOMS
    assert np.all(with_factor.p05[:2] < F)
    assert np.all(with_factor.p95[:2] > F)
    assert np.all(without.p05[:2] > F)
    np.testing.assert_allclose(
        (without.mean - with_factor.mean) * N_ATOMS,
        KB * T * np.log(400 / np.array(sizes)),
        atol=1e-10,
    )


def test_paper_subset_of_19333_of_65958_rows():
    # σ as in c-LLZO (docs/formulation.md#reliability): printed -0.2848 and -0.2528.
    energy = 0.09 * np.random.default_rng(8).normal(size=65_958)
    orders = published(energy, 300.0, [19_333, 65_958], n_orders=20)
    part, whole = orders.minus_TS_eV_per_atom.T
    assert whole[0] == pytest.approx(-0.2848, rel=2e-3)
    assert np.ptp(whole) < 1e-12
    assert part.mean() / whole[0] == pytest.approx(0.889, abs=1e-3)
    assert np.log(19_333) / np.log(65_958) == pytest.approx(0.889, abs=5e-4)
    assert part.mean() == pytest.approx(-0.2528, rel=3e-3)


def test_a_paper_sized_set_is_summed_in_seconds():
    energy = 0.1 * np.random.default_rng(0).normal(size=66_090)
    sizes = subset_sizes(66_090, 24)
    unscaled, _ = canonical(energy, np.ones(66_090), 300.0, sizes, n_orders=10)
    assert unscaled.G_eV_per_atom.shape == (10, len(sizes))
    assert np.all(np.diff(unscaled.G_eV_per_atom, axis=1) <= 1e-12)  # rows only add to Z


def test_sizes_are_even_in_ln_m_and_hold_what_was_asked():
    assert subset_sizes(1000, 4, [500]) == [1, 10, 100, 500, 1000]
    assert subset_sizes(2, 24, [1, 1]) == [1, 2]


@pytest.mark.parametrize("sizes", [[], [0, 2], [2, 1], [2, 2], [1, 5]])
def test_sizes_outside_the_set_are_refused(sizes):
    with pytest.raises(ThermodynamicsError) as caught:
        published([1.0, 2.0, 3.0, 4.0], 300.0, sizes, n_orders=5)
    assert str(caught.value) == (
        f"5 random order(s) with sizes {sizes}, expected at least one and increasing"
        " sizes from 1 to 4"
    )
