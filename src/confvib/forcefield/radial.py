"""Functions of the interatomic distance: radial basis and cutoff."""

import math

import jax.numpy as jnp
import numpy as np
from jax import Array


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
