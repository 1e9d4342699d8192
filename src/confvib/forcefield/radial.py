"""Functions of the interatomic distance: radial bases and cutoffs."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.special import gammaln

BERNSTEIN_DECAY_PER_A = float(np.float32(0.9448630629184640))
"""Decay of the exponential in the Bernstein basis [1/Å]; mlff keeps it in float32."""


class Basis(Protocol):
    """A radial basis without parameters."""

    def __call__(self, distance_A: Array, *, cutoff_A: float, n_functions: int) -> Array:
        """Expand distances ``(...)`` [Å] to ``(..., n_functions)``."""
        ...


def radial_basis(distance_A: Array, *, cutoff_A: float, n_functions: int) -> Array:
    r"""Expand distances in Gaussians of exp(-d), the ``phys`` basis of mlff.

    .. math:: g_k(d) = \exp[-b\,(e^{-d} - \mu_k)^2], \quad
              b = \left[\tfrac{2}{K}(1 - e^{-r_c})\right]^{-2}

    with K centres mu_k spaced evenly from exp(-r_c) to 1. It has no parameters, and the
    cutoff function does not multiply it.

    Args:
        distance_A: Distances [Å], any shape ``(...)``.
        cutoff_A: Cutoff radius r_c [Å].
        n_functions: Number of functions.

    Returns:
        Dimensionless basis values, ``(..., n_functions)``.

    Source: Unke & Meuwly, J. Chem. Theory Comput. 15, 3678 (2019), eq 7;
        docs/formulation.md#force-field.
    """
    nearest = math.exp(-cutoff_A)
    centres = jnp.asarray(np.linspace(nearest, 1.0, n_functions), distance_A.dtype)
    width = (2.0 / n_functions * (1.0 - nearest)) ** -2
    return jnp.exp(-width * (jnp.exp(-distance_A)[..., None] - centres) ** 2)


def bernstein_basis(distance_A: Array, *, cutoff_A: float, n_functions: int) -> Array:
    r"""Expand distances in Bernstein polynomials of a decaying exponential.

    .. math:: g_k(d) = \binom{K-1}{k}\,x^k\,(1 - x)^{K-1-k}, \quad x = e^{-\gamma d}

    Evaluated through logarithms, because both factors underflow.

    Args:
        distance_A: Distances [Å], > 0, any shape ``(...)``.
        cutoff_A: Not used: the basis has its own length 1/gamma.
        n_functions: Number of functions K.

    Returns:
        Dimensionless basis values, ``(..., n_functions)``.

    Source: Unke et al., Nat. Commun. 12, 7273 (2021), SpookyNet, with gamma fixed.
    """
    del cutoff_A
    order = np.arange(n_functions)
    rest = n_functions - 1 - order
    log_binomial = gammaln(n_functions) - gammaln(order + 1) - gammaln(rest + 1)
    dtype = distance_A.dtype
    log_x = -BERNSTEIN_DECAY_PER_A * distance_A[..., None]
    log_rest = jnp.log(-jnp.expm1(log_x))
    return jnp.exp(
        jnp.asarray(log_binomial, dtype)
        + jnp.asarray(order, dtype) * log_x
        + jnp.asarray(rest, dtype) * log_rest
    )


def bessel_basis(distance_A: Array, *, cutoff_A: float, n_functions: int) -> Array:
    r"""Expand distances in spherical Bessel functions that vanish at the cutoff.

    .. math:: g_k(d) = \sin(\pi k d / r_c) / d, \quad k = 0 \ldots K - 1

    As in mlff k starts at 0, so the first function is zero and K - 1 carry information.

    Args:
        distance_A: Distances [Å], > 0, any shape ``(...)``.
        cutoff_A: Cutoff radius r_c [Å].
        n_functions: Number of functions K.

    Returns:
        Basis values [1/Å], ``(..., n_functions)``.

    Source: Gasteiger et al., ICLR 2020 (arXiv 2003.03123), without the prefactor.
    """
    order = jnp.asarray(math.pi / cutoff_A * np.arange(n_functions), distance_A.dtype)
    return jnp.sin(order * distance_A[..., None]) / distance_A[..., None]


BASES: Mapping[str, Basis] = {
    "phys": radial_basis,
    "bernstein": bernstein_basis,
    "bessel": bessel_basis,
}
"""Radial bases without parameters, by their name in the settings."""


class LearnedGaussians(nn.Module):
    r"""Gaussians of the distance with learned centres and widths, mlff's ``rbf``.

    .. math:: g_k(d) = \exp[-(d - c_k)^2 / 2 w_k^2]

    The centres start evenly spaced from 0 to the cutoff, the widths at their spacing.

    Attributes:
        functions: Number K of Gaussians.
        cutoff_A: Cutoff radius [Å].

    Source: Schütt et al., NeurIPS 2017 (SchNet), with learned parameters.
    """

    functions: int
    cutoff_A: float

    @nn.compact
    def __call__(self, distance_A: Array) -> Array:
        """Expand distances ``(..., 1)`` [Å] to ``(..., K)``."""
        start = np.linspace(0.0, self.cutoff_A, self.functions, dtype=np.float32)
        spacing = np.float32(self.cutoff_A / max(self.functions - 1, 1))
        centres = self.param("centers", lambda _key: jnp.asarray(start))
        widths = self.param("widths", lambda _key: jnp.full(start.shape, spacing))
        dtype = distance_A.dtype
        reduced = (distance_A - centres.astype(dtype)) / widths.astype(dtype)
        return jnp.exp(-0.5 * reduced**2)


def cosine_cutoff(distance_A: Array, *, cutoff_A: float) -> Array:
    r"""Switch smoothly from one at zero distance to zero at the cutoff.

    .. math:: \phi(d) = \tfrac12[\cos(\pi d / r_c) + 1] \text{ for } d < r_c,
              \text{ else } 0

    Value and slope vanish at the cutoff, so forces are continuous there.

    Args:
        distance_A: Distances [Å], any shape.
        cutoff_A: Cutoff radius r_c [Å].

    Returns:
        Dimensionless weights in [0, 1], same shape.

    Source: paper eqs 10, 12 and 13 (its ref 74, eq 17);
        docs/formulation.md#force-field.
    """
    switch = 0.5 * (jnp.cos(distance_A * (math.pi / cutoff_A)) + 1.0)
    return jnp.where(distance_A < cutoff_A, switch, 0.0)


def polynomial_cutoff(distance_A: Array, *, cutoff_A: float) -> Array:
    r"""Switch from one to zero by a polynomial, mlff's ``phys``.

    .. math:: \phi(d) = 1 - 6x^5 + 15x^4 - 10x^3, \quad x = d / r_c < 1

    Value, slope and curvature vanish at the cutoff.

    Args:
        distance_A: Distances [Å], any shape.
        cutoff_A: Cutoff radius r_c [Å].

    Returns:
        Dimensionless weights in [0, 1], same shape.

    Source: Unke & Meuwly, J. Chem. Theory Comput. 15, 3678 (2019), PhysNet.
    """
    x = distance_A / cutoff_A
    switch = 1.0 - x**3 * (10.0 + x * (6.0 * x - 15.0))
    return jnp.where(distance_A < cutoff_A, switch, 0.0)


def exponential_cutoff(distance_A: Array, *, cutoff_A: float) -> Array:
    r"""Switch from one to zero with all derivatives continuous.

    .. math:: \phi(d) = \exp\left[-\frac{d^2}{(r_c - d)(r_c + d)}\right], \quad d < r_c

    Args:
        distance_A: Distances [Å], any shape.
        cutoff_A: Cutoff radius r_c [Å].

    Returns:
        Dimensionless weights in [0, 1], same shape.

    Source: Unke et al., Nat. Commun. 12, 7273 (2021), SpookyNet.
    """
    inside = distance_A < cutoff_A
    # The divisor vanishes at the cutoff: outside it must not be evaluated at all.
    safe_A = jnp.where(inside, distance_A, 0.0)
    switch = jnp.exp(-(safe_A**2) / ((cutoff_A - safe_A) * (cutoff_A + safe_A)))
    return jnp.where(inside, switch, 0.0)


CUTOFFS: Mapping[str, Callable[..., Any]] = {
    "cosine": cosine_cutoff,
    "phys": polynomial_cutoff,
    "exponential": exponential_cutoff,
}
"""Cutoff functions by their name in the settings."""
