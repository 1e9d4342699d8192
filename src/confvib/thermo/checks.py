"""Guards shared by the functionals: each message names the value found and expected."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confvib.errors import GridError, ThermodynamicsError

FloatArray = NDArray[np.float64]


def finite_vector(name: str, values: ArrayLike) -> FloatArray:
    """Return ``values`` as a non-empty, finite float64 vector.

    Args:
        name: Name of the quantity, with its unit, for the message.
        values: Anything of shape ``(n,)``, n >= 1.

    Returns:
        The values, shape ``(n,)``.

    Raises:
        ThermodynamicsError: Wrong shape, no value, or a value that is not finite.
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or vector.size == 0:
        raise ThermodynamicsError(
            f"{name} has shape {vector.shape}, expected a non-empty vector (n,)"
        )
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        raise ThermodynamicsError(
            f"{name} has {bad.size} non-finite value(s), the first is"
            f" {vector[bad[0]]} at row {bad[0]}; select the rows that are ok first"
        )
    return vector


def matching_vector(name: str, values: ArrayLike, length: int) -> FloatArray:
    """Return ``values`` as a finite vector of the given length.

    Args:
        name: Name of the quantity, with its unit, for the message.
        values: Anything of shape ``(n,)``.
        length: The n expected.

    Returns:
        The values, shape ``(n,)``.

    Raises:
        ThermodynamicsError: Wrong shape or length, or a value that is not finite.
    """
    vector = finite_vector(name, values)
    if vector.size != length:
        raise ThermodynamicsError(f"{name}: found {vector.size} rows, expected {length}")
    return vector


def positive_weights(name: str, values: ArrayLike, length: int) -> FloatArray:
    """Return ``values`` as a finite vector of positive weights.

    Args:
        name: Name of the weights, for the message.
        values: Weights > 0, shape ``(n,)``.
        length: The n expected.

    Returns:
        The weights, shape ``(n,)``.

    Raises:
        ThermodynamicsError: Wrong length, or a weight that is not finite and > 0.
    """
    weights = matching_vector(name, values, length)
    if weights.min() <= 0:
        raise ThermodynamicsError(f"{name}: found {weights.min()}, expected > 0")
    return weights


def positive_scalar(name: str, value: float) -> float:
    """Return ``value`` if it is finite and above zero.

    Args:
        name: Name of the quantity, with its unit, for the message.
        value: A number > 0.

    Returns:
        The value.

    Raises:
        ThermodynamicsError: The value is zero, negative or not finite.
    """
    if not (np.isfinite(value) and value > 0):
        raise ThermodynamicsError(f"{name} is {value}, expected a finite value > 0")
    return float(value)


def increasing_positive(name: str, values: ArrayLike) -> FloatArray:
    """Return ``values`` as a strictly increasing grid of positive numbers.

    Args:
        name: Name of the grid, with its unit, for the message.
        values: At least two numbers, shape ``(F,)``.

    Returns:
        The grid, shape ``(F,)``.

    Raises:
        GridError: Fewer than two points, a value <= 0 or not finite, or a step <= 0.
    """
    grid = np.asarray(values, dtype=np.float64)
    if grid.ndim != 1 or grid.size < 2:
        raise GridError(f"{name} has shape {grid.shape}, expected (F,) with F >= 2")
    if not (np.all(np.isfinite(grid)) and grid[0] > 0):
        raise GridError(f"{name} starts at {grid[0]}, expected finite values > 0")
    falling = np.flatnonzero(np.diff(grid) <= 0)
    if falling.size:
        i = int(falling[0])
        raise GridError(
            f"{name} is not strictly increasing:"
            f" point {i} is {grid[i]}, point {i + 1} is {grid[i + 1]}"
        )
    return grid


def trapezoid_weights(grid: FloatArray) -> FloatArray:
    r"""Return the weights :math:`w_i` of :math:`\int f\,d\nu \approx \sum_i w_i f_i`.

    Args:
        grid: Strictly increasing points, shape ``(F,)``.

    Returns:
        Weights in the unit of the grid, shape ``(F,)``.
    """
    weights = np.zeros_like(grid)
    half_steps = 0.5 * np.diff(grid)
    weights[:-1] += half_steps
    weights[1:] += half_steps
    return weights
