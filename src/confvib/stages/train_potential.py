"""Stage ``train_potential``: labels to one SO3krates force field."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from confvib.forcefield.checkpoint import fingerprint, save_model
from confvib.forcefield.network import So3kratesSettings
from confvib.stages.job import Progress
from confvib.stages.labelled_frames import read_labelled_frames
from confvib.stages.runtime import configure_jax
from confvib.tables.contracts import HISTORY
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.training.dataset import split_frames
from confvib.training.loop import HistoryRow, TrainingSettings, train


def train_potential(
    labels: Sequence[str],
    model: str,
    history: str,
    role: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Train a force field and write its checkpoint and its history.

    Args:
        labels: The ``labels`` tables.
        model: The checkpoint to write.
        history: The ``history`` table to write.
        role: ``relax`` or ``md``.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    settings = params["settings"]
    training = settings["training"]
    _, frames, said = read_labelled_frames(labels, params["expected"])
    progress.say(said)
    split = split_frames(frames, **split_sizes(training), seed=params["seed"])

    def report(row: HistoryRow, max_epochs: int, _: float) -> None:
        progress.update(
            row.epoch,
            max_epochs,
            "epochs",
            f"loss {row.train_loss:.3g}, validation {row.valid_loss:.3g} "
            f"({row.valid_energy_mae_meV_per_atom:.2f} meV/atom, "
            f"{row.valid_force_mae_meV_per_A:.0f} meV/Å)",
        )

    result = train(
        TrainingSettings(
            network=network_settings(settings),
            learning_rate=training["learning_rate"],
            decay_factor=training["decay_factor"],
            decay_steps=training["decay_steps"],
            batch_size=training["batch_size"],
            max_epochs=training["max_epochs"],
            patience=training["patience_epochs"],
            beta=training["force_weight"],
            clip_norm=training["clip_norm"],
        ),
        split,
        seed=params["seed"],
        role=role,
        progress=report,
    )
    trained = replace(result.model, config_hash=params["config_hash"])
    rows = [{**asdict(row), "status": "ok", "reason": ""} for row in result.history]
    write_table(
        history,
        HISTORY,
        rows,
        collect(
            params["config_hash"],
            started=started,
            inputs=labels,
            model_fingerprint=fingerprint(trained),
            note=f"parameters of epoch {result.best_epoch}",
        ),
    )
    save_model(trained, model)
    ended = "stopped early" if result.stopped_early else "all epochs done"
    progress.say(
        f"{ended}, best epoch {result.best_epoch}, {time.monotonic() - started:.1f} s"
    )


def network_settings(settings: Mapping[str, Any]) -> So3kratesSettings:
    """Return the architecture that a ``potentials`` section describes."""
    return So3kratesSettings(
        features=settings["features"],
        heads=settings["heads"],
        layers=settings["layers"],
        degrees=tuple(settings["degrees"]),
        cutoff_A=settings["cutoff_A"],
        radial_functions=settings["radial_functions"],
    )


def split_sizes(training: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the parts, as the split functions take them."""
    return {key: training[key] for key in ("n_train", "n_valid", "n_test")}
