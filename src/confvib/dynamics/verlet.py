"""Newton's equations by the velocity Verlet scheme."""

import jax
import numpy as np

from confvib.dynamics.evaluation import evaluate
from confvib.dynamics.state import EnergyFn, PhasePoint, as_masses
from confvib.units import ACCELERATION_A_PER_FS2


def init(energy_fn: EnergyFn, positions: jax.Array, velocities: jax.Array) -> PhasePoint:
    """Return the state from which both integrators start.

    Args:
        energy_fn: Energy of one cell.
        positions: Positions [Å], shape (N, 3).
        velocities: Velocities [Å/fs], shape (N, 3).

    Returns:
        The state with its forces and energy.
    """
    found = evaluate(energy_fn, positions)
    return PhasePoint(
        positions, velocities, found.forces_eV_per_A, found.energy_eV, found.overflow
    )


def kick(
    state: PhasePoint, masses_amu: np.ndarray | jax.Array, time_fs: float | jax.Array
) -> jax.Array:
    """Return the velocities [Å/fs] after the present forces acted for this time [fs]."""
    masses = as_masses(masses_amu, state.velocities)
    acceleration = ACCELERATION_A_PER_FS2 * state.forces_eV_per_A / masses
    return state.velocities + time_fs * acceleration


def step(
    energy_fn: EnergyFn,
    state: PhasePoint,
    masses_amu: np.ndarray | jax.Array,
    timestep_fs: float | jax.Array,
) -> PhasePoint:
    r"""Advance one cell by one time step at constant energy.

    .. math::
        v_{1/2} = v + \tfrac{\tau}{2} F/m, \quad R' = R + \tau v_{1/2}, \quad
        v' = v_{1/2} + \tfrac{\tau}{2} F'/m

    Args:
        energy_fn: Energy of one cell.
        state: Positions, velocities and forces now.
        masses_amu: Masses [amu], shape (N,).
        timestep_fs: τ [fs], a scalar of the dtype of the state; negative runs backwards.

    Returns:
        The state one time step later.

    Source:
        Swope et al., J. Chem. Phys. 76, 637 (1982).
    """
    half = kick(state, masses_amu, 0.5 * timestep_fs)
    moved = init(energy_fn, state.positions + timestep_fs * half, half)
    return PhasePoint(
        moved.positions,
        kick(moved, masses_amu, 0.5 * timestep_fs),
        moved.forces_eV_per_A,
        moved.potential_eV,
        moved.overflow,
    )
