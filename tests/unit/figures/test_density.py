import numpy as np
import pytest

from confvib.figures.density import kernel_density


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
