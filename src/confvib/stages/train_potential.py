"""Stage ``train_potential``: labels to one SO3krates force field."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from confvib.forcefield.checkpoint import fingerprint, save_model
from confvib.forcefield.settings import So3kratesSettings, settings_from
from confvib.stages.job import Progress
from confvib.stages.labelled_frames import DataSet, training_rows
from confvib.stages.runtime import configure_jax
from confvib.stages.termination import termination
from confvib.tables.contracts import HISTORY
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.training.loop import train
from confvib.training.restart import Restart
from confvib.training.settings import TrainingSettings
from confvib.training.split import split_into
from confvib.training.state import HistoryRow
from confvib.training.watch import Watch

_SECONDS_BETWEEN_LINES = 5.0


def train_potential(
    inputs: Mapping[str, Any],
    model: str,
    history: str,
    role: str,
    params: Mapping[str, Any],
    resources: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Train a force field and write its checkpoint and its history.

    The state of the training is saved in ``params["restart"]`` every so often and when
    the job is told to end; the next attempt goes on from there.

    Args:
        inputs: Paths of the ``labels`` tables, of the ``dataset`` table made from them
            and of the ``selection`` table; the last is None where frames are drawn.
        model: The checkpoint to write.
        history: The ``history`` table to write.
        role: Name of the force field: ``relax``, ``md`` or a variant of one.
        params: Parameters of the rule.
        resources: Its resources: what changes the cost, and no result.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    data = DataSet(inputs["dataset"], inputs["labels"], params["expected"])
    progress.say(data.said())
    rows = training_rows(data, params, inputs["selection"])
    train_frames, valid_frames = data.frames(rows.train), data.frames(rows.valid)
    no_frames = train_frames.select(rows.test[:0])  # a training looks at no test frame
    split = split_into(train_frames, valid_frames, no_frames)
    key = (params["config_hash"], split.data_hash, params["code"])
    restart = Restart(
        Path(params["restart"]),
        hashlib.sha256(repr(key).encode()).hexdigest()[:16],
        60.0 * resources["save_interval_min"],
    )
    with termination() as stop:
        result = train(
            training_settings(params["settings"], resources["microbatch"]),
            split,
            seed=params["seed"],
            role=role,
            watch=Watch(_Lines(progress), progress.say, stop, restart),
        )
    trained = replace(result.model, config_hash=params["config_hash"])
    table = [{**asdict(row), "status": "ok", "reason": ""} for row in result.history]
    write_table(
        history,
        HISTORY,
        table,
        collect(
            params["config_hash"],
            started=started,
            inputs=[inputs["dataset"], *inputs["labels"]],
            model_fingerprint=fingerprint(trained),
            note=f"parameters of epoch {result.best_epoch}",
        ),
    )
    save_model(trained, model)
    restart.remove()
    ended = "stopped early" if result.stopped_early else "all epochs done"
    progress.say(
        f"{ended}, best epoch {result.best_epoch}, {time.monotonic() - started:.1f} s"
    )


class _Lines:
    """A line on the training every few seconds; its clock counts all attempts."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last = time.monotonic()

    def __call__(self, row: HistoryRow, max_epochs: int, left_s: float) -> None:
        now = time.monotonic()
        if row.epoch < max_epochs and now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        self._progress.say(
            f"{row.epoch}/{max_epochs} epochs, "
            f"{row.epoch / max(row.elapsed_s, 1e-9):.3g} per s, "
            f"{left_s:.0f} s left, learning rate {row.learning_rate:.1e}, "
            f"loss {row.train_loss:.3g}, validation {row.valid_loss:.3g} "
            f"({row.valid_energy_mae_meV_per_atom:.2f} meV/atom, "
            f"{row.valid_force_mae_meV_per_A:.0f} meV/Å)"
        )


def training_settings(settings: Mapping[str, Any], microbatch: int) -> TrainingSettings:
    """Return how to fit the force field that a ``potentials`` section describes.

    Args:
        settings: The section, without what changes no result.
        microbatch: Frames of a batch in memory at a time; 0 for all.
    """
    training = settings["training"]
    return TrainingSettings(
        network=network_settings(settings),
        learning_rate=training["learning_rate"],
        decay_factor=training["decay_factor"],
        decay_steps=training["decay_steps"],
        batch_size=training["batch_size"],
        max_epochs=training["max_epochs"],
        patience=training["patience_epochs"],
        beta=training["force_weight"],
        clip_norm=training["clip_norm"],
        microbatch=microbatch or None,
        energy_shifts_eV=tuple(sorted(settings.get("energy_shifts_eV", {}).items())),
    )


def network_settings(settings: Mapping[str, Any]) -> So3kratesSettings:
    """Return the architecture that a ``potentials`` section describes."""
    names = {field.name for field in fields(So3kratesSettings)}
    return settings_from({key: settings[key] for key in names & settings.keys()})
