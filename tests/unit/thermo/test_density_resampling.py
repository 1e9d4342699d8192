"""Sets drawn from a density: the paper's arithmetic, and what smoothing does to Z."""

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.density_resampling import (
    resampled_canonical,
    resampled_published,
    smoothing_log_Z,
)
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.published import published_ensemble
from confvib.units import BOLTZMANN_EV_PER_K as KB

ASKED = {"n_atoms": 192, "seed": 5}


def test_paper_resampling_brings_the_published_entropy_back():
    energy = 0.09 * np.random.default_rng(8).normal(size=65_958)
    whole = published_ensemble(energy, 300.0, n_atoms=192).minus_TS_eV_per_atom
    found = resampled_published(energy, 300.0, n_subset=19_333, n_repeats=3, **ASKED)
    np.testing.assert_allclose(found.minus_TS_eV_per_atom, whole, rtol=5e-3)
    # Any density would: one of half the width does as well.
    narrow = resampled_published(
        0.5 * energy, 300.0, n_subset=19_333, n_repeats=3, **ASKED
    )
    np.testing.assert_allclose(narrow.minus_TS_eV_per_atom, whole, rtol=5e-3)


def test_kernels_raise_ln_Z_by_half_the_square_of_their_reduced_width():
    T = 900.0
    rng = np.random.default_rng(2)
    energy = -1505 + 0.1 * rng.normal(size=20_000)
    weights = rng.choice([48.0, 96.0], size=20_000)
    found = resampled_canonical(energy, weights, T, n_subset=300, n_repeats=40, **ASKED)
    expected = smoothing_log_Z(found.bandwidth_eV, T)
    assert expected.mean() == pytest.approx(
        0.5 * (0.1 * 300**-0.2 / (KB * T)) ** 2, rel=0.1
    )
    error = found.log_Z_shift.std() / np.sqrt(40)
    assert expected.mean() > 10 * error
    assert found.log_Z_shift.mean() == pytest.approx(expected.mean(), abs=4 * error)
    # -TS rises, the entropy falls, by the same k_B T (βh)²/2.
    whole = canonical_ensemble(energy, weights, T, n_atoms=192)
    raised = found.minus_TS_eV_per_atom * 192 - whole.minus_TS_eV
    scatter = raised.std() / np.sqrt(40)
    assert raised.mean() == pytest.approx(KB * T * expected.mean(), abs=4 * scatter)


def test_a_smooth_Gaussian_is_a_wider_Gaussian():
    # ln Z = ln(n w) - βμ + β²(σ² + h²)/2, all in closed form.
    T, sigma = 1500.0, 0.05
    energy = sigma * np.random.default_rng(4).normal(size=50_000)
    found = resampled_canonical(
        energy, np.full(50_000, 2.0), T, n_subset=2_000, n_repeats=20, **ASKED
    )
    beta = 1 / (KB * T)
    width2 = sigma**2 + found.bandwidth_eV**2
    expected = -(np.log(1e5) + 0.5 * beta**2 * width2) / beta
    assert (found.G_eV_per_atom * 192).mean() == pytest.approx(
        expected.mean(), abs=0.02 / beta
    )


@pytest.mark.parametrize("n_subset", [1, 3])
def test_one_energy_has_no_density(n_subset):
    message = f"{n_subset} row(s) of one energy, -2 eV: expected at least two energies"
    for call in (
        lambda: resampled_published(
            [-2.0] * 9, 300.0, n_subset=n_subset, n_repeats=2, **ASKED
        ),
        lambda: resampled_canonical(
            [-2.0] * 9, [1.0] * 9, 300.0, n_subset=n_subset, n_repeats=2, **ASKED
        ),
    ):
        with pytest.raises(ThermodynamicsError) as caught:
            call()
        assert str(caught.value) == (message + " that differ, or a density has no width")
