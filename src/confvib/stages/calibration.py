"""What one step of each stage costs on the device at hand."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ase.data import atomic_masses
from numpy.typing import NDArray

from confvib.dynamics.evaluation import Slots
from confvib.dynamics.hessian import hessian_columns
from confvib.dynamics.lbfgs import Lbfgs
from confvib.dynamics.molecular import MolecularDynamicsSettings, Protocol, run_md
from confvib.dynamics.relax import relax
from confvib.dynamics.state import EnergyFn, Status
from confvib.errors import DynamicsError
from confvib.forcefield.model import TrainedModel, initial_parameters
from confvib.stages.potentials import bind_model
from confvib.stages.train_potential import network_settings

_SHORT_AND_LONG = (10, 60)
"""Steps of the two runs that are compared."""

_REPEATS = 3
"""Runs of each length, of which the fastest counts: others use the machine, too."""

_RATTLE_A = 0.05
_NEVER_MET_EV_PER_A = 1e-12

_HELD_STEP_A = 1e-6
_HELD_STEP_FS = 1e-3
"""Steps that leave atoms where they are: they cost what others cost, and an untrained
network, whose minima are collapsed crystals, stays a crystal."""


@dataclass(frozen=True)
class Calibration:
    """Device time of one cell [s], its share of a full batch.

    Attributes:
        device: What it was measured on.
        relaxation_step_s: One step of a relaxation.
        tight_step_s: One step of the tight relaxation in float64.
        hessian_s: One Hessian.
        md_step_s: One step of molecular dynamics.
    """

    device: str
    relaxation_step_s: float
    tight_step_s: float
    hessian_s: float
    md_step_s: float


class Calibrator:
    """Runs a few steps of every stage on one cell of the crystal.

    Force fields have their architecture but no training, which changes no cost.

    Args:
        numbers: Atomic numbers, ``(N,)``.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        positions: An arrangement [Å], ``(N, 3)``.
        networks: Settings of the force fields by name, as trainings receive them.
        ionic: Settings of the built-in potential.
    """

    def __init__(
        self,
        numbers: NDArray[np.int64],
        cell: NDArray[np.float64],
        positions: NDArray[np.float64],
        networks: Mapping[str, Mapping[str, Any]],
        ionic: Mapping[str, Any],
    ) -> None:
        self._numbers, self._cell = numbers, cell
        rng = np.random.default_rng(0)
        self._start = positions + rng.normal(scale=_RATTLE_A, size=positions.shape)
        self._networks, self._ionic = networks, ionic

    def relaxation_step_s(self, potential: str, precision: str, batch_size: int) -> float:
        """Measure a step of a relaxation."""
        energy_fn, starts = self._batch(potential, precision, batch_size)

        def run(n_steps: int) -> int:
            found = relax(
                energy_fn,
                starts,
                fmax_eV_per_A=_NEVER_MET_EV_PER_A,
                max_steps=n_steps,
                optimiser=Lbfgs(max_step_A=_HELD_STEP_A),
                slots=Slots(batch_size),
            )
            _require(Status.UNCONVERGED, found.status)
            return int(np.sum(found.n_steps))

        return _per_step(run)

    def md_step_s(self, potential: str, precision: str, batch_size: int) -> float:
        """Measure a step of molecular dynamics at constant energy."""
        energy_fn, starts = self._batch(potential, precision, batch_size)
        keys = jax.random.split(jax.random.key(0), batch_size)
        masses = atomic_masses[self._numbers]

        def run(n_steps: int) -> int:
            settings = MolecularDynamicsSettings(
                protocol=Protocol.PUBLISHED_2025,
                temperature_K=300.0,
                timestep_fs=_HELD_STEP_FS,
                equilibration_fs=0.0,
                production_fs=n_steps * _HELD_STEP_FS,
            )
            _require(Status.OK, run_md(energy_fn, starts, masses, keys, settings).status)
            return n_steps * batch_size

        return _per_step(run)

    def hessian_s(self, potential: str, columns_per_batch: int) -> float:
        """Measure a Hessian; its program is compiled before the clock starts."""
        energy_fn, starts = self._batch(potential, "float64", 1)
        start = jnp.asarray(starts[0])
        compiled = hessian_columns.lower(energy_fn, columns_per_batch, start).compile()
        began = time.perf_counter()
        jax.block_until_ready(compiled(start))
        return time.perf_counter() - began

    def _batch(
        self, potential: str, precision: str, batch_size: int
    ) -> tuple[EnergyFn, NDArray]:
        model = None if potential == "reference" else self._untrained(potential)
        energy_fn = bind_model(
            model, self._ionic, self._numbers, self._cell, self._start[None], precision
        )
        return energy_fn, np.repeat(self._start[None], batch_size, axis=0).astype(
            precision
        )

    def _untrained(self, name: str) -> TrainedModel:
        network = network_settings(self._networks[name])
        return TrainedModel(
            settings=network,
            parameters=initial_parameters(network, jax.random.key(0)),
            shifts_eV=np.zeros(100),
            species=tuple(int(z) for z in np.unique(self._numbers)),
            role="calibration",
            data_hash="",
        )


def _require(expected: Status, found: NDArray[np.int8]) -> None:
    """Refuse to time cells that failed: they stand still and cost nothing."""
    wrong = found[found != expected.code]
    if wrong.size:
        status = Status.from_code(int(wrong[0]))
        raise DynamicsError(
            f"a cell of the calibration ended as {status.value!r}, expected "
            f"{expected.value!r}; its steps cannot be timed"
        )


def _per_step(run: Callable[[int], int]) -> float:
    """Measure what a step adds to a run, whatever the run costs before its first.

    Args:
        run: Takes so many steps; returns how many it took, of all cells together.

    Returns:
        Time of one step of one cell [s].
    """
    measured = []
    for n_steps in _SHORT_AND_LONG:
        taken = run(n_steps)  # compiles
        measured.append((min(_seconds(run, n_steps) for _ in range(_REPEATS)), taken))
    (short_s, few), (long_s, many) = measured
    return max(long_s - short_s, 0.0) / max(many - few, 1)


def _seconds(run: Callable[[int], int], n_steps: int) -> float:
    began = time.perf_counter()
    run(n_steps)
    return time.perf_counter() - began
