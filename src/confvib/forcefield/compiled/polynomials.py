"""Smooth functions of one variable as piecewise polynomials on equal cells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from numpy.typing import NDArray

from confvib.errors import ModelError

DEGREE = 5
"""Degree of the polynomials: six coefficients per cell and function."""

FEWEST_CELLS, MOST_CELLS = 64, 8192

VectorFunction: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Abscissae ``(n,)`` to values ``(n, ...)``, both float64."""


@dataclass(frozen=True)
class PiecewisePolynomial:
    """Values of many functions of one variable.

    Attributes:
        start: Lower end of the range.
        stop: Upper end of the range.
        coefficients: Of powers of u in [-1, 1] across a cell,
            ``(DEGREE + 1, rows, cells, functions)`` float64. A row is one choice among
            several sets of functions.
    """

    start: float
    stop: float
    coefficients: NDArray[np.float64]

    @property
    def n_cells(self) -> int:
        """Number of equal cells between start and stop."""
        return self.coefficients.shape[2]

    @property
    def n_functions(self) -> int:
        """Number of functions."""
        return self.coefficients.shape[3]

    def evaluator(self, dtype: DTypeLike) -> Callable[[Array, Array | None], Array]:
        """Prepare the evaluation on the device.

        The coefficients of a cell are computed in float64 and rounded once: values and
        slopes are then as accurate as ``dtype`` allows. Interpolating rounded values
        instead would lose the slope to cancellation.

        Args:
            dtype: Type of the evaluation.

        Returns:
            Function of abscissae ``(P,)`` and rows ``(P,)`` int32 (None for a single row)
            that gives ``(P, functions)``, twice differentiable in the abscissae. Beyond
            the ends it continues the outermost polynomial, which means nothing.
        """
        powers, rows, cells, width = self.coefficients.shape
        table = self.coefficients.reshape(powers, rows * cells, width)
        tables = [jnp.asarray(level, dtype) for level in table]
        slopes = [power * level for power, level in enumerate(tables)][1:]
        per_unit = float(cells / (self.stop - self.start))
        ones = jnp.ones((1, width), dtype)

        def evaluate(abscissa: Array, row: Array | None) -> Array:
            scaled = (abscissa - self.start) * per_unit
            whole = jax.lax.stop_gradient(scaled).astype(jnp.int32)
            cell = jnp.clip(whole, 0, cells - 1)
            index = cell if row is None else row * cells + cell

            @jax.custom_jvp
            def value(u: Array) -> Array:
                return _horner(tables, index, u)

            @value.defjvp
            def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
                # One array of slopes instead of one residual per power. The product with
                # ones turns into a matrix product when it is transposed, which is much
                # faster on a processor than a sum over a short axis.
                slope = _horner(slopes, index, primals[0])
                spread = jnp.matmul(
                    tangents[0][:, None], ones, precision=jax.lax.Precision.HIGHEST
                )
                return value(primals[0]), slope * spread

            return value(2.0 * (scaled - cell) - 1.0)

        return evaluate


def _horner(tables: list[Array], index: Array, u: Array) -> Array:
    rows = [table.at[index].get(mode="promise_in_bounds") for table in tables]
    total = rows[-1]
    for row in rows[-2::-1]:
        total = total * u[:, None] + row
    return total


def tabulate(
    function: VectorFunction, start: float, stop: float, *, tolerance: float
) -> PiecewisePolynomial:
    """Interpolate functions at the Chebyshev nodes of as many cells as they need.

    Args:
        function: Abscissae to values ``(n, functions)`` or ``(n, rows, functions)``.
        start: Lower end of the range.
        stop: Upper end of the range.
        tolerance: Largest error between the nodes, relative to the largest value.

    Returns:
        The polynomials; cells are doubled until the tolerance is kept.

    Raises:
        ModelError: The functions need more than ``MOST_CELLS`` cells.
    """
    n_cells = FEWEST_CELLS
    while True:
        fitted = _interpolated(function, start, stop, n_cells)
        error = _largest_error(fitted, function)
        if error <= tolerance:
            return fitted
        if n_cells >= MOST_CELLS:
            raise ModelError(
                f"the radial filters vary too fast to be tabulated: {n_cells} cells "
                f"leave a relative error of {error:.1e}, expected at most {tolerance:.1e}"
            )
        n_cells *= 2


def _interpolated(
    function: VectorFunction, start: float, stop: float, n_cells: int
) -> PiecewisePolynomial:
    nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    values = function(_within_cells(start, stop, n_cells, nodes).ravel())
    values = values.reshape(n_cells, DEGREE + 1, -1, values.shape[-1])
    vandermonde = np.vander(nodes, increasing=True)
    coefficients = np.einsum("pk,ckrf->prcf", np.linalg.inv(vandermonde), values)
    return PiecewisePolynomial(start, stop, coefficients)


def _largest_error(fitted: PiecewisePolynomial, function: VectorFunction) -> float:
    between = np.array([-1.0, -0.55, 0.1, 0.65])
    at = _within_cells(fitted.start, fitted.stop, fitted.n_cells, between)
    exact = function(at.ravel())
    exact = exact.reshape(fitted.n_cells, len(between), -1, exact.shape[-1])
    powers = np.vander(between, DEGREE + 1, increasing=True)
    found = np.einsum("kp,prcf->ckrf", powers, fitted.coefficients)
    scale = np.abs(exact).max()
    return float(np.abs(found - exact).max() / scale) if scale > 0 else 0.0


def _within_cells(
    start: float, stop: float, n_cells: int, u: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the abscissae at u in [-1, 1] of every cell, ``(n_cells, len(u))``."""
    middles = np.arange(n_cells) + 0.5
    return start + (stop - start) / n_cells * (middles[:, None] + 0.5 * u)
