"""The verdict: a hot set passes, a frozen one does not, one row that decides is named."""

import numpy as np
import pytest

from confvib.thermo.random_order import canonical_orders, horvitz_thompson
from confvib.thermo.sparseness import sparseness
from confvib.units import BOLTZMANN_EV_PER_K as KB

N_ATOMS = 192


def judged(energy, weights, T, n_orders=400, **limits):
    n = len(energy)
    orders = canonical_orders(
        energy, weights, T, n_atoms=N_ATOMS, sizes=[n // 2, n], n_orders=n_orders, seed=1
    )
    return sparseness(
        energy,
        weights,
        T,
        n_atoms=N_ATOMS,
        halves=horvitz_thompson(orders, T, n_atoms=N_ATOMS),
        **({"max_share": 0.5, "tolerance_kT": 0.5} | limits),
    )


def test_the_same_rows_are_enough_when_hot_and_too_few_when_cold():
    energy = 0.1 * np.random.default_rng(0).normal(size=400)
    hot, cold = (judged(energy, np.ones(400), T) for T in (1500.0, 100.0))
    assert not hot.sparse
    assert hot.p_max < 0.05
    assert -0.2 < hot.F_half_p05_kT < 0 < hot.F_half_p95_kT < 0.2
    assert cold.sparse
    assert cold.halves_differ
    assert cold.F_half_p95_kT > 0.5
    # β σ = 11.6 is far beyond sqrt(2 ln 400) = 3.5: the few lowest rows are everything.
    assert cold.ess < 3


def test_one_row_that_decides_is_enough_for_the_verdict():
    energy = np.r_[0.0, np.full(99, 0.3)]
    found = judged(energy, np.ones(100), 300.0, tolerance_kT=100.0)
    p0 = 1 / (1 + 99 * np.exp(-0.3 / (KB * 300)))
    assert found.p_max == pytest.approx(p0)
    assert found.n99 == 1
    assert (found.sparse, found.one_row_decides, found.halves_differ) == (
        True,
        True,
        False,
    )
    # Without it F of a half is 0.3 eV up; with it, it counts twice.
    beta = 1 / (KB * 300)
    all_of_them = 1 + 99 * np.exp(-0.3 * beta)
    without, with_it = 2 * 50 * np.exp(-0.3 * beta), 2 * (1 + 49 * np.exp(-0.3 * beta))
    assert found.F_half_p95_kT == pytest.approx(-np.log(without / all_of_them), abs=1e-9)
    assert found.F_half_p05_kT == pytest.approx(-np.log(with_it / all_of_them), abs=1e-9)


def test_halves_scatter_by_the_sampling_error_of_all_rows():
    T, n = 1500.0, 1000
    energy = 0.05 * np.random.default_rng(6).normal(size=n)
    factor = np.exp(-energy / (KB * T))
    sigma = factor.std() / factor.mean() / np.sqrt(n)  # of F in k_B T, any larger set
    found = judged(energy, np.ones(n), T, n_orders=4000)
    width = found.F_half_p95_kT - found.F_half_p05_kT
    assert width == pytest.approx(2 * 1.645 * sigma, rel=0.05)


def test_equal_energies_are_never_sparse():
    found = judged(np.zeros(50), np.full(50, 96.0), 1.0)
    assert not found.sparse
    assert found.ess == pytest.approx(50)
    assert found.n99 == 50
    assert max(abs(found.F_half_p05_kT), abs(found.S_half_p95_kB)) < 1e-9
