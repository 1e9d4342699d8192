"""Energies and forces of a batch of frames whose neighbours are known."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from confvib.forcefield.neighbors import NeighborTable
from confvib.forcefield.network import So3krates, So3kratesSettings, edge_geometry
from confvib.training.dataset import Batch


def batch_energy_and_forces(
    settings: So3kratesSettings, parameters: Mapping[str, Any], batch: Batch
) -> tuple[Array, Array]:
    """Evaluate a batch; pure and differentiable in the parameters.

    Args:
        settings: Architecture.
        parameters: Its parameters.
        batch: Frames with their tables; the labels are not used.

    Returns:
        Energies without atomic shifts [eV/cell], ``(B,)``, and forces [eV/Å],
        ``(B, N, 3)``.
    """
    network = So3krates(settings)

    def energy(
        positions: Array, numbers: Array, cell: Array, table: NeighborTable
    ) -> Array:
        edges = edge_geometry(positions, cell, table, settings)
        return jnp.sum(jnp.asarray(network.apply({"params": parameters}, numbers, edges)))

    energies, gradients = jax.vmap(jax.value_and_grad(energy))(
        batch.positions, batch.numbers, batch.cells, batch.tables
    )
    return energies, -gradients
