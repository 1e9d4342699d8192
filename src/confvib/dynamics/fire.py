"""The fast inertial relaxation engine (FIRE): motion that stops when it goes uphill.

No energy enters a step and the forces may be rough, so it gets along where a quasi-Newton
step, which trusts the difference of two forces, does not.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import jax
import jax.numpy as jnp

from confvib.dynamics.lbfgs import limited

START_TIMESTEP_A_PER_SQRT_EV = 0.1
"""First time step of atoms of unit mass [Å/√eV]; 1 fs for a mass of 1 amu."""

MAX_TIMESTEP_A_PER_SQRT_EV = 1.0
"""Longest time step [Å/√eV]."""

TIMESTEP_GROWTH = 1.1
"""Factor of the time step after each step downhill that follows enough others."""

TIMESTEP_CUT = 0.5
"""Factor of the time step when the motion goes uphill."""

STEPS_BEFORE_GROWTH = 5
"""Steps downhill for which the time step stays what it is."""

START_MIXING = 0.1
"""Share of the speed that is turned along the forces, after a start or a stop."""

MIXING_DECAY = 0.99
"""Factor of that share whenever the time step grows."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FireState:
    """Hold the motion of one cell.

    Attributes:
        velocities: Velocities of atoms of unit mass [√eV], shape (N, 3); zero before the
            first step.
        timestep_A_per_sqrt_eV: Time step [Å/√eV], scalar.
        mixing: Share of the speed that is turned along the forces, scalar.
        n_downhill: Steps downhill since the last stop, scalar.
    """

    velocities: jax.Array
    timestep_A_per_sqrt_eV: jax.Array
    mixing: jax.Array
    n_downhill: jax.Array

    @classmethod
    def start(cls, positions: jax.Array) -> Self:
        """Return the state at rest of a cell of this shape and dtype."""
        return cls(
            jnp.zeros_like(positions),
            jnp.asarray(START_TIMESTEP_A_PER_SQRT_EV, positions.dtype),
            jnp.asarray(START_MIXING, positions.dtype),
            jnp.int32(0),
        )

    def stopped(self) -> "FireState":
        """Return the state at rest with half the time step.

        It is what a step does on its own when the motion goes uphill; a driver that
        refuses a step because it raised the energy does the same.

        Returns:
            The new state.
        """
        return FireState(
            jnp.zeros_like(self.velocities),
            TIMESTEP_CUT * self.timestep_A_per_sqrt_eV,
            jnp.full_like(self.mixing, START_MIXING),
            jnp.zeros_like(self.n_downhill),
        )


def fire_step(
    state: FireState, forces_eV_per_A: jax.Array, max_step_A: float
) -> tuple[jax.Array, FireState]:
    r"""Return the next step, by semi-implicit Euler on steered velocities.

    .. math::
        v \to (1 - \alpha) v + \alpha |v| F / |F| \text{ if } F \cdot v > 0,
        \text{ else } 0; \quad v' = v + \tau F, \quad s = \tau v'

    Velocities, forces and their norms are those of the whole cell; the limit holds per
    atom, so that it means the same in a cell of any size. A limited step leaves the
    velocities as they are.

    Args:
        state: Motion of the cell.
        forces_eV_per_A: Forces where the last step ended [eV/Å], shape (N, 3).
        max_step_A: Longest move of an atom [Å].

    Returns:
        Step [Å], shape (N, 3), and the state after it.

    Source:
        Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006); parameters and integrator of
        ase.optimize.FIRE, which limits the length of the whole step instead.
    """
    forces = forces_eV_per_A
    at_rest = (state.velocities == 0).all()
    downhill = (forces * state.velocities).sum() > 0
    otherwise = _select(at_rest, state, state.stopped())
    state = _select(downhill, _steered(state, forces), otherwise)
    timestep = state.timestep_A_per_sqrt_eV
    velocities = state.velocities + timestep * forces
    step = limited(timestep * velocities, max_step_A)
    return step, replace(state, velocities=velocities)


@dataclass(frozen=True)
class Fire:
    """Choose FIRE for a relaxation; ASE's parameters.

    Attributes:
        max_step_A: Longest move of an atom in one step [Å].
    """

    max_step_A: float = 0.2

    def start(self, like: jax.Array) -> FireState:
        """Return the state at rest of a cell of this shape and dtype."""
        return FireState.start(like)

    def accepted(
        self,
        state: FireState,
        step: jax.Array,
        force_drop: jax.Array,
        forces_eV_per_A: jax.Array,
    ) -> tuple[jax.Array, FireState]:
        """Choose the next step.

        Args:
            state: Motion of the cell.
            step: The step before [Å]; not used.
            force_drop: Change of the forces; not used.
            forces_eV_per_A: Forces after it [eV/Å], shape (N, 3).

        Returns:
            Next step [Å], shape (N, 3), and the motion.
        """
        del step, force_drop
        return fire_step(state, forces_eV_per_A, self.max_step_A)

    def refused(
        self, state: FireState, step: jax.Array, forces_eV_per_A: jax.Array
    ) -> tuple[jax.Array, FireState]:
        """Stop where the step began, which went uphill, and start again from there.

        Args:
            state: Motion of the cell.
            step: The step [Å]; not used.
            forces_eV_per_A: Forces before it [eV/Å], shape (N, 3).

        Returns:
            Next step [Å], shape (N, 3), and the motion.
        """
        del step
        return fire_step(state.stopped(), forces_eV_per_A, self.max_step_A)


def _steered(state: FireState, forces: jax.Array) -> FireState:
    """Turn the velocities along the forces; hurry after enough steps downhill."""
    speed = jnp.sqrt((state.velocities * state.velocities).sum())
    along = forces * (speed / jnp.sqrt((forces * forces).sum()))
    timestep = state.timestep_A_per_sqrt_eV
    grown = jnp.minimum(TIMESTEP_GROWTH * timestep, MAX_TIMESTEP_A_PER_SQRT_EV)
    hurry = state.n_downhill > STEPS_BEFORE_GROWTH
    return FireState(
        (1 - state.mixing) * state.velocities + state.mixing * along,
        jnp.where(hurry, grown, timestep),
        jnp.where(hurry, MIXING_DECAY * state.mixing, state.mixing),
        state.n_downhill + 1,
    )


def _select(condition: jax.Array, if_true: FireState, if_false: FireState) -> FireState:
    return jax.tree.map(partial(jnp.where, condition), if_true, if_false)
