"""How much work at once a device's memory holds, from compiled programs."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from confvib.dynamics.evaluation import BatchMode, evaluate, over_batch
from confvib.dynamics.hessian import hessian_columns
from confvib.dynamics.state import EnergyFn
from confvib.forcefield.memory import own_bytes, program_memory, readable_size

_SHARE = 0.8
"""Of a device's memory that one evaluation may take; the rest is for what the run keeps:
optimiser histories, samples of a segment, the programs themselves."""

Bytes = Callable[[int], int]
"""Memory that the work needs at once, for so many cells or columns at a time."""


def memory_limit() -> int | None:
    """Return the memory of the card in use [bytes]; None on a processor.

    A processor takes cells one after the other, so that a batch needs no more than one.
    """
    return own_bytes(jnp.zeros(()).devices().pop())


def bytes_of_cells(
    energy_fn: EnergyFn, shape: tuple[int, int], dtype: DTypeLike
) -> Bytes:
    """Return what energies and forces of so many cells need.

    Args:
        energy_fn: Energy of one cell.
        shape: Shape of its positions, ``(N, 3)``.
        dtype: Type of its positions.
    """

    @jax.jit
    def forces(positions: jax.Array) -> jax.Array:
        def one(cell: jax.Array) -> jax.Array:
            return evaluate(energy_fn, cell).forces_eV_per_A

        return over_batch(one, BatchMode.TOGETHER, positions)

    def needed(n_cells: int) -> int:
        batch = jax.ShapeDtypeStruct((n_cells, *shape), dtype)
        return program_memory(forces.lower(batch).compile()).total_bytes

    return needed


def bytes_of_columns(energy_fn: EnergyFn, shape: tuple[int, int]) -> Bytes:
    """Return what a Hessian needs when so many columns are differentiated together.

    Args:
        energy_fn: Energy of one cell, in float64.
        shape: Shape of its positions, ``(N, 3)``.
    """
    positions = jax.ShapeDtypeStruct(shape, jnp.float64)

    def needed(n_columns: int) -> int:
        program = hessian_columns.lower(energy_fn, n_columns, positions).compile()
        return program_memory(program).total_bytes

    return needed


def that_fits(
    needed: Bytes, asked: int, limit_bytes: int | None, say: Callable[[str], None]
) -> int:
    """Return how many at once fit, at most as many as asked.

    Args:
        needed: Memory for so many at once; compiles a program.
        asked: As many as the configuration asks for.
        limit_bytes: Memory of the device; None: no limit is known.
        say: Receives a line when fewer fit.

    Returns:
        A number from 1 to ``asked``. One is returned even if it does not seem to fit:
        the device has the last word.
    """
    if limit_bytes is None:
        return asked
    budget = _SHARE * limit_bytes
    number, size = asked, needed(asked)
    while size > budget and number > 1:
        number = max(1, min(number - 1, math.floor(number * budget / size)))
        size = needed(number)
    if number < asked:
        say(
            f"{number} instead of {asked} at once: they need {readable_size(size)} of "
            f"{readable_size(limit_bytes)} on the device"
        )
    return number
