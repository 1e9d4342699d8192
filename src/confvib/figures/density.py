"""Smooth densities: weighted kernel estimates and broadened line spectra."""

import numpy as np
from scipy.ndimage import gaussian_filter1d
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


def broadened_spectrum(
    lines: np.ndarray, width: float, upper: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Replace every line at or above zero by a Gaussian of area 1.

    .. math:: g(x) = \sum_{x_k \geq 0} \mathcal{N}(x; x_k, \sigma^2)

    Lines are first sorted into bins of σ/32, which moves each by at most σ/64: 10^8 modes
    take no longer than a thousand.

    Args:
        lines: Line positions in any unit, any shape; negative ones are not drawn.
        width: σ > 0, in the unit of the lines.
        upper: End of the grid, which begins at zero; lines above it are not drawn.

    Returns:
        Grid from 0 to ``upper`` and density [lines per unit]; what the Gaussians carry
        below zero is folded back, so that the area is the number of lines drawn.
    """
    step = width / 32
    edges = np.arange(0.0, upper + step, step)
    counts, _ = np.histogram(lines, bins=edges)
    smooth = gaussian_filter1d(counts / step, sigma=32.0, mode="reflect")
    return (edges[:-1] + edges[1:]) / 2, smooth
