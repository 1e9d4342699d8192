"""Errors of a force field on labelled frames."""

from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from confvib.forcefield.model import TrainedModel, require_known_species
from confvib.training.dataset import Frames, capacity_of, device_batch, slices
from confvib.training.evaluation import batch_energy_and_forces


@dataclass(frozen=True)
class ErrorTable:
    """Mean absolute and root-mean-square errors over frames and force components.

    ``reference_force_rms_meV_per_A`` is what a model without forces would score.
    """

    n_frames: int
    energy_mae_meV: float
    energy_rmse_meV: float
    energy_mae_meV_per_atom: float
    energy_rmse_meV_per_atom: float
    force_mae_meV_per_A: float
    force_rmse_meV_per_A: float
    reference_force_rms_meV_per_A: float


@dataclass(frozen=True)
class Prediction:
    """Energies [eV/cell], ``(B,)``, and forces [eV/Å], ``(B, N, 3)``, float64."""

    energies_eV: NDArray[np.float64]
    forces_eV_per_A: NDArray[np.float64]


def predict(model: TrainedModel, frames: Frames, *, batch_size: int = 8) -> Prediction:
    """Evaluate a model in float32 on frames, a batch at a time.

    Args:
        model: The force field.
        frames: Frames, at least one; their labels are not used.
        batch_size: Frames evaluated together.

    Returns:
        Energies with their atomic shifts, and forces.

    Raises:
        ModelError: A species is unknown to the model.
    """
    require_known_species(model, frames.numbers)
    settings = model.settings
    capacity = capacity_of(frames, cutoff_A=settings.cutoff_A)
    evaluate = jax.jit(batch_energy_and_forces, static_argnums=0)
    energies, forces = [], []
    for part in slices(len(frames), batch_size):
        batch = device_batch(
            frames.select(np.arange(len(frames))[part]),
            shifts_eV=model.shifts_eV,
            cutoff_A=settings.cutoff_A,
            capacity=capacity,
        )
        energy, force = evaluate(settings, model.parameters, batch)
        energies.append(np.asarray(energy, np.float64))
        forces.append(np.asarray(force, np.float64))
    shift_eV = np.sum(model.shifts_eV[frames.numbers], axis=1)
    return Prediction(np.concatenate(energies) + shift_eV, np.concatenate(forces))


def error_table(prediction: Prediction, frames: Frames) -> ErrorTable:
    """Compare predictions with labels.

    Args:
        prediction: Result of :func:`predict` for the same frames.
        frames: Labelled frames.

    Returns:
        Errors per cell, per atom and per force component.
    """
    energy_error = 1e3 * (prediction.energies_eV - frames.energies_eV)
    force_error = 1e3 * (prediction.forces_eV_per_A - frames.forces_eV_per_A)
    energy_mae, energy_rmse = _mae(energy_error), _rms(energy_error)
    return ErrorTable(
        n_frames=len(frames),
        energy_mae_meV=energy_mae,
        energy_rmse_meV=energy_rmse,
        energy_mae_meV_per_atom=energy_mae / frames.n_atoms,
        energy_rmse_meV_per_atom=energy_rmse / frames.n_atoms,
        force_mae_meV_per_A=_mae(force_error),
        force_rmse_meV_per_A=_rms(force_error),
        reference_force_rms_meV_per_A=_rms(1e3 * np.asarray(frames.forces_eV_per_A)),
    )


def _mae(values: NDArray) -> float:
    return float(np.mean(np.abs(values)))


def _rms(values: NDArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
