"""Messages between the two atoms of a pair, filters shared by the two directions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from numpy.typing import NDArray

from confvib.forcefield.attention import head_of_feature
from confvib.forcefield.harmonics import contract, degree_of_component
from confvib.forcefield.settings import So3kratesSettings


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PairGeometry:
    """What the positions contribute to the messages of P pairs, M harmonic components.

    Attributes:
        radial: Basis of the radial filters in layers t > 0, ``(P, R)``; the coefficients
            of the contact table in layer 0, ``(P, 2 (H + L))``.
        cutoff: Cutoff function, zero in unused slots, ``(P,)``.
        harmonics: Spherical harmonics of the direction first -> second, ``(P, M)``.
    """

    radial: Array
    cutoff: Array
    harmonics: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DegreeRows:
    """What an atom contributes to the harmonic messages of a layer t > 0.

    Attributes:
        query: Scaled queries, ``(N, F)``; one head per degree.
        key: Keys, ``(N, F)``.
        chi: Harmonic coordinates, ``(N, M)``.
    """

    query: Array
    key: Array
    chi: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FeatureRows:
    """What an atom contributes to the feature messages of a layer t > 0.

    Attributes:
        query: Scaled queries, ``(N, F)``.
        key: Keys, ``(N, F)``.
        value: Values, ``(N, F)``.
        chi: Harmonic coordinates, ``(N, M)``.
    """

    query: Array
    key: Array
    value: Array
    chi: Array


AtomRows: TypeAlias = FeatureRows | DegreeRows


class ContactMessage:
    r"""Messages of layer 0, a pair potential between species.

    The features of neighbours depend on their species s alone, so that

    .. math:: \Delta f_i = \sum_s \Big(\sum_{j \in s} \phi\,\alpha_{ij}\Big) v_s

    and only the inner sums, H numbers for each species, are taken over pairs.

    Args:
        settings: Architecture.
        dtype: Type of the evaluation.
    """

    def __init__(self, settings: So3kratesSettings, dtype: DTypeLike) -> None:
        self._heads = settings.heads
        self._n_degrees = len(settings.degrees)
        self._components = degree_of_component(settings.degrees, dtype)
        self._mirror = _parity(settings.degrees, dtype)

    @staticmethod
    def common(_first: Array, _second: Array, _geometry: PairGeometry) -> tuple[()]:
        """Return nothing: all that is dear comes with the geometry."""
        return ()

    def __call__(
        self, first: Array, second: Array, geometry: PairGeometry, _common: tuple[()]
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Evaluate both directions.

        Args:
            first: One-hot species of the first atoms, ``(P, S)``.
            second: One-hot species of the second atoms, ``(P, S)``.
            geometry: Geometry of the pairs.

        Returns:
            To the first and to the second atom: weights by species and head,
            ``(P, S H)``, and change of the harmonic coordinates, ``(P, M)``.
        """
        coefficients = geometry.radial * geometry.cutoff[:, None]
        width = self._heads + self._n_degrees
        harmonics = geometry.harmonics
        return (
            self._one_way(coefficients[:, :width], second, harmonics),
            self._one_way(coefficients[:, width:], first, harmonics * self._mirror),
        )

    def _one_way(
        self, coefficients: Array, neighbor: Array, harmonics: Array
    ) -> tuple[Array, Array]:
        alpha, beta = jnp.split(coefficients, [self._heads], axis=1)
        weights = (neighbor[:, :, None] * alpha[:, None, :]).reshape(len(alpha), -1)
        return weights, (beta @ self._components) * harmonics


class FactorisedFilter:
    r"""Filter of eq 15, the same for both directions of a pair.

    .. math:: w_{ij} = w_{ji} = [b(d_{ij}),\ \sigma(g_{ij} W + c)]
              \begin{bmatrix} U \\ V \end{bmatrix}, \quad
              g_{ij} = \bigoplus_l (\chi_j - \chi_i)_{l\to0}

    with the tabulated basis b and its matrix U, and the two layers (W, c) and V of the
    angular network, whose last bias is part of the tables.

    Args:
        settings: Architecture.
        weights: Parameters of the filter.
        mixing: Matrix U, ``(R, F)``.
        dtype: Type of the evaluation.
    """

    def __init__(
        self,
        settings: So3kratesSettings,
        weights: Mapping[str, Any],
        mixing: NDArray[np.float64],
        dtype: DTypeLike,
    ) -> None:
        self._degrees = settings.degrees
        self._kernel = jnp.asarray(weights["angular_hidden"]["kernel"], dtype)
        self._bias = jnp.asarray(weights["angular_hidden"]["bias"], dtype)
        angular = np.asarray(weights["angular_out"]["kernel"], np.float64)
        self._mixing = jnp.asarray(np.concatenate([mixing, angular]), dtype)

    def __call__(self, basis: Array, chi_first: Array, chi_second: Array) -> Array:
        """Evaluate the filter, ``(P, F)``."""
        invariants = contract(chi_second - chi_first, self._degrees)
        hidden = jax.nn.silu(invariants @ self._kernel + self._bias)
        # One product of inner size R + F/4: XLA would make two slower ones of it.
        joined = jax.lax.optimization_barrier(jnp.concatenate([basis, hidden], axis=1))
        return joined @ self._mixing


class _FilteredMessage:
    r"""Weights :math:`\alpha_{ij} = q_i \cdot (w_{ij} \odot k_j)`, one for each head.

    Args:
        settings: Architecture.
        n_heads: Parts of the features.
        filter_fn: Filter of the message.
        dtype: Type of the evaluation.
    """

    def __init__(
        self,
        settings: So3kratesSettings,
        n_heads: int,
        filter_fn: FactorisedFilter,
        dtype: DTypeLike,
    ) -> None:
        self._filter = filter_fn
        self._heads = head_of_feature(settings.features, n_heads, dtype)

    def common(self, first: AtomRows, second: AtomRows, geometry: PairGeometry) -> Array:
        """Evaluate the filter, ``(P, F)``."""
        return self._filter(geometry.radial, first.chi, second.chi)

    def _alpha(
        self, centre: AtomRows, neighbor: AtomRows, weight: Array, cutoff: Array
    ) -> Array:
        heads = (weight * centre.query * neighbor.key) @ self._heads
        return heads * cutoff[:, None]


class FeatureMessage(_FilteredMessage):
    r"""Change of the features in a layer t > 0 (eqs 12 and 14).

    .. math:: \Delta f_i = \sum_j \phi\,\alpha_{ij} v_j, \quad
              \alpha^h_{ij} = q_i^h \cdot (w^h_{ij} \odot k^h_j)

    Args:
        settings: Architecture.
        filter_fn: Filter of the message.
        dtype: Type of the evaluation.
    """

    def __init__(
        self,
        settings: So3kratesSettings,
        filter_fn: FactorisedFilter,
        dtype: DTypeLike,
    ) -> None:
        super().__init__(settings, settings.heads, filter_fn, dtype)

    def __call__(
        self,
        first: FeatureRows,
        second: FeatureRows,
        geometry: PairGeometry,
        weight: Array,
    ) -> tuple[Array, Array]:
        """Return what the first and the second atoms receive, ``(P, F)`` each."""

        def one_way(centre: FeatureRows, neighbor: FeatureRows) -> Array:
            alpha = self._alpha(centre, neighbor, weight, geometry.cutoff)
            return (alpha @ self._heads.T) * neighbor.value

        return one_way(first, second), one_way(second, first)


class DegreeMessage(_FilteredMessage):
    r"""Change of the harmonic coordinates in a layer t > 0 (eqs 13 and 14).

    .. math:: \Delta\chi_{ilm} = \sum_j \phi\,\alpha^l_{ij} Y_{lm}(\hat r_{ij}), \quad
              Y_{lm}(\hat r_{ji}) = (-1)^l\,Y_{lm}(\hat r_{ij})

    Args:
        settings: Architecture.
        filter_fn: Filter of the message.
        dtype: Type of the evaluation.
    """

    def __init__(
        self,
        settings: So3kratesSettings,
        filter_fn: FactorisedFilter,
        dtype: DTypeLike,
    ) -> None:
        super().__init__(settings, len(settings.degrees), filter_fn, dtype)
        self._components = degree_of_component(settings.degrees, dtype)
        self._mirror = _parity(settings.degrees, dtype)

    def __call__(
        self,
        first: DegreeRows,
        second: DegreeRows,
        geometry: PairGeometry,
        weight: Array,
    ) -> tuple[Array, Array]:
        """Return what the first and the second atoms receive, ``(P, M)`` each."""

        def one_way(centre: DegreeRows, neighbor: DegreeRows) -> Array:
            alpha = self._alpha(centre, neighbor, weight, geometry.cutoff)
            return alpha @ self._components

        mirrored = geometry.harmonics * self._mirror
        return (
            one_way(first, second) * geometry.harmonics,
            one_way(second, first) * mirrored,
        )


def _parity(degrees: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Signs (-1)^l of the harmonics of the opposite direction, ``(M,)``."""
    signs = [(-1.0) ** degree for degree in degrees for _ in range(2 * degree + 1)]
    return jnp.asarray(signs, dtype)
