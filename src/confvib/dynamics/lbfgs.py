"""The inverse Hessian that limited-memory BFGS learns from its last steps."""

from dataclasses import dataclass
from typing import Self

import jax
import jax.numpy as jnp


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class History:
    """Hold the last steps of one cell, oldest first; empty rows have weight zero.

    Attributes:
        steps: Accepted steps s [Å], shape (M, N, 3).
        force_drops: y = F(before) - F(after) [eV/Å], shape (M, N, 3).
        weights: 1 / (s . y) [1/eV], shape (M,); zero marks an empty row.
    """

    steps: jax.Array
    force_drops: jax.Array
    weights: jax.Array

    @classmethod
    def empty(cls, memory: int, like: jax.Array) -> Self:
        """Return a history without rows for an array of this shape and dtype."""
        rows = jnp.zeros((memory, *like.shape), like.dtype)
        return cls(rows, rows, jnp.zeros(memory, like.dtype))

    def push(self, step: jax.Array, force_drop: jax.Array) -> "History":
        """Return the history with a new last row and without its oldest.

        A pair of negative curvature is left out, so that the learnt Hessian stays
        positive definite and every step goes downhill.

        Args:
            step: s [Å], shape (N, 3).
            force_drop: y [eV/Å], shape (N, 3).

        Returns:
            The new history.
        """
        curvature = _dot(step, force_drop)
        scale = jnp.sqrt(_dot(step, step) * _dot(force_drop, force_drop))
        useful = curvature > jnp.finfo(step.dtype).eps * scale
        weight = jnp.where(useful, 1 / jnp.where(useful, curvature, 1), 0)
        pushed = History(
            jnp.roll(self.steps, -1, axis=0).at[-1].set(step),
            jnp.roll(self.force_drops, -1, axis=0).at[-1].set(force_drop),
            jnp.roll(self.weights, -1).at[-1].set(weight),
        )
        return jax.tree.map(lambda new, old: jnp.where(useful, new, old), pushed, self)


def newton_step(
    history: History, forces_eV_per_A: jax.Array, curvature_eV_per_A2: float
) -> jax.Array:
    r"""Return the quasi-Newton step s = H^{-1} F by the two-loop recursion.

    The diagonal of the Hessian follows the last step, (y . y) / (s . y), which takes a
    half to a fifth of the steps that one fixed value takes where bonds are soft.

    Args:
        history: Last steps of the cell.
        forces_eV_per_A: Forces [eV/Å], shape (N, 3).
        curvature_eV_per_A2: Diagonal of the Hessian before any step is known [eV/Å²].

    Returns:
        Step [Å], shape (N, 3).

    Source:
        Nocedal and Wright, Numerical Optimization (2006), algorithm 7.4, eq. 7.20.
    """
    rows = (history.steps, history.force_drops, history.weights)

    def backward(q: jax.Array, row: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        s, y, weight = row
        a = weight * _dot(s, q)
        return q - a * y, a

    q, a = jax.lax.scan(backward, forces_eV_per_A, rows, reverse=True)

    def forward(z: jax.Array, row: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        s, y, weight, a_row = row
        return z + (a_row - weight * _dot(y, z)) * s, None

    last = history.force_drops[-1]
    learnt = _dot(last, last) * history.weights[-1]
    diagonal = jnp.where(history.weights[-1] > 0, learnt, curvature_eV_per_A2)
    return jax.lax.scan(forward, q / diagonal, (*rows, a))[0]


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

    def start(self, like: jax.Array) -> History:
        """Return what is known of a cell of this shape and dtype before any step."""
        return History.empty(self.memory, like)

    def accepted(
        self,
        history: History,
        step: jax.Array,
        force_drop: jax.Array,
        forces_eV_per_A: jax.Array,
    ) -> tuple[jax.Array, History]:
        """Learn from a step and choose the next.

        Args:
            history: What is known.
            step: The step [Å], shape (N, 3).
            force_drop: F(before) - F(after) [eV/Å], shape (N, 3).
            forces_eV_per_A: Forces after it [eV/Å], shape (N, 3).

        Returns:
            Next step [Å], shape (N, 3), and what is known now.
        """
        history = history.push(step, force_drop)
        following = newton_step(history, forces_eV_per_A, self.curvature_eV_per_A2)
        return limited(following, self.max_step_A), history

    def refused(
        self, history: History, step: jax.Array, forces_eV_per_A: jax.Array
    ) -> tuple[jax.Array, History]:
        """Choose what to try instead of a step that went uphill: half of it.

        Args:
            history: What is known; forgotten.
            step: The step [Å], shape (N, 3).
            forces_eV_per_A: Forces before it; not used.

        Returns:
            Next step [Å], shape (N, 3), and what is known now.
        """
        del forces_eV_per_A
        return 0.5 * step, jax.tree.map(jnp.zeros_like, history)


def largest_norm(vectors: jax.Array) -> jax.Array:
    """Return the length of the longest of the vectors, shape (N, 3)."""
    return jnp.sqrt((vectors * vectors).sum(-1).max())


def limited(step: jax.Array, max_step_A: float) -> jax.Array:
    """Scale a step down until no atom moves farther than the limit.

    Args:
        step: Step [Å], shape (N, 3).
        max_step_A: Longest move of an atom [Å].

    Returns:
        Step [Å], shape (N, 3).
    """
    longest = largest_norm(step)
    return step * jnp.minimum(1, max_step_A / jnp.where(longest > 0, longest, 1))


def _dot(left: jax.Array, right: jax.Array) -> jax.Array:
    return (left * right).sum()
