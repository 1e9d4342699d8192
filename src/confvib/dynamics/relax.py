"""Fixed-cell relaxation of many cells at once by limited-memory BFGS."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics.evaluation import (
    BatchMode,
    evaluate,
    fault,
    over_batch,
    require_batch,
    require_positive,
)
from confvib.dynamics.lbfgs import History, largest_norm, limited, newton_step
from confvib.dynamics.state import Bounds, EnergyFn, Progress, Status

STEPS_PER_CHUNK = 20
"""Evaluations between two visits of the host."""

_RUNNING = -1


@dataclass(frozen=True)
class Lbfgs:
    """Choose the step of the optimiser.

    Attributes:
        memory: Number of remembered steps.
        max_step_A: Longest move of an atom in one step [Å]; longer steps are scaled down.
        curvature_eV_per_A2: Diagonal of the Hessian of the first step [eV/Å²], the value
            of ASE; later ones learn it.
    """

    memory: int = 20
    max_step_A: float = 0.1
    curvature_eV_per_A2: float = 70.0


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


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Descent:
    """One cell: last accepted point, the step to try next, what was learnt so far."""

    start: jax.Array
    start_energy: jax.Array
    positions: jax.Array
    energy: jax.Array
    forces: jax.Array
    step: jax.Array
    history: History
    n_steps: jax.Array
    n_rejected: jax.Array
    status: jax.Array


class _Control(NamedTuple):
    """How to step and when to stop; traced, so that other values need no new program."""

    fmax_eV_per_A: float
    max_steps: int
    max_step_A: float
    curvature_eV_per_A2: float
    bounds: Bounds


def relax(
    energy_fn: EnergyFn,
    positions: np.ndarray | jax.Array,
    *,
    fmax_eV_per_A: float,
    max_steps: int,
    optimiser: Lbfgs | None = None,
    bounds: Bounds | None = None,
    batch_mode: BatchMode | None = None,
    progress: Progress | None = None,
) -> Relaxation:
    """Relax every cell of a batch until no force exceeds the threshold.

    A cell that has converged or failed keeps its last accepted point, bit for bit, while
    the others go on. A step that raises the energy by more than its rounding is undone,
    halved and tried again with an empty history.

    Args:
        energy_fn: Energy of one cell.
        positions: Start [Å], shape (B, N, 3); the work is done in its dtype.
        fmax_eV_per_A: Threshold for the largest force on an atom [eV/Å].
        max_steps: Most steps of a cell after the first evaluation.
        optimiser: Step control; None takes the defaults.
        bounds: Where a cell counts as diverged; None takes the defaults.
        batch_mode: One program or one cell after the other; None suits the device.
        progress: Called between chunks with (cells at rest, B).

    Returns:
        The last accepted point and status of every cell.

    Raises:
        DynamicsError: The shape, dtype, threshold or a limit makes no sense.

    Source:
        Nocedal, Math. Comp. 35, 773 (1980); the paper, section 5.3 (LBFGS, 0.08 eV/Å).
    """
    positions = jnp.asarray(positions)
    optimiser, bounds = optimiser or Lbfgs(), bounds or Bounds()
    mode = batch_mode or BatchMode.for_device()
    require_batch(positions)
    require_positive(
        {
            "fmax_eV_per_A": fmax_eV_per_A,
            "max_steps": max_steps,
            "memory": optimiser.memory,
            "max_step_A": optimiser.max_step_A,
            "curvature_eV_per_A2": optimiser.curvature_eV_per_A2,
        }
    )
    control = _Control(
        fmax_eV_per_A,
        max_steps,
        optimiser.max_step_A,
        optimiser.curvature_eV_per_A2,
        bounds,
    )
    cells = _start(energy_fn, mode, optimiser.memory, positions, control)
    for _ in range(math.ceil(max_steps / STEPS_PER_CHUNK) + 1):
        n_done = int((np.asarray(cells.status) != _RUNNING).sum())
        if progress is not None:
            progress(n_done, len(positions))
        if n_done == len(positions):
            break
        cells = _chunk(energy_fn, mode, cells, control)
    return _result(cells)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _start(
    energy_fn: EnergyFn,
    mode: BatchMode,
    memory: int,
    positions: jax.Array,
    control: _Control,
) -> _Descent:
    def one(start: jax.Array) -> _Descent:
        found = evaluate(energy_fn, start)
        energy, forces = found.energy_eV, found.forces_eV_per_A
        code = fault(energy, forces, found.overflow)
        running = (code == Status.OK.code) & (
            largest_norm(forces) > control.fmax_eV_per_A
        )
        return _Descent(
            start=start,
            start_energy=energy,
            positions=start,
            energy=energy,
            forces=forces,
            step=limited(forces / control.curvature_eV_per_A2, control.max_step_A),
            history=History.empty(memory, start),
            n_steps=jnp.int32(0),
            n_rejected=jnp.int32(0),
            status=jnp.where(running, _RUNNING, code).astype(jnp.int8),
        )

    return over_batch(one, mode, positions)


@partial(jax.jit, static_argnums=(0, 1))
def _chunk(
    energy_fn: EnergyFn, mode: BatchMode, cells: _Descent, control: _Control
) -> _Descent:
    def go_on(carry: tuple[jax.Array, _Descent]) -> jax.Array:
        return (carry[0] < STEPS_PER_CHUNK) & (carry[1].status == _RUNNING)

    def advance(carry: tuple[jax.Array, _Descent]) -> tuple[jax.Array, _Descent]:
        cell = _try_step(energy_fn, carry[1], control)
        return carry[0] + 1, replace(cell, status=_verdict(cell, control))

    # Under vmap this loop runs until the last cell stops and freezes those that stopped.
    def one(cell: _Descent) -> _Descent:
        return jax.lax.while_loop(go_on, advance, (jnp.int32(0), cell))[1]

    return over_batch(one, mode, cells)


def _try_step(energy_fn: EnergyFn, cell: _Descent, control: _Control) -> _Descent:
    trial = cell.positions + cell.step
    found = evaluate(energy_fn, trial)
    energy, forces = found.energy_eV, found.forces_eV_per_A
    code = fault(energy, forces, found.overflow)
    usable = code == Status.OK.code
    rounding = 8 * jnp.finfo(energy.dtype).eps * jnp.abs(cell.energy)
    downhill = energy <= cell.energy + rounding
    history = cell.history.push(cell.step, cell.forces - forces)
    step = newton_step(history, forces, control.curvature_eV_per_A2)
    moved = replace(
        cell,
        positions=trial,
        energy=energy,
        forces=forces,
        step=limited(step, control.max_step_A),
        history=history,
    )
    refused = replace(
        cell,
        step=0.5 * cell.step,
        history=jax.tree.map(jnp.zeros_like, cell.history),
        n_rejected=cell.n_rejected + 1,
    )
    after = _select(downhill, moved, refused)
    after = _select(usable, after, cell)
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
    positions, forces = np.asarray(cells.positions), np.asarray(cells.forces)
    displacements = positions - np.asarray(cells.start)
    return Relaxation(
        positions=positions,
        energy_eV=np.asarray(cells.energy),
        fmax_eV_per_A=np.linalg.norm(forces, axis=2).max(axis=1),
        n_steps=np.asarray(cells.n_steps),
        n_uphill_rejected=np.asarray(cells.n_rejected),
        displacement_max_A=np.linalg.norm(displacements, axis=2).max(axis=1),
        status=np.asarray(cells.status),
    )
