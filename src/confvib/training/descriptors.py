"""One vector per frame from the model's own features, for choosing training frames."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from confvib.forcefield.model import initial_parameters
from confvib.forcefield.neighbors import NeighborTable
from confvib.forcefield.network import So3krates, So3kratesSettings, edge_geometry
from confvib.training.dataset import Batch, Frames, capacity_of, device_batch

_SEED = 0
"""Of the untrained parameters: the same network for every campaign."""

_SLOTS = 8
"""Neighbour slots are rounded up to a multiple, so that few programs are compiled."""


class Descriptors:
    r"""Averages the final features of an untrained network over each species' atoms.

    .. math:: D = \bigoplus_Z \frac{1}{N_Z} \sum_{i: Z_i = Z} f_i

    Untrained, because the choice of frames then needs no labels and depends on no
    training; its features already respond to the species, distances and angles within
    T cutoff radii of an atom. They are invariant, so equal crystals have equal vectors.

    Args:
        settings: Architecture; cutoff, layers and degrees set what the features see.
        species: Atomic numbers Z that occur in any frame.
    """

    def __init__(self, settings: So3kratesSettings, species: Sequence[int]) -> None:
        self._cutoff_A = settings.cutoff_A
        self._parameters = initial_parameters(settings, jax.random.key(_SEED))
        self._evaluate = jax.jit(partial(_species_means, settings, tuple(species)))
        self.length = len(species) * settings.features

    def __call__(self, frames: Frames) -> NDArray[np.float32]:
        """Describe frames; few at a time, for all of them are on the device together.

        Args:
            frames: Frames of one composition; their labels are not used.

        Returns:
            Descriptors, ``(B, length)``.
        """
        capacity = capacity_of(frames, cutoff_A=self._cutoff_A)
        batch = device_batch(
            frames,
            shifts_eV=np.zeros(100),
            cutoff_A=self._cutoff_A,
            capacity=-(-capacity // _SLOTS) * _SLOTS,
        )
        return np.asarray(self._evaluate(self._parameters, batch))


def _species_means(
    settings: So3kratesSettings,
    species: tuple[int, ...],
    parameters: Mapping[str, Any],
    batch: Batch,
) -> Array:
    def describe(
        positions: Array, numbers: Array, cell: Array, table: NeighborTable
    ) -> Array:
        features = _final_features(settings, parameters, positions, numbers, cell, table)
        chosen = numbers == jnp.asarray(species)[:, None]  # (species, N)
        weights = chosen / jnp.maximum(jnp.sum(chosen, axis=1, keepdims=True), 1)
        return (weights.astype(features.dtype) @ features).ravel()

    return jax.vmap(describe)(batch.positions, batch.numbers, batch.cells, batch.tables)


def _final_features(
    settings: So3kratesSettings,
    parameters: Mapping[str, Any],
    positions: Array,
    numbers: Array,
    cell: Array,
    table: NeighborTable,
) -> Array:
    """Run the network and keep what enters its last two layers, ``(N, F)``."""
    seen: list[Array] = []

    def keep(call: Any, arguments: Any, named: Any, context: Any) -> Any:
        if context.module.name == "energy_hidden":
            seen.append(arguments[0])
        return call(*arguments, **named)

    edges = edge_geometry(positions, cell, table, settings)
    with nn.intercept_methods(keep):
        So3krates(settings).apply({"params": parameters}, numbers, edges)
    return seen[0]
