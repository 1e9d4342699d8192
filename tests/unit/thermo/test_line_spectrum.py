import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from confvib.errors import GridError, ThermodynamicsError
from confvib.thermo.line_spectrum import line_spectrum
from confvib.thermo.spectrum import vibrational_spectrum

GRID = 0.1 * np.arange(1, 401)


@pytest.fixture
def lines():
    return np.random.default_rng(3).uniform(0.3, 25, 90)


def test_fine_grids_show_the_gaussians(lines):
    grid = 0.01 * np.arange(1, 4001)
    dos, _ = line_spectrum(lines, grid, 0.3)
    exact = norm.pdf(grid, lines[:, None], 0.3) + norm.pdf(grid, -lines[:, None], 0.3)
    assert dos[1:] == pytest.approx(exact.sum(axis=0)[1:], abs=2e-4 * dos.max())


@pytest.mark.parametrize("resolution_THz", [1e-3, 0.1, 0.3, 2.0])
def test_every_mode_is_counted_for_any_line_width(lines, resolution_THz):
    dos, below = line_spectrum(lines, GRID, resolution_THz)
    assert dos.min() >= -1e-12
    assert np.trapezoid(dos, GRID) + below == pytest.approx(90, rel=1e-12)


def test_the_mean_frequency_is_kept():
    dos, _ = line_spectrum([7.03, 11.58], 0.5 * np.arange(1, 80), 0.2)
    assert np.trapezoid(dos * 0.5 * np.arange(1, 80), dx=0.5) == pytest.approx(18.61)


def test_what_lies_below_and_above_the_grid_is_left_out():
    grid = np.array([1.0, 2.0, 4.0])
    dos, below = line_spectrum([0.5, 3.0, 9.0], grid, 0.4)
    # A line and its mirror image have in [0, 1] what the line has in [-1, 1].
    assert below == pytest.approx(norm.cdf(1.0, 0.5, 0.4) - norm.cdf(-1.0, 0.5, 0.4))

    def under_the_hat(nu):
        hat = np.interp(nu, grid, [0.0, 1.0, 0.0])
        return hat * norm.pdf(nu, [3.0, 0.5, -0.5], 0.4).sum()

    shared = quad(under_the_hat, 1, 4, points=[2])[0]
    assert dos[1] == pytest.approx(shared / 1.5, rel=1e-7)


def test_it_is_the_spectrum_of_a_run_of_the_same_oscillators():
    # Long harmonic run: its own tail, which falls with the length, is all that differs.
    nu = np.array([3.0, 7.4, 12.1])
    t_ps = 1e-3 * np.arange(60_000)
    velocities = np.zeros((t_ps.size, 2, 3))
    velocities[:, 0] = np.cos(2 * np.pi * nu * t_ps[:, None])
    velocities[:, 1] = -velocities[:, 0]
    run = vibrational_spectrum(
        velocities,
        [1.0, 1.0],
        [1, 1],
        sample_fs=1.0,
        temperature_K=300.0,
        frequency_grid_THz=GRID,
        resolution_THz=0.3,
    )
    dos, _ = line_spectrum(nu, GRID, 0.3)
    found = run.dos_per_THz * (3 / run.raw_area)
    assert found == pytest.approx(dos, abs=0.02 * dos.max())


@pytest.mark.parametrize(
    ("lines", "grid", "resolution_THz", "error", "message"),
    [
        ([1.0, np.nan], GRID, 0.3, ThermodynamicsError, "frequencies_THz has 1 non-fini"),
        ([1.0], GRID[::-1], 0.3, GridError, "not strictly increasing"),
        ([1.0], GRID, 0.0, ThermodynamicsError, "resolution_THz is 0.0, expected"),
    ],
)
def test_mistakes(lines, grid, resolution_THz, error, message):
    with pytest.raises(error, match=message):
        line_spectrum(lines, grid, resolution_THz)
