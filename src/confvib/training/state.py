"""Where a training stands: everything that the next optimiser step depends on."""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from confvib.forcefield.model import initial_parameters
from confvib.training.epoch import optimizer_of
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
        elapsed_s: Wall time spent on it, all attempts together [s].
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
class TrainingState:
    """A point between two optimiser steps.

    The shuffles need no entry: they follow from the seed and the epoch.

    Attributes:
        parameters: Current parameters.
        moments: State of the optimiser.
        best: Parameters of the best epoch so far.
        best_epoch: That epoch; 0 before the first validation.
        best_loss: Its validation loss.
        epoch: Epochs done, their validation included.
        step: Optimiser steps done in the next epoch.
        losses: Loss of every batch of that epoch, zero where not done, ``(S,)``.
        history: One row per epoch done.
        elapsed_s: Wall time spent so far, all attempts together [s].
    """

    parameters: Any
    moments: Any
    best: Any
    best_epoch: int
    best_loss: float
    epoch: int
    step: int
    losses: Any
    history: tuple[HistoryRow, ...]
    elapsed_s: float

    def arrays(self) -> dict[str, Any]:
        """Write the state as a tree of arrays."""
        numbers = [getattr(self, name) for name in _NUMBERS]
        # A row of nothing in front, because Orbax stores no empty array.
        rows = [
            (0.0,) * len(fields(HistoryRow)),
            *(astuple(row) for row in self.history),
        ]
        return {
            **{name: getattr(self, name) for name in _TREES},
            "numbers": np.array(numbers, np.float64),
            "history": np.array(rows, np.float64),
        }

    def with_arrays(self, arrays: Mapping[str, Any]) -> "TrainingState":
        """Read a state that :meth:`arrays` of a state of this training wrote."""
        best_epoch, best_loss, epoch, step, elapsed_s = arrays["numbers"].tolist()
        return replace(
            self,
            **{name: arrays[name] for name in _TREES},
            best_epoch=int(best_epoch),
            best_loss=best_loss,
            epoch=int(epoch),
            step=int(step),
            elapsed_s=elapsed_s,
            history=tuple(_row(values) for values in arrays["history"][1:]),
        )


_TREES = ("parameters", "moments", "best", "losses")
_NUMBERS = ("best_epoch", "best_loss", "epoch", "step", "elapsed_s")


def _row(values: NDArray) -> HistoryRow:
    epoch, step, *rest = values.tolist()
    return HistoryRow(int(epoch), int(step), *rest)


def initial_state(settings: TrainingSettings, n_steps: int, seed: int) -> TrainingState:
    """Return the state before the first step.

    Args:
        settings: How to fit.
        n_steps: Optimiser steps of an epoch.
        seed: Seed of the initial parameters.
    """
    parameters = initial_parameters(settings.network, jax.random.key(seed))
    return TrainingState(
        parameters=parameters,
        moments=optimizer_of(settings).init(parameters),
        best=parameters,
        best_epoch=0,
        best_loss=math.inf,
        epoch=0,
        step=0,
        losses=np.zeros(n_steps, np.float32),
        history=(),
        elapsed_s=0.0,
    )
