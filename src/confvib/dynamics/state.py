"""What every integrator and optimiser of this package shares: protocol, status, state."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import jax
import numpy as np

EnergyFn = Callable[[jax.Array], tuple[jax.Array, jax.Array]]
"""Positions (N, 3) [Å] -> (energy [eV per cell], neighbour table overflowed [bool]).

Pure, twice differentiable by JAX, already bound to atomic numbers and cell. It is a
static argument of every compiled function: pass the same object to compile only once.
"""

Progress = Callable[[int, int], None]
"""Called between compiled segments with (done, total)."""


class Status(StrEnum):
    """How the calculation of one cell ended."""

    OK = "ok"
    UNCONVERGED = "unconverged"
    DIVERGED = "diverged"
    OVERFLOW = "overflow"
    LEFT_BASIN = "left_basin"
    NAN = "nan"
    IMAGINARY_MODES = "imaginary_modes"
    WRONG_TEMPERATURE = "wrong_temperature"
    FAILED = "failed"

    @property
    def code(self) -> int:
        """Return the integer that stands for this status inside compiled code."""
        return list(Status).index(self)

    @property
    def sentence(self) -> str:
        """Return the status in words, the start of a table's `reason`."""
        return _SENTENCES[self]

    @classmethod
    def from_code(cls, code: int) -> Self:
        """Return the status that an integer from compiled code stands for."""
        return list(cls)[code]


_SENTENCES = {
    Status.OK: "Completed and passed every check.",
    Status.UNCONVERGED: "The step limit came before the force threshold.",
    Status.DIVERGED: "Atoms or energy left the bounds of a credible crystal.",
    Status.OVERFLOW: "An atom has more neighbours than the neighbour table has slots, "
    "or is closer to one than the tables of the force field reach.",
    Status.LEFT_BASIN: "The run ended in the basin of another minimum.",
    Status.NAN: "The force field returned a value that is not finite.",
    Status.IMAGINARY_MODES: "The stationary point has imaginary modes: it is no minimum.",
    Status.WRONG_TEMPERATURE: "The measured temperature is not the requested one.",
    Status.FAILED: "The calculation ended with an error.",
}


def statuses(codes: Iterable[int]) -> list[Status]:
    """Return the statuses that an array of codes stands for.

    Args:
        codes: Status codes, shape (B,).

    Returns:
        The statuses, length B.
    """
    return [Status.from_code(int(code)) for code in codes]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bounds:
    """State what a credible trajectory of a crystal never exceeds.

    A fitted potential has holes; a cell that falls into one is reported, not averaged.

    Attributes:
        displacement_A: Largest distance of an atom from its start in a relaxation [Å].
        energy_change_eV_per_atom: Largest |E - E_start| per atom [eV].
        step_A: Largest distance that an atom moves in one time step [Å].
    """

    displacement_A: float = 5.0
    energy_change_eV_per_atom: float = 5.0
    step_A: float = 0.5


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PhasePoint:
    """Hold one cell at one instant.

    Attributes:
        positions: Unwrapped positions [Å], shape (N, 3).
        velocities: Velocities [Å/fs], shape (N, 3).
        forces_eV_per_A: Forces [eV/Å], shape (N, 3).
        potential_eV: Potential energy [eV per cell], scalar.
        overflow: Whether the neighbour table was too narrow here, scalar.
    """

    positions: jax.Array
    velocities: jax.Array
    forces_eV_per_A: jax.Array
    potential_eV: jax.Array
    overflow: jax.Array


def as_masses(masses_amu: np.ndarray | jax.Array, like: jax.Array) -> jax.Array:
    """Return masses as a column in the dtype of the positions.

    Args:
        masses_amu: Masses [amu], shape (N,).
        like: Array whose dtype to take.

    Returns:
        Masses [amu], shape (N, 1).
    """
    return jax.numpy.asarray(masses_amu, like.dtype)[:, None]
