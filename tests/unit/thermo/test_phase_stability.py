"""Differences of phases and the temperature at which neither wins."""

import numpy as np
import pytest

from confvib.errors import GridError, ThermodynamicsError
from confvib.thermo.phase_stability import crossings, difference

T = np.array([300.0, 600, 900, 1200, 1500])


def test_independent_errors_add_in_quadrature():
    assert difference((-8.0, 0.3), (-8.5, 0.4)) == pytest.approx((0.5, 0.5))
    value, stderr = difference((-8.0, 0.3), (-8.5, float("nan")))
    assert value == 0.5
    assert np.isnan(stderr)


def test_two_phases_of_constant_entropy_cross_where_energies_over_entropies_say():
    # U_1 - U_2 = 18 meV, S_1 - S_2 = 0.02 meV/K: the first wins above 900 K.
    delta = 1e-3 * (18 - 0.02 * T)
    (one,) = crossings(T + 50, delta - 1e-3, np.full(5, 5e-4))
    assert one.temperature_K == pytest.approx(900.0)
    assert one.slope_eV_per_K == pytest.approx(-2e-5)
    assert one.stderr_K == pytest.approx(25.0)
    assert not one.first_below


def test_two_points_make_a_straight_line():
    (one,) = crossings([300, 1500], [-0.1, 0.2], [0.01, 0.04])
    assert one.temperature_K == pytest.approx(700.0)
    assert one.stderr_K == pytest.approx(0.02 / 2.5e-4)
    assert one.first_below


@pytest.mark.parametrize("shift", [0.0, 1e-12, -1e-12])
def test_a_point_on_zero_is_one_crossing(shift):
    found = crossings(T, np.array([-2.0, -1, 0, 1, 2]) + shift, np.zeros(5))
    assert [each.temperature_K for each in found] == pytest.approx([900.0])


def test_a_curve_that_touches_zero_does_not_cross():
    assert crossings(T, [2.0, 1, 0, 1, 2], np.zeros(5)) == ()
    assert crossings(T, [1.0, 2, 3, 4, 5], np.zeros(5)) == ()


def test_a_curve_that_comes_back_crosses_twice():
    found = crossings(T, [1.0, -1, -2, -1, 1], np.zeros(5))
    assert len(found) == 2
    assert [each.first_below for each in found] == [False, True]
    assert 300 < found[0].temperature_K < 600
    assert 1200 < found[1].temperature_K < 1500


def test_a_debye_and_an_einstein_solid_cross_where_a_fine_grid_does():
    grid = np.linspace(250, 1600, 20_001)

    def delta(temperature_K):
        kT = 8.617333262e-5 * temperature_K
        low, high = 0.02, 0.022
        soft = kT * np.log(2 * np.sinh(low / (2 * kT)))
        hard = kT * np.log(2 * np.sinh(high / (2 * kT)))
        return 0.005 + soft - hard

    exact = grid[np.argmin(np.abs(delta(grid)))]
    (one,) = crossings(T, delta(T), np.full(5, 1e-5))
    assert one.temperature_K == pytest.approx(exact, abs=1.0)
    step = (delta(exact + 1) - delta(exact - 1)) / 2
    assert one.slope_eV_per_K == pytest.approx(step, rel=0.02)


def test_an_unknown_error_leaves_the_temperature():
    (one,) = crossings(T, [-2.0, -1, 1, 2, 3], [0.1, np.nan, 0.1, 0.1, 0.1])
    assert one.temperature_K == pytest.approx(750.0, abs=30)
    assert np.isnan(one.stderr_K)


@pytest.mark.parametrize(
    ("temperatures", "delta", "error", "message"),
    [
        ([300], [1.0], GridError, "expected at least two, increasing"),
        ([300, 300], [1.0, 2], GridError, "expected at least two, increasing"),
        ([300, 600], [1.0, np.nan], ThermodynamicsError, "non-finite"),
        ([300, 600, 900], [1.0, 2], ThermodynamicsError, "expected one"),
    ],
)
def test_nonsense_is_refused(temperatures, delta, error, message):
    with pytest.raises(error, match=message):
        crossings(temperatures, delta, np.zeros(len(delta)))
