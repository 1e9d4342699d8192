"""Motion in contact with a heat bath: Langevin dynamics by the BAOAB splitting."""

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics import verlet
from confvib.dynamics.state import EnergyFn, PhasePoint, as_masses
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV


def step(
    energy_fn: EnergyFn,
    state: PhasePoint,
    masses_amu: np.ndarray | jax.Array,
    timestep_fs: float | jax.Array,
    bath: tuple[jax.Array, float | jax.Array, float | jax.Array],
) -> PhasePoint:
    r"""Advance one cell by one time step at constant temperature.

    Half a kick, half a drift, the exact Ornstein-Uhlenbeck move

    .. math:: v \to e^{-\gamma\tau} v + \sqrt{(1 - e^{-2\gamma\tau}) k_B T / m}\,\xi

    half a drift, half a kick: one evaluation of the forces, and configurations that are
    exact for a harmonic crystal at any stable τ.

    Args:
        energy_fn: Energy of one cell.
        state: Positions, velocities and forces now.
        masses_amu: Masses [amu], shape (N,).
        timestep_fs: τ [fs], a scalar of the dtype of the state.
        bath: Random key of this step, temperature [K] and friction γ [1/fs].

    Returns:
        The state one time step later.

    Source:
        Leimkuhler and Matthews, J. Chem. Phys. 138, 174102 (2013).
    """
    key, temperature_K, friction_per_fs = bath
    masses = as_masses(masses_amu, state.velocities)
    half = verlet.kick(state, masses_amu, 0.5 * timestep_fs)
    positions = state.positions + 0.5 * timestep_fs * half
    kept = jnp.exp(-friction_per_fs * timestep_fs)
    spread = jnp.sqrt(BOLTZMANN_EV_PER_K * temperature_K / (KINETIC_EV * masses))
    noise = jax.random.normal(key, half.shape, half.dtype)
    mixed = kept * half + jnp.sqrt(1 - kept * kept) * spread * noise
    moved = verlet.init(energy_fn, positions + 0.5 * timestep_fs * mixed, mixed)
    return PhasePoint(
        moved.positions,
        verlet.kick(moved, masses_amu, 0.5 * timestep_fs),
        moved.forces_eV_per_A,
        moved.potential_eV,
        moved.overflow,
    )
