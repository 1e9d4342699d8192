"""The network on a list of pairs: same function as the plain one, different order."""

import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from confvib.forcefield.attention import HeadwiseLinear
from confvib.forcefield.compiled.messages import (
    ContactMessage,
    DegreeMessage,
    DegreeRows,
    FactorisedFilter,
    FeatureMessage,
    FeatureRows,
    PairGeometry,
)
from confvib.forcefield.compiled.pair_sum import Incidence, pair_sum
from confvib.forcefield.compiled.pairs import PairList, squared_length
from confvib.forcefield.compiled.radial_tables import RadialTables
from confvib.forcefield.harmonics import spherical_harmonics
from confvib.forcefield.model import TrainedModel, cast_parameters
from confvib.forcefield.network import InteractionBlock
from confvib.forcefield.radial import CUTOFFS


class PairNetwork:
    """A trained So3krates with tabulated radial functions.

    Args:
        model: The force field.
        tables: Its tables.
        dtype: Type of the evaluation.
    """

    def __init__(
        self, model: TrainedModel, tables: RadialTables, dtype: DTypeLike
    ) -> None:
        s = model.settings
        self._settings = s
        self._tables = tables
        self._dtype = dtype
        self._parameters: Mapping[str, Any] = cast_parameters(model.parameters, dtype)
        self._embedding = self._parameters["embedding"]["embedding"][
            np.array(tables.species)
        ]
        self._contact = tables.contact.evaluator(dtype)
        self._basis = None if tables.basis is None else tables.basis.evaluator(dtype)
        self._first_message = ContactMessage(s, dtype)
        self._feature = [FeatureMessage(s, f, dtype) for f in self._filters("feature")]
        self._degree = [DegreeMessage(s, f, dtype) for f in self._filters("geometric")]

    def __call__(
        self,
        species: Array,
        vectors: list[Array],
        pairs: PairList,
        block: int | Incidence,
    ) -> tuple[Array, Array]:
        """Evaluate the network.

        Args:
            species: Index of each atom's species in the tables, ``(N,)`` int32.
            vectors: Components of R_second - R_first [Å], ``(P,)`` each.
            pairs: The pairs.
            block: See :func:`~confvib.forcefield.compiled.pair_sum.pair_sum`.

        Returns:
            Atomic energies without their shift [eV], ``(N,)``, and whether a pair is
            closer than the tables reach.
        """
        distance, directions = self._distance_and_direction(vectors, pairs.used)
        t = jnp.exp(-distance)
        n_species = len(self._tables.species)
        row = species[pairs.first] * n_species + species[pairs.second]
        geometry = PairGeometry(
            radial=self._contact(t, row),
            cutoff=self._cutoff(distance, pairs.used),
            harmonics=spherical_harmonics(
                jnp.stack(directions, axis=-1), self._settings.degrees
            ),
        )
        x, chi = self._contact_layer(species, geometry, pairs, block)
        x, chi = self._interaction(0, x, chi)
        if self._basis is not None:
            geometry = PairGeometry(
                radial=self._basis(t, None),
                cutoff=geometry.cutoff,
                harmonics=geometry.harmonics,
            )
        messages = zip(self._feature, self._degree, strict=True)
        for layer, (feature, degree) in enumerate(messages, start=1):
            rows, degree_rows = self._rows(f"attention_{layer}", x, chi)
            dx = _summed(feature, rows, geometry, pairs, block)
            dchi = _summed(degree, degree_rows, geometry, pairs, block)
            x, chi = self._interaction(layer, x + dx, chi + dchi)
        too_close = jnp.any(pairs.used & (distance < self._tables.shortest_A))
        return self._atomic_energies(x), too_close

    def _distance_and_direction(
        self, vectors: list[Array], used: Array
    ) -> tuple[Array, list[Array]]:
        # As in the plain network: a finite vector where there is no pair.
        placeholder = [self._settings.cutoff_A, 0.0, 0.0]
        vectors = [
            jnp.where(used, component, other)
            for component, other in zip(vectors, placeholder, strict=True)
        ]
        distance = jnp.sqrt(squared_length(vectors))
        return distance, [component / distance for component in vectors]

    def _cutoff(self, distance: Array, used: Array) -> Array:
        switch = CUTOFFS[self._settings.cutoff_function]
        return jnp.where(used, switch(distance, cutoff_A=self._settings.cutoff_A), 0.0)

    def _contact_layer(
        self,
        species: Array,
        geometry: PairGeometry,
        pairs: PairList,
        block: int | Incidence,
    ) -> tuple[Array, Array]:
        heads, features = self._settings.heads, self._settings.features
        n_species = len(self._tables.species)
        one_hot = jax.nn.one_hot(species, n_species, dtype=self._dtype)
        sums, chi = _summed(self._first_message, one_hot, geometry, pairs, block)
        weights = self._parameters["attention_0"]["value"]
        value = _headwise(heads, weights, self._embedding)
        dx = jnp.einsum(
            "nsh,shf->nhf",
            sums.reshape(-1, n_species, heads),
            value.reshape(n_species, heads, features // heads),
        )
        return self._embedding[species] + dx.reshape(-1, features), chi

    def _filters(self, message: str) -> list[FactorisedFilter]:
        names = [f"attention_{t}" for t in range(1, self._settings.layers)]
        return [
            FactorisedFilter(
                self._settings,
                self._parameters[name][message]["filter"],
                self._tables.mixing[f"{name}/{message}"],
                self._dtype,
            )
            for name in names
        ]

    def _rows(self, name: str, x: Array, chi: Array) -> tuple[FeatureRows, DegreeRows]:
        heads, degrees = self._settings.heads, len(self._settings.degrees)
        block = self._parameters[name]
        feature, geometric = block["feature"], block["geometric"]
        return (
            FeatureRows(
                query=self._query(heads, feature["query"], x),
                key=_headwise(heads, feature["key"], x),
                value=_headwise(heads, block["value"], x),
                chi=chi,
            ),
            DegreeRows(
                query=self._query(degrees, geometric["query"], x),
                key=_headwise(degrees, geometric["key"], x),
                chi=chi,
            ),
        )

    def _query(self, heads: int, weights: Mapping[str, Any], x: Array) -> Array:
        scale = 1.0 / math.sqrt(self._settings.features // heads)
        return scale * _headwise(heads, weights, x)

    def _interaction(self, layer: int, x: Array, chi: Array) -> tuple[Array, Array]:
        exchange = InteractionBlock(self._settings.features, self._settings.degrees)
        weights = {"params": self._parameters[f"interaction_{layer}"]}
        dx, dchi = exchange.apply(weights, x, chi)
        return x + jnp.asarray(dx), chi + jnp.asarray(dchi)

    def _atomic_energies(self, x: Array) -> Array:
        hidden = nn.silu(_dense(self._parameters["energy_hidden"], x))
        return _dense(self._parameters["energy_out"], hidden)[..., 0]


def _summed(
    message: ContactMessage | FeatureMessage | DegreeMessage,
    rows: Any,
    geometry: PairGeometry,
    pairs: PairList,
    block: int | Incidence,
) -> Any:
    return pair_sum(message, rows, geometry, pairs, common=message.common, block=block)


def _dense(weights: Mapping[str, Any], x: Array) -> Array:
    return x @ weights["kernel"] + weights["bias"]


def _headwise(heads: int, weights: Mapping[str, Any], x: Array) -> Array:
    return jnp.asarray(HeadwiseLinear(heads).apply({"params": weights}, x))
