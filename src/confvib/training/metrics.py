"""Errors of a force field on labelled frames, and what a committee says about them."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from confvib.forcefield.model import TrainedModel, require_known_species
from confvib.training.dataset import Frames, capacity_of, device_batch, slices
from confvib.training.evaluation import batch_energy_and_forces


@dataclass(frozen=True)
class ErrorTable:
    """Mean absolute, root-mean-square and largest errors over frames and components.

    ``reference_force_rms_meV_per_A`` is what a model without forces would score.
    """

    n_frames: int
    energy_mae_meV: float
    energy_rmse_meV: float
    energy_mae_meV_per_atom: float
    energy_rmse_meV_per_atom: float
    energy_max_meV_per_atom: float
    force_mae_meV_per_A: float
    force_rmse_meV_per_A: float
    force_max_meV_per_A: float
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
        energy_max_meV_per_atom=float(np.max(np.abs(energy_error))) / frames.n_atoms,
        force_mae_meV_per_A=_mae(force_error),
        force_rmse_meV_per_A=_rms(force_error),
        force_max_meV_per_A=float(np.max(np.abs(force_error))),
        reference_force_rms_meV_per_A=_rms(1e3 * np.asarray(frames.forces_eV_per_A)),
    )


@dataclass(frozen=True)
class Calibration:
    """How the spread of a committee compares with the errors of its first member.

    Attributes:
        n_members: Members.
        energy_spread_meV_per_atom: Root mean square of the spread of the energy.
        energy_error_per_spread: Root-mean-square error over it; 1 if the spread is right.
        energy_spread_correlation: Rank correlation of spread and error over frames.
        force_spread_meV_per_A: Likewise for force components.
        force_error_per_spread: Likewise for force components.
        force_spread_correlation: Rank correlation over atoms of the lengths of the
            spread and of the error.

    A correlation is None where either does not vary.
    """

    n_members: int
    energy_spread_meV_per_atom: float
    energy_error_per_spread: float
    energy_spread_correlation: float | None
    force_spread_meV_per_A: float
    force_error_per_spread: float
    force_spread_correlation: float | None


def committee_spread(predictions: Sequence[Prediction]) -> Prediction:
    """Take the standard deviation of what the members of a committee predict.

    Args:
        predictions: Results of :func:`predict` of two or more members, same frames.

    Returns:
        Sample standard deviation of energies and of each force component.
    """
    energies = np.stack([each.energies_eV for each in predictions])
    forces = np.stack([each.forces_eV_per_A for each in predictions])
    return Prediction(np.std(energies, axis=0, ddof=1), np.std(forces, axis=0, ddof=1))


def calibration(predictions: Sequence[Prediction], frames: Frames) -> Calibration:
    """Compare the spread of a committee with the errors of its first member.

    Args:
        predictions: Results of :func:`predict` of two or more members for these frames.
        frames: Labelled frames.

    Returns:
        Size of the spread, and how well it tells the size of the errors.
    """
    spread, first = committee_spread(predictions), predictions[0]
    energy_error = first.energies_eV - frames.energies_eV
    force_error = first.forces_eV_per_A - frames.forces_eV_per_A
    energy_spread, force_spread = _rms(spread.energies_eV), _rms(spread.forces_eV_per_A)
    return Calibration(
        n_members=len(predictions),
        energy_spread_meV_per_atom=1e3 * energy_spread / frames.n_atoms,
        energy_error_per_spread=_rms(energy_error) / energy_spread,
        energy_spread_correlation=_rank_correlation(
            spread.energies_eV, np.abs(energy_error)
        ),
        force_spread_meV_per_A=1e3 * force_spread,
        force_error_per_spread=_rms(force_error) / force_spread,
        force_spread_correlation=_rank_correlation(
            np.linalg.norm(spread.forces_eV_per_A, axis=-1).ravel(),
            np.linalg.norm(force_error, axis=-1).ravel(),
        ),
    )


def _rank_correlation(first: NDArray, second: NDArray) -> float | None:
    if min(np.ptp(first), np.ptp(second)) == 0.0:
        return None
    return float(np.asarray(spearmanr(first, second))[0])


def _mae(values: NDArray) -> float:
    return float(np.mean(np.abs(values)))


def _rms(values: NDArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
