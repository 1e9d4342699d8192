"""The energy that drives a stage: a trained force field or the reference itself."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from confvib.dynamics.state import EnergyFn
from confvib.errors import ModelError
from confvib.forcefield.checkpoint import fingerprint, load_model
from confvib.forcefield.compiled.compiler import fastest_energy_fn
from confvib.forcefield.model import TrainedModel
from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.potential import so3krates_energy_fn, without_table
from confvib.reference.ionic import IonicSettings, ionic_energy_fn

CAPACITY_MARGIN = 12
"""Neighbour slots beyond the fullest atom of the start cells: room for motion."""


@dataclass(frozen=True)
class Drive:
    """What supplies energies: a model file with the hash it must carry, or an engine."""

    model_path: str | None
    expected_hash: str
    engine: Mapping[str, Any]

    @classmethod
    def of(cls, model_path: str | None, params: Mapping[str, Any]) -> "Drive":
        """Return what drives a rule with these parameters."""
        return cls(model_path, params["expected"]["model"], params["engine"])

    def fingerprint(self) -> str:
        """Return what tables name as the origin of their energies."""
        return self.expected_hash if self.model is None else fingerprint(self.model)

    @cached_property
    def model(self) -> TrainedModel | None:
        """The force field, read once; None when the reference drives the stage.

        Raises:
            ModelError: The file was made from another configuration.
        """
        if self.model_path is None:
            return None
        return load_checked(self.model_path, self.expected_hash)


def load_checked(path: str, expected_hash: str) -> TrainedModel:
    """Load a force field that was made from this campaign's configuration.

    Raises:
        ModelError: It is damaged or was made from another configuration.
    """
    model = load_model(path)
    if model.config_hash != expected_hash:
        raise ModelError(
            f"{path}: made from configuration {model.config_hash!r}, but this campaign's "
            f"configuration is {expected_hash!r}; delete it and run again"
        )
    return model


def bind(
    drive: Drive,
    numbers: NDArray[np.int64],
    cell: NDArray[np.float64],
    starts: NDArray[np.float64],
    precision: str,
    widening: float = 1.0,
    say: Callable[[str], None] | None = None,
) -> EnergyFn:
    """Return the energy of a cell as a function of positions: :func:`bind_model`."""
    return bind_model(
        drive.model,
        drive.engine["ionic"] if drive.model is None else {},
        numbers,
        cell,
        starts,
        precision,
        widening,
        say,
    )


def bind_model(
    model: TrainedModel | None,
    ionic: Mapping[str, Any],
    numbers: NDArray[np.int64],
    cell: NDArray[np.float64],
    starts: NDArray[np.float64],
    precision: str,
    widening: float = 1.0,
    say: Callable[[str], None] | None = None,
) -> EnergyFn:
    """Return the energy of a cell as a function of positions.

    A force field is compiled for the cell where its options allow it, and compared with
    the plain evaluator on the first start positions. Cells that did not fit its tables
    get the plain evaluator with more slots.

    Args:
        model: The force field; None for the built-in potential.
        ionic: Settings of the built-in potential, where it is asked for.
        numbers: Atomic numbers (N,).
        cell: Lattice vectors as rows (3, 3) [Å].
        starts: Start positions (B, N, 3) [Å], from which neighbour slots are counted.
        precision: ``float32`` or ``float64``.
        widening: Neighbour slots relative to those that the start positions ask for;
            more than one means that these were too few.
        say: Receives one line about the evaluator of a force field.

    Raises:
        ModelError: The compiled force field disagrees with the plain one, or the model
            does not fit this campaign or this cell.
    """
    if model is None:
        settings = IonicSettings(**ionic)
        energy = ionic_energy_fn(numbers, cell, settings=settings)
        return without_table(energy)
    capacity = neighbor_capacity(
        starts, cell=cell, cutoff_A=model.settings.cutoff_A, margin=CAPACITY_MARGIN
    )
    dtype = jnp.dtype(precision)
    if widening > 1:
        wider = math.ceil(widening * capacity)
        return so3krates_energy_fn(model, numbers, cell, capacity=wider, dtype=dtype)
    return fastest_energy_fn(
        model, numbers, cell, capacity=capacity, dtype=dtype, frames=starts, say=say
    )
