"""Fixed-cell relaxation of many cells at once, by L-BFGS or FIRE."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics.evaluation import (
    BatchMode,
    Slots,
    evaluate,
    fault,
    over_batch,
    require_batch,
    require_positive,
)
from confvib.dynamics.fire import Fire, FireState
from confvib.dynamics.lbfgs import History, Lbfgs, largest_norm
from confvib.dynamics.slots import Queue
from confvib.dynamics.state import Bounds, EnergyFn, Status

STEPS_PER_CHUNK = 20
"""Evaluations between two visits of the host."""

_RUNNING = -1


@dataclass(frozen=True)
class Relaxation:
    """Hold the relaxed cells of a batch, all from the last accepted step.

    Attributes:
        positions: Positions [Å], shape (B, N, 3), dtype of the input.
        energy_eV: Energy [eV per cell], shape (B,).
        fmax_eV_per_A: Largest force on an atom [eV/Å], shape (B,).
        n_steps: Steps tried after the first evaluation, shape (B,).
        n_uphill_rejected: Steps refused because they raised the energy, shape (B,).
        displacement_max_A: Largest distance of an atom from its start [Å], shape (B,).
        status: Status codes: ok, unconverged, diverged, overflow or nan, shape (B,).
    """

    positions: np.ndarray
    energy_eV: np.ndarray
    fmax_eV_per_A: np.ndarray
    n_steps: np.ndarray
    n_uphill_rejected: np.ndarray
    displacement_max_A: np.ndarray
    status: np.ndarray

    def row(self, index: int) -> "Relaxation":
        """Return one cell as a batch of one."""
        part = slice(index, index + 1)
        return Relaxation(**{f.name: getattr(self, f.name)[part] for f in fields(self)})


OnRest: TypeAlias = Callable[[int, Relaxation], None]
"""Called with the row of a cell in the input and its result, as soon as it is at rest."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Descent:
    """One cell: last accepted point, the step to try next, what was learnt so far.

    A fresh cell has infinite energy and a step of zero: its first try, which counts as
    no step, evaluates the start.
    """

    start: jax.Array
    start_energy: jax.Array
    positions: jax.Array
    energy: jax.Array
    forces: jax.Array
    step: jax.Array
    memory: History | FireState
    n_steps: jax.Array
    n_rejected: jax.Array
    status: jax.Array


class _Control(NamedTuple):
    """How to step and when to stop; traced, so that other values need no new program."""

    fmax_eV_per_A: float
    max_steps: int
    bounds: Bounds


def relax(
    energy_fn: EnergyFn,
    positions: np.ndarray | jax.Array,
    *,
    fmax_eV_per_A: float,
    max_steps: int,
    optimiser: Lbfgs | Fire | None = None,
    bounds: Bounds | None = None,
    slots: Slots | None = None,
    on_rest: OnRest | None = None,
) -> Relaxation:
    """Relax cells until no force exceeds the threshold, a limited number at a time.

    A cell that has converged or failed keeps its last accepted point, bit for bit, leaves
    its slot, and the next one enters; the program stays the same. A step that raises the
    energy by more than its rounding is undone and counted: L-BFGS tries half of it with
    an empty history, FIRE stops and starts again.

    Args:
        energy_fn: Energy of one cell.
        positions: Start [Å], shape (B, N, 3); the work is done in its dtype.
        fmax_eV_per_A: Threshold for the largest force on an atom [eV/Å].
        max_steps: Most steps of a cell after the first evaluation.
        optimiser: How to choose steps; None takes L-BFGS.
        bounds: Where a cell counts as diverged; None takes the defaults.
        slots: How many cells are on the device at once; None: all.
        on_rest: Called once for every cell; what it raises ends the relaxation.

    Returns:
        The last accepted point and status of every cell.

    Raises:
        DynamicsError: The shape, dtype, threshold or a limit makes no sense.

    Source:
        Nocedal, Math. Comp. 35, 773 (1980); the paper, section 5.3 (LBFGS, 0.08 eV/Å).
    """
    starts = np.asarray(positions)
    optimiser, bounds, slots = optimiser or Lbfgs(), bounds or Bounds(), slots or Slots()
    require_batch(jnp.asarray(starts))
    require_positive(
        {
            "fmax_eV_per_A": fmax_eV_per_A,
            "max_steps": max_steps,
            **asdict(optimiser),
        }
    )
    control = _Control(fmax_eV_per_A, max_steps, bounds)
    queue = Queue(len(starts), slots.number(len(starts)))
    held = np.repeat(starts[:1], queue.n_slots, axis=0)
    cells = _nothing(energy_fn, optimiser, held)
    results: dict[int, Relaxation] = {}
    while True:
        leaving = list(queue.leave(np.asarray(cells.status) != _RUNNING))
        if leaving:
            found = _result(cells)
            for slot, index in leaving:
                results[index] = found.row(slot)
                if on_rest is not None:
                    on_rest(index, results[index])
        if len(results) == len(starts):
            return _joined(results)
        entering = np.zeros(queue.n_slots, bool)
        for slot, index in queue.enter():
            held[slot], entering[slot] = starts[index], True
        if entering.any():
            cells = _entered(optimiser, cells, entering, held)
        cells = _chunk(energy_fn, slots.mode, optimiser, cells, control)


def _fresh(
    optimiser: Lbfgs | Fire, start: jax.Array, energy_dtype: jnp.dtype
) -> _Descent:
    far = jnp.full((), jnp.inf, energy_dtype)
    return _Descent(
        start=start,
        start_energy=far,
        positions=start,
        energy=far,
        forces=jnp.zeros_like(start),
        step=jnp.zeros_like(start),
        memory=optimiser.start(start),
        n_steps=jnp.int32(-1),
        n_rejected=jnp.int32(0),
        status=jnp.int8(_RUNNING),
    )


def _nothing(
    energy_fn: EnergyFn, optimiser: Lbfgs | Fire, starts: np.ndarray
) -> _Descent:
    """Return slots without cells: at rest, and nobody asks for their numbers."""
    energy = jax.eval_shape(partial(evaluate, energy_fn), jnp.asarray(starts[0]))
    cells = jax.vmap(partial(_fresh, optimiser, energy_dtype=energy.energy_eV.dtype))(
        jnp.asarray(starts)
    )
    return replace(cells, status=jnp.full(len(starts), Status.OK.code, jnp.int8))


@partial(jax.jit, static_argnums=0)
def _entered(
    optimiser: Lbfgs | Fire, cells: _Descent, entering: jax.Array, starts: jax.Array
) -> _Descent:
    def one(cell: _Descent, enters: jax.Array, start: jax.Array) -> _Descent:
        return _select(enters, _fresh(optimiser, start, cell.energy.dtype), cell)

    return jax.vmap(one)(cells, entering, starts)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _chunk(
    energy_fn: EnergyFn,
    mode: BatchMode,
    optimiser: Lbfgs | Fire,
    cells: _Descent,
    control: _Control,
) -> _Descent:
    def go_on(carry: tuple[jax.Array, _Descent]) -> jax.Array:
        return (carry[0] < STEPS_PER_CHUNK) & (carry[1].status == _RUNNING)

    def advance(carry: tuple[jax.Array, _Descent]) -> tuple[jax.Array, _Descent]:
        cell = _try_step(energy_fn, optimiser, carry[1])
        return carry[0] + 1, replace(cell, status=_verdict(cell, control))

    # Under vmap this loop runs until the last cell stops and freezes those that stopped.
    def one(cell: _Descent) -> _Descent:
        return jax.lax.while_loop(go_on, advance, (jnp.int32(0), cell))[1]

    return over_batch(one, mode, cells)


def _try_step(energy_fn: EnergyFn, optimiser: Lbfgs | Fire, cell: _Descent) -> _Descent:
    trial = cell.positions + cell.step
    found = evaluate(energy_fn, trial)
    energy, forces = found.energy_eV, found.forces_eV_per_A
    code = fault(energy, forces, found.overflow)
    usable = code == Status.OK.code
    first = cell.n_steps < 0
    rounding = 8 * jnp.finfo(energy.dtype).eps * jnp.abs(cell.energy)
    downhill = energy <= cell.energy + rounding
    # The two optimisers have memories of their own type, chosen when this is compiled.
    chosen: Any = optimiser
    step, memory = chosen.accepted(cell.memory, cell.step, cell.forces - forces, forces)
    moved = replace(
        cell,
        start_energy=jnp.where(first, energy, cell.start_energy),
        positions=trial,
        energy=energy,
        forces=forces,
        step=step,
        memory=memory,
    )
    step, memory = chosen.refused(cell.memory, cell.step, cell.forces)
    refused = replace(cell, step=step, memory=memory, n_rejected=cell.n_rejected + 1)
    after = _select(downhill, moved, refused)
    # A start that fails is what was found of the cell; later the last good point is.
    after = _select(usable, after, _select(first, moved, cell))
    status = jnp.where(usable, jnp.int8(_RUNNING), code)
    return replace(after, n_steps=cell.n_steps + 1, status=status)


def _verdict(cell: _Descent, control: _Control) -> jax.Array:
    n_atoms = cell.positions.shape[0]
    far = largest_norm(cell.positions - cell.start) > control.bounds.displacement_A
    change = jnp.abs(cell.energy - cell.start_energy) / n_atoms
    lost = far | (change > control.bounds.energy_change_eV_per_atom)
    code = jnp.where(cell.n_steps >= control.max_steps, Status.UNCONVERGED.code, _RUNNING)
    code = jnp.where(
        largest_norm(cell.forces) <= control.fmax_eV_per_A, Status.OK.code, code
    )
    code = jnp.where(lost, Status.DIVERGED.code, code)
    return jnp.where(cell.status == _RUNNING, code, cell.status).astype(jnp.int8)


def _select(condition: jax.Array, if_true: _Descent, if_false: _Descent) -> _Descent:
    return jax.tree.map(partial(jnp.where, condition), if_true, if_false)


def _result(cells: _Descent) -> Relaxation:
    positions, forces = np.array(cells.positions), np.asarray(cells.forces)
    displacements = positions - np.asarray(cells.start)
    return Relaxation(
        positions=positions,
        energy_eV=np.array(cells.energy),
        fmax_eV_per_A=np.linalg.norm(forces, axis=2).max(axis=1),
        n_steps=np.array(cells.n_steps),
        n_uphill_rejected=np.array(cells.n_rejected),
        displacement_max_A=np.linalg.norm(displacements, axis=2).max(axis=1),
        status=np.array(cells.status),
    )


def _joined(results: dict[int, Relaxation]) -> Relaxation:
    rows = [results[index] for index in range(len(results))]
    return Relaxation(
        **{
            field.name: np.concatenate([getattr(row, field.name) for row in rows])
            for field in fields(Relaxation)
        }
    )
