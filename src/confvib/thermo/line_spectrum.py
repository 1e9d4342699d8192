"""Normal modes as a density of states on a grid, with the line shape of a run."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    increasing_positive,
    positive_scalar,
    trapezoid_weights,
)

_REACH = 8.5
"""Line widths after which a Gaussian is below the rounding of its integral."""


def line_spectrum(
    frequencies_THz: ArrayLike, frequency_grid_THz: ArrayLike, resolution_THz: float
) -> tuple[FloatArray, float]:
    r"""Spread every mode over a grid as the estimator of a run's spectrum does.

    .. math:: g(\nu) = \sum_k \mathcal N(\nu; \nu_k, \sigma_\nu^2)
                            + \mathcal N(\nu; -\nu_k, \sigma_\nu^2), \quad
              g_j = \frac{1}{w_j} \int g(\nu)\,\Lambda_j(\nu)\,d\nu

    with the hat :math:`\Lambda_j` that is 1 at grid point j and 0 at its neighbours, and
    the trapezoidal weight w_j. The mirrored line is what a windowed autocorrelation,
    which is even in time, folds back at zero. Area and mean frequency are kept for any
    ratio of step and line width.

    Args:
        frequencies_THz: Frequencies of the modes, shape ``(K,)``.
        frequency_grid_THz: Common grid > 0, strictly increasing, shape ``(F,)``.
        resolution_THz: Standard deviation of the Gaussian line shape > 0.

    Returns:
        Density of states [1/THz], shape ``(F,)``, and the states from zero to the first
        grid point. With those above the last point they are the number of modes.

    Raises:
        GridError: The grid is not as described.
        ThermodynamicsError: A frequency is not finite or the line width not positive.

    Source: docs/formulation.md#spectrum, step 4; docs/formulation.md#averaged-spectra.
    """
    lines = finite_vector("frequencies_THz", frequencies_THz)
    grid = increasing_positive("frequency_grid_THz", frequency_grid_THz)
    sigma = positive_scalar("resolution_THz", resolution_THz)
    mirrored = -lines[lines < _REACH * sigma]
    both = np.concatenate([lines, mirrored])
    # Sharp lines first, then what their width changes, which ends after a few widths.
    inside = lines[(lines >= grid[0]) & (lines <= grid[-1])]
    place = np.interp(inside, grid, np.arange(grid.size))
    left = np.minimum(place.astype(np.intp), grid.size - 2)
    states = np.bincount(left, 1 - place + left, grid.size)
    states += np.bincount(left + 1, place - left, grid.size)
    x = (grid - both[:, None]) / sigma  # (lines, F)
    near = np.abs(x) < _REACH
    u = np.abs(x[near])
    smear = np.zeros_like(x)
    smear[near] = sigma * (np.exp(-0.5 * u**2) / math.sqrt(2 * math.pi) - u * ndtr(-u))
    slope = np.diff(smear.sum(axis=0)) / np.diff(grid)
    below = ndtr(x[:, [0, -1]]).sum(axis=0)  # of whole lines, from minus infinity
    moved = below - np.sum(x[:, [0, -1]] > 0, axis=0)
    states += np.diff(slope, prepend=moved[0], append=moved[1])
    # Of each mirrored pair, one line's worth lies below zero.
    return states / trapezoid_weights(grid), float(below[0]) - mirrored.size
