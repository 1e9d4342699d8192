"""The compiled segments of a molecular-dynamics run; between them the host looks in."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics import thermostat, verlet
from confvib.dynamics.evaluation import BatchMode, fault, over_batch
from confvib.dynamics.lbfgs import largest_norm
from confvib.dynamics.state import Bounds, EnergyFn, PhasePoint, Status
from confvib.dynamics.velocities import (
    kinetic_energy_eV,
    maxwell_boltzmann,
)


@dataclass(frozen=True)
class Engine:
    """Hold what is compiled in: the energy function and the batch mode."""

    energy_fn: EnergyFn
    batch_mode: BatchMode


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Physics:
    """Hold what all cells share: masses [amu] (N,), τ [fs], T [K], γ [1/fs], bounds."""

    masses_amu: jax.Array
    timestep_fs: jax.Array
    temperature_K: jax.Array
    friction_per_fs: jax.Array
    bounds: Bounds


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Cells:
    """Hold the cells of a batch (or one of them) between segments.

    Attributes:
        point: Last credible instant.
        start_energy_eV: Potential energy of the first instant [eV per cell].
        noise_key: Random key of the heat bath.
        status: Status code, int8; a cell that is not ok stands still.
    """

    point: PhasePoint
    start_energy_eV: jax.Array
    noise_key: jax.Array
    status: jax.Array

    def arrays(self) -> dict[str, np.ndarray]:
        """Write the cells as plain arrays: all that the rest of a run depends on."""
        point = {name: np.asarray(getattr(self.point, name)) for name in _POINT}
        return {
            **point,
            "start_energy_eV": np.asarray(self.start_energy_eV),
            "noise_key": np.asarray(jax.random.key_data(self.noise_key)),
            "status": np.asarray(self.status),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], keys: jax.Array) -> Self:
        """Read what :meth:`arrays` wrote.

        Args:
            arrays: The arrays, bit for bit.
            keys: Any random keys of the kind that the cells had.

        Returns:
            The cells.
        """
        words = jnp.asarray(arrays["noise_key"])
        return cls(
            PhasePoint(**{name: jnp.asarray(arrays[name]) for name in _POINT}),
            jnp.asarray(arrays["start_energy_eV"]),
            jax.random.wrap_key_data(words, impl=jax.random.key_impl(keys)),
            jnp.asarray(arrays["status"]),
        )


_POINT = tuple(field.name for field in fields(PhasePoint))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Samples:
    """Hold samples of a segment; those after a failure are NaN.

    Attributes:
        velocities: [Å/fs], shape (B, S, N, 3), float32.
        potential_eV: [eV per cell], shape (B, S).
        kinetic_eV: [eV per cell], shape (B, S).
    """

    velocities: jax.Array
    potential_eV: jax.Array
    kinetic_eV: jax.Array


@partial(jax.jit, static_argnums=0)
def start(
    engine: Engine,
    positions: jax.Array,
    keys: jax.Array,
    physics: Physics,
    start_temperature_K: jax.Array,
) -> Cells:
    """Draw velocities and evaluate the first forces of every cell.

    Args:
        engine: What is compiled in.
        positions: Start [Å], shape (B, N, 3).
        keys: Random keys, shape (B,).
        physics: What all cells share.
        start_temperature_K: Temperature of the velocities [K], scalar.

    Returns:
        The cells at time zero.
    """

    def one(place: jax.Array, key: jax.Array) -> Cells:
        drawn = maxwell_boltzmann(
            jax.random.fold_in(key, 0),
            physics.masses_amu,
            start_temperature_K,
            like=place,
        )
        point = verlet.init(engine.energy_fn, place, drawn)
        code = fault(point.potential_eV, point.forces_eV_per_A, point.overflow)
        return Cells(point, point.potential_eV, jax.random.fold_in(key, 1), code)

    return over_batch(one, engine.batch_mode, positions, keys)


@partial(jax.jit, static_argnums=0)
def thermalise(
    engine: Engine,
    cells: Cells,
    physics: Physics,
    first_step: jax.Array,
    n_steps: jax.Array,
) -> Cells:
    """Advance every cell in contact with the heat bath.

    Args:
        engine: What is compiled in.
        cells: The batch.
        physics: What all cells share.
        first_step: Index of the first step in the whole run; it numbers the noise.
        n_steps: Number of steps of this segment.

    Returns:
        The batch after the segment.
    """

    def one(cell: Cells) -> Cells:
        def go_on(carry: tuple[jax.Array, PhasePoint, jax.Array]) -> jax.Array:
            return (carry[0] < n_steps) & (carry[2] == Status.OK.code)

        def advance(
            carry: tuple[jax.Array, PhasePoint, jax.Array],
        ) -> tuple[jax.Array, PhasePoint, jax.Array]:
            index, point, _ = carry
            key = jax.random.fold_in(cell.noise_key, first_step + index)
            bath = (key, physics.temperature_K, physics.friction_per_fs)
            after = thermostat.step(
                engine.energy_fn, point, physics.masses_amu, physics.timestep_fs, bath
            )
            kept, code = _judged(physics.bounds, cell.start_energy_eV, point, after)
            return index + 1, kept, code

        carry = (jnp.int32(0), cell.point, cell.status)
        _, point, status = jax.lax.while_loop(go_on, advance, carry)
        return replace(cell, point=point, status=status)

    return over_batch(one, engine.batch_mode, cells)


def stop_drift(cells: Cells, masses_amu: np.ndarray) -> Cells:
    """Remove the momentum that the heat bath left behind, on the host.

    Args:
        cells: The batch.
        masses_amu: Masses [amu], shape (N,).

    Returns:
        The batch with Σ m v = 0 in every cell.
    """
    velocities = np.asarray(cells.point.velocities)
    masses = np.asarray(masses_amu, velocities.dtype)[:, None]
    drift = (masses * velocities).sum(axis=1, keepdims=True) / masses.sum()
    point = replace(cells.point, velocities=jnp.asarray(velocities - drift))
    return replace(cells, point=point)


@partial(jax.jit, static_argnums=(0, 1, 2))
def produce(
    engine: Engine, n_samples: int, interval: int, cells: Cells, physics: Physics
) -> tuple[Cells, Samples]:
    """Advance every cell at constant energy and sample it.

    Args:
        engine: What is compiled in.
        n_samples: Samples of this segment.
        interval: Steps between samples; the first sample comes after `interval` steps.
        cells: The batch.
        physics: What all cells share.

    Returns:
        The batch after the segment, and its samples.
    """

    def one(cell: Cells) -> tuple[Cells, Samples]:
        def sample(cell: Cells, _: None) -> tuple[Cells, Samples]:
            after = _newton(engine, cell, physics, interval)
            ok = after.status == Status.OK.code
            point = after.point
            kinetic = kinetic_energy_eV(point.velocities, physics.masses_amu)
            return after, Samples(
                jnp.where(ok, point.velocities, jnp.nan).astype(jnp.float32),
                jnp.where(ok, point.potential_eV, jnp.nan),
                jnp.where(ok, kinetic, jnp.nan),
            )

        return jax.lax.scan(sample, cell, length=n_samples)

    return over_batch(one, engine.batch_mode, cells)


def _newton(engine: Engine, cell: Cells, physics: Physics, n_steps: int) -> Cells:
    def go_on(carry: tuple[jax.Array, PhasePoint, jax.Array]) -> jax.Array:
        return (carry[0] < n_steps) & (carry[2] == Status.OK.code)

    def advance(
        carry: tuple[jax.Array, PhasePoint, jax.Array],
    ) -> tuple[jax.Array, PhasePoint, jax.Array]:
        index, point, _ = carry
        after = verlet.step(
            engine.energy_fn, point, physics.masses_amu, physics.timestep_fs
        )
        kept, code = _judged(physics.bounds, cell.start_energy_eV, point, after)
        return index + 1, kept, code

    carry = (jnp.int32(0), cell.point, cell.status)
    _, point, status = jax.lax.while_loop(go_on, advance, carry)
    return replace(cell, point=point, status=status)


def _judged(
    bounds: Bounds, start_energy: jax.Array, before: PhasePoint, after: PhasePoint
) -> tuple[PhasePoint, jax.Array]:
    """Return the last credible of two instants, and the status code of the later one."""
    code = fault(after.potential_eV, after.forces_eV_per_A, after.overflow)
    leap = largest_norm(after.positions - before.positions) > bounds.step_A
    change = jnp.abs(after.potential_eV - start_energy) / len(after.positions)
    lost = leap | (change > bounds.energy_change_eV_per_atom)
    diverged = (code == Status.OK.code) & lost
    code = jnp.where(diverged, Status.DIVERGED.code, code).astype(jnp.int8)
    credible = code == Status.OK.code
    return jax.tree.map(partial(jnp.where, credible), after, before), code
