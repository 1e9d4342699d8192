"""Stage ``evaluate_potential``: a force field against labels it was not trained on."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.forcefield.checkpoint import fingerprint
from confvib.stages.job import Progress
from confvib.stages.labelled_frames import DataSet, training_rows
from confvib.stages.potentials import load_checked
from confvib.stages.runtime import configure_jax
from confvib.tables.contracts import METRICS, PREDICTIONS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.training.configuration_split import share_configurations
from confvib.training.dataset import Frames
from confvib.training.metrics import (
    Calibration,
    Prediction,
    calibration,
    committee_spread,
    error_table,
    predict,
)

_NO_SPREAD = dict.fromkeys(field.name for field in fields(Calibration)) | {"n_members": 1}


def evaluate_potential(
    inputs: Mapping[str, Any],
    outputs: Mapping[str, str],
    role: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Predict the training, validation and test frames and tabulate the errors.

    Errors are those of the first model; the others of its committee add the spread.

    Args:
        inputs: Paths of the ``labels`` tables, of the ``dataset`` table made from them,
            of the ``selection`` table (None where training frames were drawn), and
            ``models``: checkpoints of the force field and of the rest of its committee.
        outputs: The ``metrics`` and the ``predictions`` table to write.
        role: Name of the force field.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    expected = params["expected"]
    data = DataSet(inputs["dataset"], inputs["labels"], expected)
    trained = [
        load_checked(path, config_hash)
        for path, config_hash in zip(inputs["models"], expected["models"], strict=True)
    ]
    rows = training_rows(data, params, inputs["selection"])
    learned = np.concatenate([rows.train, rows.valid])
    errors: list[dict[str, Any]] = []
    predicted: list[dict[str, Any]] = []
    for split in ("train", "valid", "test"):
        part = getattr(rows, split)
        chosen = data.frames(part)
        predictions = [predict(model, chosen) for model in trained]
        errors.append(_metrics_row(role, split, predictions, chosen))
        seen = share_configurations(data.configurations, part, learned)
        if split == "test":
            for name, which in (("test_seen", seen), ("test_unseen", ~seen)):
                errors.append(_subset_row(role, name, predictions, chosen, which))
        who = [
            {**each, "configuration_seen": bool(flag)}
            for each, flag in zip(data.identity(part), seen, strict=True)
        ]
        predicted += _prediction_rows(who, split, predictions, chosen)
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=[inputs["dataset"], *inputs["labels"], *inputs["models"]],
        model_fingerprint=fingerprint(trained[0]),
    )
    write_table(outputs["metrics"], METRICS, errors, provenance)
    write_table(outputs["predictions"], PREDICTIONS, predicted, provenance)
    progress.say(_summary({row["split"]: row for row in errors}))


def _summary(errors: Mapping[str, Mapping[str, Any]]) -> str:
    test, unseen = errors["test"], errors["test_unseen"]
    text = (
        f"test errors: energy {test['energy_mae_meV_per_atom']:.2f} meV/atom (MAE), "
        f"forces {test['force_rmse_meV_per_A']:.0f} meV/Å (RMSE) of "
        f"{test['force_rms_meV_per_A']:.0f} meV/Å"
    )
    if unseen["n_frames"]:
        text += (
            f"; of {unseen['n_frames']} frames of unseen configurations "
            f"{unseen['energy_mae_meV_per_atom']:.2f} meV/atom, "
            f"{unseen['force_rmse_meV_per_A']:.0f} meV/Å"
        )
    if test["n_members"] > 1:
        text += (
            f"; error over spread of {test['n_members']} members: energy "
            f"{test['energy_error_per_spread']:.2f}, "
            f"forces {test['force_error_per_spread']:.2f}"
        )
    return text


def _metrics_row(
    role: str, split: str, predictions: Sequence[Prediction], frames: Frames
) -> dict[str, Any]:
    errors = asdict(error_table(predictions[0], frames))
    force_rms = errors.pop("reference_force_rms_meV_per_A")
    several = len(predictions) > 1
    return {
        "model": role,
        "split": split,
        **errors,
        "force_rms_meV_per_A": force_rms,
        **(asdict(calibration(predictions, frames)) if several else _NO_SPREAD),
        "status": "ok",
        "reason": "",
    }


def _subset_row(
    role: str,
    split: str,
    predictions: Sequence[Prediction],
    frames: Frames,
    which: NDArray[np.bool_],
) -> dict[str, Any]:
    """Return the errors over some of the test frames, which may be none."""
    if which.any():
        part = [
            Prediction(each.energies_eV[which], each.forces_eV_per_A[which])
            for each in predictions
        ]
        return _metrics_row(role, split, part, frames.select(which))
    share = "its configuration with a training or validation frame"
    return {
        **dict.fromkeys(column.name for column in METRICS.columns),
        "model": role,
        "split": split,
        "n_frames": 0,
        "n_members": len(predictions),
        "status": "no_frames",
        "reason": f"no test frame shares {share}"
        if split == "test_seen"
        else f"every test frame shares {share}",
    }


def _prediction_rows(
    identity: Sequence[Mapping[str, Any]],
    split: str,
    predictions: Sequence[Prediction],
    frames: Frames,
) -> Iterator[dict[str, Any]]:
    first = predictions[0]
    spread = committee_spread(predictions) if len(predictions) > 1 else None
    for index, who in enumerate(identity):
        yield {
            **who,
            "split": split,
            "n_atoms": frames.n_atoms,
            "energy_reference_eV": float(frames.energies_eV[index]),
            "energy_predicted_eV": float(first.energies_eV[index]),
            "forces_reference_eV_per_A": frames.forces_eV_per_A[index].ravel(),
            "forces_predicted_eV_per_A": first.forces_eV_per_A[index].ravel(),
            "energy_spread_eV": spread and float(spread.energies_eV[index]),
            "forces_spread_eV_per_A": spread and spread.forces_eV_per_A[index].ravel(),
            "status": "ok",
            "reason": "",
        }
