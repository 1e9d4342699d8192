"""What a label engine is asked for and what it answers, whichever code computes it."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from confvib.errors import LabelError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """Hold one labelled geometry of a trajectory.

    Attributes:
        numbers: Atomic numbers, shape ``(N,)``.
        cell: Lattice vectors as rows [Å], shape ``(3, 3)``.
        positions: Cartesian positions [Å], shape ``(N, 3)``.
        energy_eV: Potential energy [eV/cell].
        forces_eV_per_A: Forces [eV/Å], shape ``(N, 3)``.
        temperature_K: Kinetic temperature [K]; nan in a relaxation.
        converged: Whether the label can be trusted (electronic convergence).
        corrections: What an error handler changed for this frame; '' normally.
    """

    numbers: NDArray[np.int64]
    cell: FloatArray
    positions: FloatArray
    energy_eV: float
    forces_eV_per_A: FloatArray
    temperature_K: float = math.nan
    converged: bool = True
    corrections: str = ""


@dataclass(frozen=True)
class Trajectory:
    """Hold the frames of one task in order, and whether the task was carried out.

    Attributes:
        frames: Frames in order; those before a failure are kept.
        completed: Whether the task ended as asked (relaxed, or heated to the end).
        reason: A sentence on why it did not; '' when completed.
    """

    frames: tuple[Frame, ...]
    completed: bool
    reason: str = ""


@dataclass(frozen=True)
class RelaxationTask:
    """Ask for the ionic relaxation of a cell of fixed shape.

    Attributes:
        fmax_eV_per_A: Largest force norm of a relaxed cell [eV/Å], > 0.
        max_steps: Largest number of ionic steps, >= 1.

    Raises:
        LabelError: A value is outside its domain.
    """

    fmax_eV_per_A: float
    max_steps: int

    def __post_init__(self) -> None:
        _require_positive("fmax_eV_per_A", self.fmax_eV_per_A)
        _require_positive("max_steps", self.max_steps)


@dataclass(frozen=True)
class HeatingTask:
    """Ask for molecular dynamics on a linear temperature ramp at fixed cell.

    Attributes:
        start_K: Temperature of the first frame [K], > 0.
        end_K: Temperature of the last frame [K], > 0.
        n_steps: Number of time steps, >= 1.
        timestep_fs: Time step [fs], > 0.
        seed: Seed of the initial velocities, >= 0.

    Raises:
        LabelError: A value is outside its domain.
    """

    start_K: float
    end_K: float
    n_steps: int
    timestep_fs: float
    seed: int

    def __post_init__(self) -> None:
        _require_positive("start_K", self.start_K)
        _require_positive("end_K", self.end_K)
        _require_positive("n_steps", self.n_steps)
        _require_positive("timestep_fs", self.timestep_fs)
        if self.seed < 0:
            raise LabelError(f"seed is {self.seed}, expected an integer >= 0")


@dataclass(frozen=True)
class DynamicsTask:
    """Ask for molecular dynamics at fixed cell: NVE, or NVT by Andersen's collisions.

    Attributes:
        temperature_K: Temperature of the bath that the collisions stand for [K], > 0.
        start_K: Temperature of the initial velocities [K], > 0. From a relaxed geometry
            twice that of the run, since half of it turns into potential energy.
        n_steps: Number of time steps, >= 1.
        timestep_fs: Time step [fs], > 0.
        seed: Seed of the initial velocities, and of the collisions where the engine can
            be told one, >= 0.
        collision_probability: Of each atom in each step, in [0, 1]; 0 is NVE.

    Raises:
        LabelError: A value is outside its domain.

    Source: Andersen, J. Chem. Phys. 72, 2384 (1980); the paper, section 5.1.
    """

    temperature_K: float
    start_K: float
    n_steps: int
    timestep_fs: float
    seed: int
    collision_probability: float = 0.0

    def __post_init__(self) -> None:
        _require_positive("temperature_K", self.temperature_K)
        _require_positive("start_K", self.start_K)
        _require_positive("n_steps", self.n_steps)
        _require_positive("timestep_fs", self.timestep_fs)
        if self.seed < 0:
            raise LabelError(f"seed is {self.seed}, expected an integer >= 0")
        if not 0 <= self.collision_probability <= 1:
            raise LabelError(
                f"collision_probability is {self.collision_probability}, expected a "
                "number from 0 to 1"
            )


class LabelEngine(Protocol):
    """Label geometries with reference energies and forces.

    A calculation that fails is an answer (``Trajectory.completed`` is False), never an
    exception: one bad cell must not end a batch. ``run`` names the calculation within
    the job, the same in every attempt, so that an engine can go on from what an earlier
    attempt left; an engine told to end in the middle raises ``Interrupted``.
    """

    @property
    def level_of_theory(self) -> str:
        """Return a short stable hash of everything that defines the energies."""
        ...

    def relaxation_frames(
        self, atoms: Atoms, task: RelaxationTask, run: str = ""
    ) -> Trajectory:
        """Relax ``atoms`` and return every ionic frame, the minimum last."""
        ...

    def single_point(self, atoms: Atoms, run: str = "") -> Trajectory:
        """Compute one energy and its forces: a trajectory of one frame."""
        ...

    def heating_frames(
        self, atoms: Atoms, task: HeatingTask, run: str = ""
    ) -> Trajectory:
        """Heat ``atoms`` and return ``n_steps + 1`` frames, the start first."""
        ...

    def dynamics_frames(
        self, atoms: Atoms, task: DynamicsTask, run: str = ""
    ) -> Trajectory:
        """Run NVE or NVT dynamics and return ``n_steps + 1`` frames, the start first."""
        ...


def _require_positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise LabelError(f"{name} is {value!r}, expected a finite number > 0")
