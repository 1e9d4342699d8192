"""From any start to a true minimum, and an honest word where there is none."""

import jax.numpy as jnp
import numpy as np
import pytest

from confvib.dynamics.basin import quench
from confvib.dynamics.state import Status, statuses
from confvib.dynamics.stationary import StationarySettings, minimise_to_stationary
from confvib.errors import DynamicsError

SETTINGS = StationarySettings(fmax_eV_per_A=1e-6, max_steps=500)


def well(side):
    """Return d and the energy of a minimum of the double well.

    Atoms 0 and 1 of a ring of six: the direct spring k and five in series, k/5, hold d.
    Stationary where (k + k/5 - a) + c d + b d² = 0 with k = 2, a = 6, b = 20, c = 2.
    """
    d = (-2.0 + side * np.sqrt(2.0**2 + 4 * 20.0 * 3.6)) / (2 * 20.0)
    return d, -1.8 * d**2 + 2.0 * d**3 / 3 + 5.0 * d**4


@pytest.fixture(scope="module")
def from_saddle(double_well):
    start = np.stack([double_well.positions] * 3)
    start[1, 0, 1] += 0.3  # off the saddle: goes down to the nearer, higher minimum
    start[2, 4, 2] = np.nan
    return minimise_to_stationary(
        double_well.energy_fn, start, double_well.masses_amu, SETTINGS
    )


def test_escapes_a_saddle(from_saddle):
    assert statuses(from_saddle.status) == [Status.OK, Status.OK, Status.NAN]
    np.testing.assert_array_equal(from_saddle.n_imaginary, [0, 0, -1])
    np.testing.assert_array_equal(from_saddle.n_mode_followings, [1, 0, 0])
    assert (from_saddle.fmax_eV_per_A[:2] <= 1e-6).all()


def test_the_lower_side_is_kept(from_saddle):
    split = from_saddle.positions[:2, 0, 1] - from_saddle.positions[:2, 1, 1]
    (lower, lower_eV), (higher, higher_eV) = well(-1), well(+1)
    assert lower_eV < higher_eV
    np.testing.assert_allclose(split, [lower, higher], atol=1e-6)
    np.testing.assert_allclose(
        from_saddle.energy_eV[:2], [lower_eV, higher_eV], atol=1e-10
    )


def test_a_failed_cell_has_nan_modes(from_saddle):
    assert np.isnan(from_saddle.frequencies_THz[2]).all()
    assert np.isfinite(from_saddle.frequencies_THz[:2]).all()
    assert (from_saddle.sum_rule_residual[:2] < 1e-12).all()


def test_a_saddle_that_is_not_followed_is_counted(double_well):
    settings = StationarySettings(
        fmax_eV_per_A=1e-6, max_steps=500, max_mode_followings=0
    )
    found = minimise_to_stationary(
        double_well.energy_fn,
        double_well.positions[None],
        double_well.masses_amu,
        settings,
    )
    assert statuses(found.status) == [Status.IMAGINARY_MODES]
    assert found.n_imaginary[0] == 1
    assert found.frequencies_THz[0, 0] < -1
    np.testing.assert_array_equal(found.positions[0], double_well.positions)


def test_the_step_limit_is_reported_with_its_modes(lattice):
    settings = StationarySettings(fmax_eV_per_A=1e-9, max_steps=1)
    found = minimise_to_stationary(
        lattice.energy_fn, lattice.rattled(2, 0.2), lattice.masses_amu, settings
    )
    assert statuses(found.status) == [Status.UNCONVERGED] * 2
    assert found.fmax_eV_per_A[0] > 1e-3
    assert found.n_imaginary[0] == 0


def test_quench_tells_the_other_well(double_well, from_saddle):
    minimum = from_saddle.positions[1]
    other = from_saddle.positions[0]
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.02, size=(3, *minimum.shape))
    frames = np.stack([minimum, other, minimum + np.array([0.0, 5.0, 0.0])]) + noise
    found = quench(
        double_well.energy_fn,
        np.stack([minimum] * 3),
        frames,
        fmax_eV_per_A=1e-6,
        max_steps=500,
    )
    assert statuses(found.status) == [Status.OK, Status.LEFT_BASIN, Status.OK]
    (lower, lower_eV), (higher, higher_eV) = well(-1), well(+1)
    np.testing.assert_allclose(
        found.energy_difference_eV, [0, lower_eV - higher_eV, 0], atol=1e-9
    )
    # d changes by the distance of the wells, half on atom 0 and half on atom 1.
    assert found.displacement_max_A[1] == pytest.approx((higher - lower) / 2, abs=1e-5)
    np.testing.assert_allclose(found.displacement_max_A[[0, 2]], 0, atol=1e-5)


def test_a_start_short_of_its_minimum_is_quenched_too(double_well, from_saddle):
    minimum = from_saddle.positions[1]
    slope = np.zeros_like(minimum)
    slope[0, 1] = 0.05
    found = quench(
        double_well.energy_fn,
        (minimum + slope)[None],
        minimum[None],
        fmax_eV_per_A=1e-6,
        max_steps=500,
    )
    assert statuses(found.status) == [Status.OK]
    np.testing.assert_allclose(found.energy_difference_eV, 0, atol=1e-9)
    np.testing.assert_allclose(found.displacement_max_A, 0, atol=1e-5)


def test_a_quench_that_fails_has_no_numbers(double_well, from_saddle):
    minimum = from_saddle.positions[1]
    far = minimum + np.random.default_rng(1).normal(scale=0.1, size=minimum.shape)
    lost = minimum.copy()
    lost[2, 0] = np.nan
    found = quench(
        double_well.energy_fn,
        np.stack([minimum, minimum, lost, minimum]),
        np.stack([far, lost, minimum, minimum]),
        fmax_eV_per_A=1e-5,
        max_steps=2,
    )
    failed = [Status.UNCONVERGED, Status.NAN, Status.NAN]
    assert statuses(found.status) == [*failed, Status.OK]
    known = np.isfinite([found.energy_difference_eV, found.displacement_max_A])
    np.testing.assert_array_equal(known, [[False] * 3 + [True]] * 2)


def test_quench_refuses_other_cells(double_well):
    one = jnp.asarray(double_well.positions)[None]
    with pytest.raises(DynamicsError, match=r"\(1, 6, 3\), last_frames \(1, 5, 3\)"):
        quench(double_well.energy_fn, one, one[:, :5], fmax_eV_per_A=1e-3, max_steps=9)
