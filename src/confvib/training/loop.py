"""Fit a force field: Adam, staircase decay, early stopping, best parameters kept."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from confvib.errors import TrainingError
from confvib.forcefield.model import (
    TrainedModel,
    initial_parameters,
    mean_energy_shifts_eV,
)
from confvib.training.dataset import (
    Batch,
    Split,
    batch_indices,
    capacity_of,
    device_batch,
)
from confvib.training.epoch import (
    energy_and_force_errors,
    learning_rate_at,
    optimizer_of,
    run_epoch,
    validation_errors,
)
from confvib.training.settings import TrainingSettings


@dataclass(frozen=True)
class HistoryRow:
    """State after one epoch; ``elapsed_s`` alone differs between equal runs.

    Attributes:
        epoch: Epochs done.
        step: Optimiser steps done.
        train_loss: Mean loss of the epoch's batches, while parameters moved.
        valid_loss: Loss of the validation frames after the epoch.
        valid_energy_mae_meV_per_atom: Mean absolute energy error [meV/atom].
        valid_force_mae_meV_per_A: Mean absolute error of force components [meV/Å].
        learning_rate: Learning rate of the epoch's last step.
        elapsed_s: Wall time since the start [s].
    """

    epoch: int
    step: int
    train_loss: float
    valid_loss: float
    valid_energy_mae_meV_per_atom: float
    valid_force_mae_meV_per_A: float
    learning_rate: float
    elapsed_s: float


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and how it came about.

    Attributes:
        model: Parameters of the best epoch on the validation frames.
        history: One row per epoch.
        best_epoch: Epoch of the parameters.
        stopped_early: True when patience ran out before ``max_epochs``.
    """

    model: TrainedModel
    history: tuple[HistoryRow, ...]
    best_epoch: int
    stopped_early: bool


Progress: TypeAlias = Callable[[HistoryRow, int, float], None]
"""Called after each epoch with its row, ``max_epochs`` and seconds left at most."""


def train(
    settings: TrainingSettings,
    split: Split,
    *,
    seed: int,
    role: str,
    progress: Progress | None = None,
) -> TrainingResult:
    """Fit So3krates to labelled frames.

    The result depends on settings, data and seed alone: there is no limit on wall time.
    At the end the energy zero, on which no force depends, is set so that the mean energy
    error of the training frames vanishes; the history shows the errors before that.

    Args:
        settings: How to fit.
        split: Training and validation frames; the test frames are not looked at.
        seed: Seed of the initial parameters and of the shuffles.
        role: What the model is for, stored with it.
        progress: Called after each epoch.

    Returns:
        Model of the best epoch and the history.

    Raises:
        TrainingError: Fewer training frames than a batch, or a loss that is not finite.

    Source: paper section 5.2 and eq 16.
    """
    n_train = len(split.train)
    if n_train < settings.batch_size:
        raise TrainingError(
            f"batch_size {settings.batch_size} exceeds the {n_train} training frames"
        )
    shifts_eV = mean_energy_shifts_eV(split.train.energies_eV, split.train.n_atoms)
    train_batch, valid_batch = _device_batches(split, settings, shifts_eV)
    rng = np.random.default_rng(seed)
    parameters = initial_parameters(settings.network, jax.random.key(seed))
    moments = optimizer_of(settings).init(parameters)

    history: list[HistoryRow] = []
    best, best_epoch, best_loss, epoch = parameters, 0, math.inf, 0
    started = time.monotonic()
    for epoch in range(1, settings.max_epochs + 1):
        index = batch_indices(n_train, batch_size=settings.batch_size, rng=rng)
        parameters, moments, losses = run_epoch(
            settings, parameters, moments, train_batch, index
        )
        step = epoch * len(index)
        row = HistoryRow(
            epoch=epoch,
            step=step,
            train_loss=float(np.mean(losses)),
            **validation_errors(settings, parameters, valid_batch),
            learning_rate=learning_rate_at(settings, step - 1),
            elapsed_s=time.monotonic() - started,
        )
        _require_finite(row)
        history.append(row)
        if row.valid_loss < best_loss:
            best, best_epoch, best_loss = parameters, epoch, row.valid_loss
        if progress is not None:
            left_s = row.elapsed_s / epoch * (settings.max_epochs - epoch)
            progress(row, settings.max_epochs, left_s)
        if epoch - best_epoch >= settings.patience:
            break
    model = TrainedModel(
        settings=settings.network,
        parameters=jax.tree.map(np.asarray, best),
        shifts_eV=_centred(shifts_eV, settings, best, train_batch),
        species=tuple(int(z) for z in np.unique(split.train.numbers)),
        role=role,
        data_hash=split.data_hash,
    )
    return TrainingResult(
        model=model,
        history=tuple(history),
        best_epoch=best_epoch,
        stopped_early=len(history) < settings.max_epochs,
    )


def _device_batches(
    split: Split, settings: TrainingSettings, shifts_eV: NDArray
) -> tuple[Batch, Batch]:
    cutoff_A = settings.network.cutoff_A
    capacity = capacity_of(split.train, split.valid, cutoff_A=cutoff_A)
    to_device = partial(
        device_batch, shifts_eV=shifts_eV, cutoff_A=cutoff_A, capacity=capacity
    )
    return to_device(split.train), to_device(split.valid)


def _centred(
    shifts_eV: NDArray, settings: TrainingSettings, parameters: Any, frames: Batch
) -> NDArray:
    """Solve eq 16 exactly for its one linear unknown, the energy zero."""
    error_eV, _ = energy_and_force_errors(settings, parameters, frames)
    offset_eV = np.mean(np.asarray(error_eV, np.float64)) / frames.numbers.shape[1]
    return np.concatenate([shifts_eV[:1], shifts_eV[1:] - offset_eV])


def _require_finite(row: HistoryRow) -> None:
    if not (math.isfinite(row.train_loss) and math.isfinite(row.valid_loss)):
        raise TrainingError(
            f"loss is not finite in epoch {row.epoch}: training {row.train_loss}, "
            f"validation {row.valid_loss}; a lower learning_rate or a finite clip_norm "
            "may help"
        )
