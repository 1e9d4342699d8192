"""Stress of a crystal by automatic differentiation with respect to a strain."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from numpy.typing import ArrayLike

from confvib.forcefield.model import TrainedModel
from confvib.forcefield.potential import CrystalNetwork

StressFn: TypeAlias = Callable[[Array], tuple[Array, Array, Array, Array]]
"""Positions ``(N, 3)`` [Å] to energy [eV/cell], forces [eV/Å], stress ``(3, 3)`` [eV/Å^3]
and overflow; a positive diagonal stress pulls the cell together, as in ASE."""


def stress_fn(
    model: TrainedModel,
    numbers: ArrayLike,
    cell: ArrayLike,
    *,
    capacity: int,
    dtype: DTypeLike,
) -> StressFn:
    r"""Bind a trained So3krates to one crystal and differentiate it, strain included.

    .. math:: \sigma = \frac1V \left.\frac{\partial
              E(R(1+\varepsilon),\,h(1+\varepsilon))}{\partial\varepsilon}
              \right|_{\varepsilon=0}

    with rows R of positions and h of the cell, and a symmetric strain. mlff reports
    sigma V instead, the derivative alone.

    Args:
        model: The force field.
        numbers: Atomic numbers, ``(N,)``.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        capacity: Neighbour slots per atom.
        dtype: Type of the evaluation.

    Returns:
        Function of the positions, pure, jittable and vmappable.

    Raises:
        ModelError: A species is unknown to the model, the capacity is not positive or the
            cell is singular.

    Source: Knuth et al., Comput. Phys. Commun. 190, 33 (2015) for the definition.
    """
    crystal = CrystalNetwork(model, numbers, cell, capacity, dtype)
    volume_A3 = float(abs(np.linalg.det(crystal.lattice)))
    lattice = jnp.asarray(crystal.lattice, dtype)

    def evaluate(positions: Array) -> tuple[Array, Array, Array, Array]:
        positions = jnp.asarray(positions, dtype)
        # A strain moves no atom across a lattice plane: the table holds for all strains.
        table = crystal.table(positions)

        def strained_energy(positions: Array, strain: Array) -> Array:
            deformation = jnp.eye(3, dtype=dtype) + 0.5 * (strain + strain.T)
            exact = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
            return crystal.energy_eV(
                exact(positions, deformation), exact(lattice, deformation), table
            )

        differentiated = jax.value_and_grad(strained_energy, argnums=(0, 1))
        energy_eV, (gradient, derivative) = differentiated(
            positions, jnp.zeros((3, 3), dtype)
        )
        stress = derivative / volume_A3
        return energy_eV + crystal.shift_eV, -gradient, stress, table.overflow

    return evaluate
