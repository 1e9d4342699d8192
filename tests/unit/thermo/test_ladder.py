"""Order statistics in bounded memory: exact below the limit, close beyond it."""

import numpy as np
import pytest

from confvib.thermo.convergence import canonical_convergence
from confvib.thermo.ladder import Ladder
from confvib.thermo.sampling import boltzmann_probabilities, n_covering

T = 900.0


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    return -1500 + 0.1 * rng.normal(size=n), rng.choice([24.0, 48.0, 96.0], size=n)


def chunked(energy, weights, limit):
    ladder = None
    for part in np.array_split(np.arange(energy.size), 13):
        own = Ladder.of(energy[part], weights[part], limit=limit)
        ladder = own if ladder is None else ladder.merged(own)
    return ladder


def test_below_the_limit_every_row_is_a_rung():
    energy, weights = rows(3000)
    ladder = chunked(energy, weights, limit=2000)
    order = np.argsort(energy)
    np.testing.assert_array_equal(ladder.energy_eV, energy[order])
    np.testing.assert_array_equal(ladder.weight, weights[order])
    p = boltzmann_probabilities(energy, weights, T)
    assert ladder.n99(T) == n_covering(p)


def test_beyond_the_limit_sums_are_kept_and_curves_are_close():
    energy, weights = rows(50_000)
    ladder = chunked(energy, weights, limit=1000)
    assert 1500 <= ladder.energy_eV.size <= 2000
    assert ladder.n_rows.sum() == 50_000
    assert ladder.weight.sum() == pytest.approx(weights.sum(), rel=1e-13)
    assert ladder.weight @ ladder.energy_eV == pytest.approx(weights @ energy, rel=1e-13)
    exact = canonical_convergence(energy, weights, T, n_atoms=192)
    found = canonical_convergence(ladder.energy_eV, ladder.weight, T, n_atoms=192)
    assert found.G_eV_per_atom[-1] == pytest.approx(
        exact.G_eV_per_atom[-1], abs=1e-9, rel=0
    )
    ranks = np.cumsum(ladder.n_rows).astype(int)
    half = np.searchsorted(ranks, 25_000)
    assert found.minus_TS_conf_eV_per_atom[half] == pytest.approx(
        exact.minus_TS_conf_eV_per_atom[ranks[half] - 1], abs=1e-6
    )
    p = boltzmann_probabilities(energy, weights, T)
    # Rows of one rung count as equally heavy, which their multiplicities are not.
    assert ladder.n99(T) == pytest.approx(n_covering(p), rel=0.05)
