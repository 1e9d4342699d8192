"""The one protocol of all force fields: positions in, energy and overflow flag out."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from numpy.typing import ArrayLike

from confvib.errors import ModelError
from confvib.forcefield.model import (
    TrainedModel,
    cast_parameters,
    require_known_species,
)
from confvib.forcefield.neighbors import (
    NeighborTable,
    image_shifts_for,
    neighbor_table,
)
from confvib.forcefield.network import So3krates, edge_geometry

EnergyFn: TypeAlias = Callable[[Array], tuple[Array, Array]]
"""Positions ``(N, 3)`` [Å] to (energy [eV/cell], scalar; overflow, scalar bool).

Pure, jittable, vmappable and twice differentiable in the positions. A True overflow means
that the energy is wrong because a fixed-size table was too small.
"""

ForceFn: TypeAlias = Callable[[Array], tuple[Array, Array, Array]]
"""Positions to (energy [eV/cell], forces ``(N, 3)`` [eV/Å], overflow)."""


class CrystalNetwork:
    """A trained So3krates bound to the atoms of one crystal.

    Args:
        model: The force field.
        numbers: Atomic numbers, ``(N,)``.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        capacity: Neighbour slots per atom.
        dtype: Type of the evaluation.

    Attributes:
        lattice: Lattice vectors in rows [Å], ``(3, 3)``, in float64.
        shift_eV: Energy of the isolated atoms [eV/cell].

    Raises:
        ModelError: A species is unknown to the model, the capacity is not positive or the
            cell is singular.
    """

    def __init__(
        self,
        model: TrainedModel,
        numbers: ArrayLike,
        cell: ArrayLike,
        capacity: int,
        dtype: DTypeLike,
    ) -> None:
        if capacity < 1:
            raise ModelError(f"capacity must be >= 1 neighbour slot, got {capacity}")
        self._settings, self._capacity = model.settings, capacity
        self._known = require_known_species(model, numbers)
        self._images = image_shifts_for(cell, model.settings.cutoff_A)
        self.lattice = np.asarray(cell, dtype=np.float64)
        self._parameters = cast_parameters(model.parameters, dtype)
        # Summed once in float64: in float32 the shift of a cell would swallow meV.
        self.shift_eV = float(np.sum(model.shifts_eV[self._known]))
        self._network = So3krates(model.settings)

    def table(self, positions: Array) -> NeighborTable:
        """List the neighbours of every atom at these positions [Å]."""
        return neighbor_table(
            positions,
            cell=jnp.asarray(self.lattice, positions.dtype),
            image_shifts=self._images,
            cutoff_A=self._settings.cutoff_A,
            capacity=self._capacity,
        )

    def energy_eV(
        self, positions: Array, lattice: ArrayLike, table: NeighborTable
    ) -> Array:
        """Evaluate the energy without its shift [eV/cell], in the type of positions."""
        rows = jnp.asarray(lattice, positions.dtype)
        edges = edge_geometry(positions, rows, table, self._settings)
        energies = self._network.apply(
            {"params": self._parameters}, jnp.asarray(self._known), edges
        )
        return jnp.sum(jnp.asarray(energies))


def so3krates_energy_fn(
    model: TrainedModel,
    numbers: ArrayLike,
    cell: ArrayLike,
    *,
    capacity: int,
    dtype: DTypeLike,
) -> EnergyFn:
    r"""Bind a trained So3krates to one crystal.

    .. math:: E(R) = \sum_i [e_i(R) + \epsilon(Z_i)]

    Args:
        model: The force field.
        numbers: Atomic numbers, ``(N,)``.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        capacity: Neighbour slots per atom K, see
            :func:`~confvib.forcefield.neighbors.neighbor_capacity`.
        dtype: Type of the evaluation: float32 for dynamics, float64 for Hessians.

    Returns:
        Energy function [eV/cell] in ``dtype``.

    Raises:
        ModelError: A species is unknown to the model, the capacity is not positive or the
            cell is singular.

    Source: paper section 2.2; docs/formulation.md#force-field.
    """
    crystal = CrystalNetwork(model, numbers, cell, capacity, dtype)

    def energy_fn(positions: Array) -> tuple[Array, Array]:
        positions = jnp.asarray(positions, dtype)
        table = crystal.table(positions)
        energy_eV = crystal.energy_eV(positions, crystal.lattice, table)
        return energy_eV + crystal.shift_eV, table.overflow

    return energy_fn


def force_fn(energy_fn: EnergyFn) -> ForceFn:
    r"""Differentiate an energy function: :math:`F_i = -\partial E / \partial R_i`.

    Args:
        energy_fn: Any function of the protocol.

    Returns:
        Function of positions that gives energy [eV/cell], forces [eV/Å] and overflow.
    """
    differentiated = jax.value_and_grad(energy_fn, has_aux=True)

    def evaluate(positions: Array) -> tuple[Array, Array, Array]:
        (energy_eV, overflow), gradient = differentiated(positions)
        return energy_eV, -gradient, overflow

    return evaluate


def without_table(energy_eV: Callable[[Array], Array]) -> EnergyFn:
    """Lift a plain energy of the positions, which has no table, to the protocol.

    Args:
        energy_eV: Positions ``(N, 3)`` [Å] to energy [eV/cell].

    Returns:
        The same energy with an overflow flag that is always False.
    """

    def energy_fn(positions: Array) -> tuple[Array, Array]:
        return energy_eV(positions), jnp.zeros((), bool)

    return energy_fn
