import numpy as np
import pytest

from confvib.figures.density import broadened_spectrum, kernel_density


def test_density_has_area_one_and_the_moments_of_the_sample(rng):
    values, weights = rng.normal(3.0, 2.0, 400), rng.uniform(1, 2, 400)
    grid, density = kernel_density(values, weights, n_points=2000)
    mean = np.average(values, weights=weights)
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
    assert np.trapezoid(density * grid, grid) == pytest.approx(mean, abs=1e-2)


def test_weights_count_as_repeated_rows_up_to_the_kernel_width():
    values = np.array([0.0] * 10 + [100.0] * 10)
    grid, density = kernel_density(values, np.repeat([1.0, 3.0], 10))
    left = np.trapezoid(np.where(grid < 50, density, 0), grid)
    even_grid, even = kernel_density(values, np.ones(20))
    assert left < np.trapezoid(np.where(even_grid < 50, even, 0), even_grid)
    assert np.trapezoid(density * grid, grid) == pytest.approx(75, abs=0.5)


@pytest.mark.parametrize("values", [np.arange(9.0), np.full(50, -8.8)])
def test_too_few_or_equal_values_have_no_density(values):
    assert kernel_density(values, np.ones(len(values))) is None


def test_broadened_spectrum_is_the_sum_of_gaussians(rng):
    lines = rng.uniform(20, 60, 30)
    grid, density = broadened_spectrum(lines, 1.5, 100.0)
    exact = np.exp(-0.5 * ((grid - lines[:, None]) / 1.5) ** 2).sum(axis=0)
    exact /= 1.5 * np.sqrt(2 * np.pi)
    assert density == pytest.approx(exact, abs=0.01 * exact.max())


def test_broadened_spectrum_counts_lines_from_zero_to_the_end(rng):
    lines = np.concatenate([rng.uniform(0.1, 80, 200), [-3.0, -1.0, 500.0]])
    grid, density = broadened_spectrum(lines, 1.0, 100.0)
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(200, rel=1e-9)
