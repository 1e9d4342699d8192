"""Real spherical harmonics of degrees 0 to 3 and their rotation-invariant contraction."""

import math

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike


def n_components(degrees: tuple[int, ...]) -> int:
    """Count the components of the given degrees: sum of 2 l + 1.

    Args:
        degrees: Degrees l >= 0.

    Returns:
        Number of components.
    """
    return sum(2 * degree + 1 for degree in degrees)


def degree_of_component(degrees: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Build the 0/1 matrix ``(L, M)`` that copies one value per degree to its components.

    Args:
        degrees: Degrees l >= 0.
        dtype: Type of the result.

    Returns:
        The matrix; L degrees, M components.
    """
    sizes = [2 * degree + 1 for degree in degrees]
    return jnp.asarray(np.repeat(np.eye(len(degrees)), sizes, axis=1), dtype)


def spherical_harmonics(unit_vectors: Array, degrees: tuple[int, ...]) -> Array:
    r"""Evaluate real orthonormal spherical harmonics, m = -l ... l within each degree.

    Normalised to :math:`\int Y_{lm}^2\,d\Omega = 1`, without Condon-Shortley phase, so
    that degree 1 reads (y, z, x).

    Args:
        unit_vectors: Unit vectors, ``(..., 3)``.
        degrees: Increasing degrees between 0 and 3.

    Returns:
        Dimensionless values, ``(..., n_components(degrees))``.

    Source: paper eq 10; docs/formulation.md#force-field.
    """
    x, y, z = unit_vectors[..., 0], unit_vectors[..., 1], unit_vectors[..., 2]
    by_degree = (_degree_0, _degree_1, _degree_2, _degree_3)
    values = [value for degree in degrees for value in by_degree[degree](x, y, z)]
    return jnp.stack(values, axis=-1)


def contract(vectors: Array, degrees: tuple[int, ...]) -> Array:
    r"""Contract every degree to its rotation-invariant l = 0 part.

    .. math:: L_0(v)_l = \frac{1}{\sqrt{2l+1}} \sum_m v_{lm}^2

    Args:
        vectors: Components as of :func:`spherical_harmonics`, ``(..., M)``.
        degrees: Their degrees.

    Returns:
        Invariants, ``(..., len(degrees))``.

    Source: paper eq 15 (its ref 74, eq 14); docs/formulation.md#force-field.
    """
    members = degree_of_component(degrees, vectors.dtype)  # (L, M)
    norms = jnp.asarray(
        [1.0 / math.sqrt(2 * degree + 1) for degree in degrees], vectors.dtype
    )
    return vectors**2 @ (members * norms[:, None]).T


def _degree_0(x: Array, _y: Array, _z: Array) -> list[Array]:
    return [jnp.full_like(x, 0.5 / math.sqrt(math.pi))]


def _degree_1(x: Array, y: Array, z: Array) -> list[Array]:
    norm = math.sqrt(3 / (4 * math.pi))
    return [norm * y, norm * z, norm * x]


def _degree_2(x: Array, y: Array, z: Array) -> list[Array]:
    norm = math.sqrt(15 / math.pi) / 2
    axial = math.sqrt(5 / math.pi) / 4
    return [
        norm * x * y,
        norm * y * z,
        axial * (3 * z**2 - 1),
        norm * x * z,
        norm / 2 * (x**2 - y**2),
    ]


def _degree_3(x: Array, y: Array, z: Array) -> list[Array]:
    a = math.sqrt(35 / (2 * math.pi)) / 4
    b = math.sqrt(105 / math.pi) / 4
    c = math.sqrt(21 / (2 * math.pi)) / 4
    e = math.sqrt(7 / math.pi) / 4
    return [
        a * y * (3 * x**2 - y**2),
        2 * b * x * y * z,
        c * y * (5 * z**2 - 1),
        e * z * (5 * z**2 - 3),
        c * x * (5 * z**2 - 1),
        b * z * (x**2 - y**2),
        a * x * (x**2 - 3 * y**2),
    ]
