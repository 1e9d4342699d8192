"""Energy and forces of one cell, and how one cell's function serves a batch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from confvib.dynamics.state import EnergyFn, Status
from confvib.errors import DynamicsError


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Evaluation:
    """Hold energy [eV per cell], forces [eV/Å] (N, 3) and overflow flag of one cell."""

    energy_eV: jax.Array
    forces_eV_per_A: jax.Array
    overflow: jax.Array


def evaluate(energy_fn: EnergyFn, positions: jax.Array) -> Evaluation:
    r"""Return energy and forces, F = -\partial E / \partial R.

    Args:
        energy_fn: Energy of one cell.
        positions: Positions [Å], shape (N, 3).

    Returns:
        Energy [eV per cell], forces [eV/Å] and the overflow flag.
    """
    (energy, overflow), gradient = jax.value_and_grad(energy_fn, has_aux=True)(positions)
    return Evaluation(energy, -gradient, overflow)


def fault(energy_eV: jax.Array, forces: jax.Array, overflow: jax.Array) -> jax.Array:
    """Return the status code of an evaluation: ok, overflow or nan.

    Overflow wins: numbers from a truncated neighbour table mean nothing, finite or not.

    Args:
        energy_eV: Energy [eV per cell], scalar.
        forces: Forces [eV/Å], shape (N, 3).
        overflow: Overflow flag, scalar.

    Returns:
        Status code, int8 scalar.
    """
    finite = jnp.isfinite(energy_eV) & jnp.isfinite(forces).all()
    code = jnp.where(finite, Status.OK.code, Status.NAN.code)
    return jnp.where(overflow, Status.OVERFLOW.code, code).astype(jnp.int8)


class BatchMode(StrEnum):
    """How the cells of a batch share the processor.

    A CPU gains nothing from one wide program (it is limited by memory traffic, and a cell
    that is done would still be computed); a GPU needs it.
    """

    TOGETHER = "together"
    ONE_BY_ONE = "one_by_one"

    @classmethod
    def for_device(cls) -> "BatchMode":
        """Return the faster mode on the device in use."""
        return cls.ONE_BY_ONE if jax.default_backend() == "cpu" else cls.TOGETHER


@dataclass(frozen=True)
class Slots:
    """How many cells are on the device at once, and how they share it.

    Attributes:
        n: Cells at once; None: all there are.
        mode: One program or one cell after the other; what suits the device by default.
    """

    n: int | None = None
    mode: BatchMode = field(default_factory=BatchMode.for_device)

    def number(self, n_cells: int) -> int:
        """Return the number of slots for so many cells.

        Raises:
            DynamicsError: It is not positive.
        """
        number = n_cells if self.n is None else self.n
        require_positive({"number of slots": number})
        return number


def over_batch(
    function: Callable[..., Any], batch_mode: BatchMode, *batched: Any
) -> Any:  # the pytree that `function` returns
    """Apply the function of one cell to every cell of a batch.

    No row sees another: a cell's numbers do not depend on its slot or its neighbours.

    Args:
        function: Function of the pytrees of one cell.
        batch_mode: One program for all cells or one cell after the other.
        *batched: Pytrees with leading axis B.

    Returns:
        What `function` returns, with leading axis B.
    """
    if batch_mode is BatchMode.TOGETHER:
        return jax.vmap(function)(*batched)
    return jax.lax.map(lambda row: function(*row), batched)


@partial(jax.jit, static_argnums=(0, 1))
def evaluate_batch(
    energy_fn: EnergyFn, batch_mode: BatchMode, positions: jax.Array
) -> tuple[Evaluation, jax.Array]:
    """Return energy and forces of every cell of a batch, and what they are worth.

    Args:
        energy_fn: Energy of one cell.
        batch_mode: One program for all cells or one cell after the other.
        positions: Positions [Å], shape (B, N, 3).

    Returns:
        The evaluations with leading axis B, and status codes (B,): ok, overflow or nan.
    """

    def one(cell: jax.Array) -> tuple[Evaluation, jax.Array]:
        found = evaluate(energy_fn, cell)
        code = fault(found.energy_eV, found.forces_eV_per_A, found.overflow)
        return found, code

    return over_batch(one, batch_mode, positions)


def require_batch(positions: jax.Array) -> None:
    """Refuse what is not a batch of cells.

    Args:
        positions: Positions [Å], shape (B, N, 3), floating.

    Raises:
        DynamicsError: Wrong shape, fewer than two atoms, no cell or not a float.
    """
    shape = positions.shape
    if len(shape) != 3 or shape[2] != 3 or shape[0] < 1 or shape[1] < 2:
        raise DynamicsError(
            f"positions have shape {shape}; expected (B, N, 3) with B >= 1 and N >= 2"
        )
    if not jnp.issubdtype(positions.dtype, jnp.floating):
        raise DynamicsError(f"positions have dtype {positions.dtype}; expected a float")


def require_positive(values: Mapping[str, float]) -> None:
    """Refuse numbers that must be positive.

    Args:
        values: Numbers by name; each must be finite and > 0.

    Raises:
        DynamicsError: Names the first number that is not.
    """
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise DynamicsError(f"{name} is {value}; expected a positive number")
