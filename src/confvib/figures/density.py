"""Smooth densities: weighted kernel estimates."""

import numpy as np
from scipy.stats import gaussian_kde

# With fewer rows a kernel estimate shows the kernel and not the data.
MIN_ROWS_FOR_DENSITY = 10


def kernel_density(
    values: np.ndarray, weights: np.ndarray, n_points: int = 400
) -> tuple[np.ndarray, np.ndarray] | None:
    r"""Estimate a weighted density with Gaussian kernels of Scott's width.

    .. math:: p(x) = \sum_i w_i\, \mathcal{N}(x; x_i, s^2) / \sum_i w_i

    Args:
        values: Sample in any unit, shape ``(B,)``.
        weights: Weights > 0, shape ``(B,)``.
        n_points: Length of the returned grid.

    Returns:
        Grid and density [1/unit of values], area 1; None for fewer than
        ``MIN_ROWS_FOR_DENSITY`` values or values that are all the same.
    """
    if len(values) < MIN_ROWS_FOR_DENSITY or np.ptp(values) == 0:
        return None
    kernel = gaussian_kde(values, weights=weights)
    margin = 4 * float(np.sqrt(kernel.covariance[0, 0]))
    grid = np.linspace(values.min() - margin, values.max() + margin, n_points)
    return grid, kernel(grid)
