"""Euclidean attention: messages to the features and to the harmonic coordinates."""

import math
from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.linen.dtypes import promote_dtype
from jax import Array
from jax.typing import DTypeLike

from confvib.forcefield.harmonics import contract, degree_of_component
from confvib.forcefield.settings import FilterInputs

_PER_HEAD = nn.initializers.lecun_normal(batch_axis=(0,))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EdgeGeometry:
    """Geometry of all edges; shape letters N atoms, K slots, M harmonic components.

    Attributes:
        neighbors: Neighbour of each slot, ``(N, K)`` int32.
        cutoff: Cutoff function, zero in padding slots, ``(N, K)``.
        basis: Radial basis of the distance, ``(N, K, R)``; the bare distance [Å],
            ``(N, K, 1)``, where the network learns its basis.
        harmonics: Spherical harmonics of the direction, ``(N, K, M)``.
        distance_A: Distance [Å], ``(N, K)``; kept for the short-range repulsion alone.
    """

    neighbors: Array
    cutoff: Array
    basis: Array
    harmonics: Array
    distance_A: Array | None = None


def gather(per_atom: Array, neighbors: Array) -> Array:
    """Look up neighbours: ``(N, ...)`` and ``(N, K)`` to ``(N, K, ...)``."""
    return per_atom.at[neighbors].get(mode="promise_in_bounds")


def head_of_feature(features: int, heads: int, dtype: DTypeLike) -> Array:
    """Build the 0/1 matrix ``(F, H)`` that sums features over each head's slice.

    A product with it runs at matrix speed on every device, where a sum over a short last
    axis does not.

    Args:
        features: Width F.
        heads: Number H of contiguous slices.
        dtype: Type of the result.

    Returns:
        The matrix; its transpose copies a head's value to its features.
    """
    return jnp.asarray(np.repeat(np.eye(heads), features // heads, axis=0), dtype)


class PairFilter(nn.Module):
    r"""Filter of eq 15: one network of the distance plus one of the invariants.

    .. math:: w_{ij} = \phi_r(r_{ij}) + \phi_s\Big(\bigoplus_l
              (\chi_j - \chi_i)_{l \to 0}\Big)

    Attributes:
        features: Width F.
        angular: False leaves the second network out.

    Source: paper eq 15; docs/formulation.md#force-field.
    """

    features: int
    angular: bool = True

    @nn.compact
    def __call__(self, basis: Array, invariants: Array) -> Array:
        """Evaluate the filter.

        Args:
            basis: Radial basis, ``(N, K, R)``.
            invariants: Contracted differences, ``(N, K, L)``, or ``(L,)`` when they are
                the same on every edge.

        Returns:
            Filter weights, ``(N, K, F)``.
        """
        radial = nn.Dense(self.features, name="radial_hidden")(basis)
        radial = nn.Dense(self.features, name="radial_out")(nn.silu(radial))
        if not self.angular:
            return radial
        angular = nn.Dense(self.features // 4, name="angular_hidden")(invariants)
        angular = nn.Dense(self.features, name="angular_out")(nn.silu(angular))
        return radial + angular


class HeadwiseLinear(nn.Module):
    """Linear map of each head's contiguous slice of the features, without bias.

    Attributes:
        heads: Number H of slices.
    """

    heads: int

    @nn.compact
    def __call__(self, features: Array) -> Array:
        """Map ``(N, F)`` to ``(N, F)``."""
        width = features.shape[-1] // self.heads
        kernel = self.param("kernel", _PER_HEAD, (self.heads, width, width), jnp.float32)
        sliced = features.reshape(*features.shape[:-1], self.heads, width)
        sliced, kernel = promote_dtype(sliced, kernel)
        return jnp.einsum("nhf,hfg->nhg", sliced, kernel).reshape(features.shape)


class AttentionCoefficients(nn.Module):
    r"""Attention coefficients of eq 14 times the cutoff of eqs 12 and 13.

    .. math:: \phi_{cut}(r_{ij})\,\alpha^h_{ij}, \quad
              \alpha^h_{ij} = q_i^T (w_{ij} \odot k_j) / \sqrt{F_h}

    There is no softmax: the cutoff alone decides how a leaving neighbour fades. As in
    mlff the centre carries the query and the neighbour the key; eq 14 names them the
    other way round, which is the same function.

    Attributes:
        features: Width F.
        heads: Number H of heads; F_h = F / H.
        angular: Whether the filter sees the harmonic coordinates.
    """

    features: int
    heads: int
    angular: bool = True

    @nn.compact
    def __call__(self, x: Array, invariants: Array, edges: EdgeGeometry) -> Array:
        """Evaluate the coefficients.

        Args:
            x: Features, ``(N, F)``.
            invariants: See :class:`PairFilter`.
            edges: Geometry of the edges.

        Returns:
            Coefficients, ``(N, K, H)``.
        """
        query = HeadwiseLinear(self.heads, name="query")(x)
        key = HeadwiseLinear(self.heads, name="key")(x)
        weight = PairFilter(self.features, self.angular, name="filter")(
            edges.basis, invariants
        )
        scale = 1.0 / math.sqrt(self.features // self.heads)
        products = weight * gather(key, edges.neighbors) * (scale * query)[:, None]
        alpha = products @ head_of_feature(self.features, self.heads, x.dtype)
        return alpha * edges.cutoff[..., None]


class EuclideanAttention(nn.Module):
    r"""Messages of eqs 12 and 13, summed over the neighbours.

    .. math:: \Delta f_i = \sum_j \phi\,\alpha_{ij} f_j, \quad
              \Delta\chi_{ilm} = \sum_j \phi\,\alpha^l_{ij} Y_{lm}(\hat r_{ij})

    Attributes:
        features: Width F.
        heads: Number of feature heads; the harmonic message has one head per degree.
        degrees: Degrees l.
        angular: Which of the two messages have filters that see the harmonic coordinates.

    Source: paper eqs 9 and 11 to 15; docs/formulation.md#force-field.
    """

    features: int
    heads: int
    degrees: tuple[int, ...]
    angular: FilterInputs = "both"

    @nn.compact
    def __call__(
        self, x: Array, chi: Array | None, edges: EdgeGeometry
    ) -> tuple[Array, Array]:
        """Evaluate both messages.

        Args:
            x: Features, ``(N, F)``.
            chi: Harmonic coordinates, ``(N, M)``; None stands for zero, where the
                invariants of all edges are equal and are evaluated once.
            edges: Geometry of the edges.

        Returns:
            Changes of x, ``(N, F)``, and of chi, ``(N, M)``.
        """
        n_degrees = len(self.degrees)
        if chi is None:
            invariants = jnp.zeros((n_degrees,), x.dtype)
        else:
            difference = gather(chi, edges.neighbors) - chi[:, None]
            invariants = contract(difference, self.degrees)

        alpha = AttentionCoefficients(
            self.features, self.heads, self.angular in ("both", "feature"), name="feature"
        )(x, invariants, edges)
        value = HeadwiseLinear(self.heads, name="value")(x)
        alpha = alpha @ head_of_feature(self.features, self.heads, x.dtype).T
        dx = jnp.sum(alpha * gather(value, edges.neighbors), axis=1)

        alpha = AttentionCoefficients(
            self.features,
            n_degrees,
            self.angular in ("both", "geometric"),
            name="geometric",
        )(x, invariants, edges)
        per_component = alpha @ degree_of_component(self.degrees, x.dtype)
        dchi = jnp.sum(per_component * edges.harmonics, axis=1)
        return dx, dchi
