"""Fit a force field: Adam, staircase decay, early stopping, best parameters kept."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from numpy.typing import NDArray

from confvib.errors import Interrupted, TrainingError
from confvib.forcefield.memory import device_bytes, program_memory
from confvib.forcefield.model import TrainedModel, energy_shifts_eV
from confvib.training.dataset import Batch, batch_indices, capacity_of, device_batch
from confvib.training.devices import everywhere, frame_sharding
from confvib.training.epoch import (
    energy_and_force_errors,
    learning_rate_at,
    run_steps,
    validation_errors,
)
from confvib.training.memory import describe, require_fit
from confvib.training.settings import TrainingSettings
from confvib.training.split import Split
from confvib.training.state import HistoryRow, TrainingState, initial_state
from confvib.training.watch import Watch

_PART_S = 2.0
"""Wall time of the steps between two looks at the clock and at :attr:`Watch.stop` [s]."""


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


def train(
    settings: TrainingSettings,
    split: Split,
    *,
    seed: int,
    role: str,
    watch: Watch | None = None,
) -> TrainingResult:
    """Fit So3krates to labelled frames.

    The result depends on settings, data and seed alone: there is no limit on wall time,
    and a training that was interrupted goes on bit for bit as if it had not been.
    At the end the energy zero, on which no force depends, is set so that the median
    energy error of the training frames vanishes; the history shows errors before that.

    Args:
        settings: How to fit.
        split: Training and validation frames; the test frames are not looked at.
        seed: Seed of the initial parameters and of the shuffles.
        role: What the model is for, stored with it.
        watch: Reports, restarts and the wish to stop.

    Returns:
        Model of the best epoch and the history.

    Raises:
        TrainingError: Fewer training frames than a batch, a step that does not fit into
            the device's memory, or a loss that is not finite.
        Interrupted: ``watch.stop`` said so; the state is saved.

    Source: paper section 5.2 and eq 16.
    """
    n_train = len(split.train)
    if n_train < settings.batch_size:
        raise TrainingError(
            f"batch_size {settings.batch_size} exceeds the {n_train} training frames"
        )
    loop = _Loop(settings, split, seed, watch or Watch())
    state = loop.run()
    shifts_eV = _centred(loop.shifts_eV, settings, state.best, loop.train_frames)
    model = TrainedModel(
        settings=settings.network,
        parameters=jax.tree.map(np.asarray, state.best),
        shifts_eV=shifts_eV,
        species=tuple(int(z) for z in np.unique(split.train.numbers)),
        role=role,
        data_hash=split.data_hash,
    )
    return TrainingResult(
        model=model,
        history=state.history,
        best_epoch=state.best_epoch,
        stopped_early=state.epoch < settings.max_epochs,
    )


class _Loop:
    """Epochs of one training, from its newest state to its end."""

    def __init__(
        self, settings: TrainingSettings, split: Split, seed: int, watch: Watch
    ) -> None:
        self.settings, self.seed, self.watch = settings, seed, watch
        self.n_train = len(split.train)
        self.n_steps = self.n_train // settings.batch_size
        self.shifts_eV = energy_shifts_eV(
            split.train.energies_eV, split.train.numbers, dict(settings.energy_shifts_eV)
        )
        self.sharding = frame_sharding(settings.frames_at_once)
        train_frames, valid_frames = _device_batches(split, settings, self.shifts_eV)
        self.train_frames = everywhere(train_frames, self.sharding)
        self.valid_frames = valid_frames
        self.started = time.monotonic()
        self.pace_s = math.inf

    def run(self) -> TrainingState:
        """Train until the last epoch, or until patience runs out."""
        settings, restart = self.settings, self.watch.restart
        state = initial_state(settings, self.n_steps, self.seed)
        self.steps = self._compile(state)
        resumed = restart.load(state) if restart else None
        if resumed is not None:
            state = resumed
            self.watch.say(f"resumed after epoch {state.epoch}, step {state.step}")
        self.started -= state.elapsed_s
        rng = np.random.default_rng(self.seed)
        for _ in range(state.epoch):
            self._shuffled(rng)
        while (
            state.epoch < settings.max_epochs
            and state.epoch - state.best_epoch < settings.patience
        ):
            state = self._validated(self._stepped(state, self._shuffled(rng)))
            self._between_steps(state)
        return state

    def _shuffled(self, rng: np.random.Generator) -> NDArray[np.int32]:
        return batch_indices(self.n_train, batch_size=self.settings.batch_size, rng=rng)

    def _compile(self, state: TrainingState) -> Callable[..., tuple[Any, Any, Any]]:
        def lower(settings: TrainingSettings, sharding: NamedSharding | None) -> Any:
            index = np.zeros((self.n_steps, settings.batch_size), np.int32)
            carry = (state.parameters, state.moments, state.losses)
            carry, step = everywhere(carry, sharding), np.int32(0)
            return run_steps.lower(
                settings, sharding, carry, self.train_frames, index, step, step
            ).compile()

        def memory_with(microbatch: int) -> Any:
            changed = replace(self.settings, microbatch=microbatch)
            return program_memory(lower(changed, frame_sharding(microbatch)))

        compiled = lower(self.settings, self.sharding)
        memory, device = program_memory(compiled), jax.local_devices()[0]
        self.watch.say(describe(memory, device))
        require_fit(memory, device_bytes(device), self.settings.batch_size, memory_with)
        return compiled

    def _stepped(self, state: TrainingState, index: NDArray) -> TrainingState:
        """Do the steps of an epoch that are left, a few seconds' worth at a time."""
        carry = (state.parameters, state.moments, state.losses)
        carry = everywhere(carry, self.sharding)
        while state.step < self.n_steps:
            began, start = time.monotonic(), np.int32(state.step)
            n_steps = max(1, int(_PART_S / self.pace_s))
            stop = np.int32(min(start + n_steps, self.n_steps))
            carry = jax.block_until_ready(
                self.steps(carry, self.train_frames, index, start, stop)
            )
            self.pace_s = (time.monotonic() - began) / float(stop - start)
            parameters, moments, losses = carry
            state = replace(
                state,
                parameters=parameters,
                moments=moments,
                losses=losses,
                step=int(stop),
                elapsed_s=time.monotonic() - self.started,
            )
            self._between_steps(state)
        return state

    def _validated(self, state: TrainingState) -> TrainingState:
        """Close an epoch: errors of the validation frames, best parameters, history."""
        settings, epoch = self.settings, state.epoch + 1
        n_done = epoch * self.n_steps
        row = HistoryRow(
            epoch=epoch,
            step=n_done,
            train_loss=float(jnp.mean(jnp.asarray(state.losses))),
            **validation_errors(settings, state.parameters, self.valid_frames),
            learning_rate=learning_rate_at(settings, n_done - 1),
            elapsed_s=time.monotonic() - self.started,
        )
        _require_finite(row)
        left_s = row.elapsed_s / epoch * (settings.max_epochs - epoch)
        self.watch.progress(row, settings.max_epochs, left_s)
        if row.valid_loss < state.best_loss:
            state = replace(
                state,
                best=state.parameters,
                best_epoch=epoch,
                best_loss=row.valid_loss,
            )
        return replace(
            state,
            epoch=epoch,
            step=0,
            losses=np.zeros_like(state.losses),
            history=(*state.history, row),
            elapsed_s=row.elapsed_s,
        )

    def _between_steps(self, state: TrainingState) -> None:
        """Save when it is time; save and end when the job must."""
        restart, stop = self.watch.restart, self.watch.stop()
        if restart and (stop or restart.due()):
            restart.save(state)
        if stop:
            raise Interrupted(
                f"asked to stop after epoch {state.epoch}, step {state.step}; "
                + ("the next attempt goes on from there" if restart else "nothing saved")
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
    """Choose the energy zero that most training frames agree on.

    The mean would be what minimises eq 16, but one hot frame in a hundred, off by 5 eV,
    then shifts all others by 50 meV per cell.
    """
    error_eV, _ = energy_and_force_errors(settings, parameters, frames)
    offset_eV = np.median(np.asarray(error_eV, np.float64)) / frames.numbers.shape[1]
    return np.concatenate([shifts_eV[:1], shifts_eV[1:] - offset_eV])


def _require_finite(row: HistoryRow) -> None:
    if not (math.isfinite(row.train_loss) and math.isfinite(row.valid_loss)):
        raise TrainingError(
            f"loss is not finite in epoch {row.epoch}: training {row.train_loss}, "
            f"validation {row.valid_loss}; a lower learning_rate or a finite clip_norm "
            "may help"
        )
