"""Stage ``evaluate_potential``: a force field against labels it was not trained on."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from confvib.forcefield.checkpoint import fingerprint
from confvib.stages.job import Progress
from confvib.stages.labelled_frames import read_labelled_frames, training_rows
from confvib.stages.potentials import load_checked
from confvib.stages.runtime import configure_jax
from confvib.tables.contracts import METRICS, PREDICTIONS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
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
    labels: Sequence[str],
    models: Sequence[str],
    selection: str | None,
    outputs: Mapping[str, str],
    role: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Predict the training, validation and test frames and tabulate the errors.

    Errors are those of the first model; the others of its committee add the spread.

    Args:
        labels: The ``labels`` tables.
        models: Checkpoints of the force field and of the rest of its committee.
        selection: The ``selection`` table; None where training frames were drawn.
        outputs: The ``metrics`` and the ``predictions`` table to write.
        role: Name of the force field.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    expected = params["expected"]
    identity, frames, _ = read_labelled_frames(labels, expected["labels"])
    trained = [
        load_checked(path, config_hash)
        for path, config_hash in zip(models, expected["models"], strict=True)
    ]
    rows = training_rows(len(frames), params, selection)
    errors: list[dict[str, Any]] = []
    predicted: list[dict[str, Any]] = []
    for split in ("train", "valid", "test"):
        part = getattr(rows, split)
        chosen = frames.select(part)
        predictions = [predict(model, chosen) for model in trained]
        errors.append(_metrics_row(role, split, predictions, chosen))
        names = [identity[row] for row in part]
        predicted += _prediction_rows(names, split, predictions, chosen)
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=[*labels, *models],
        model_fingerprint=fingerprint(trained[0]),
    )
    write_table(outputs["metrics"], METRICS, errors, provenance)
    write_table(outputs["predictions"], PREDICTIONS, predicted, provenance)
    progress.say(_summary(errors[-1]))


def _summary(test: Mapping[str, Any]) -> str:
    text = (
        f"test errors: energy {test['energy_mae_meV_per_atom']:.2f} meV/atom (MAE), "
        f"forces {test['force_rmse_meV_per_A']:.0f} meV/Å (RMSE) of "
        f"{test['force_rms_meV_per_A']:.0f} meV/Å"
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
            "forces_reference_eV_per_A": frames.forces_eV_per_A[index].ravel().tolist(),
            "forces_predicted_eV_per_A": first.forces_eV_per_A[index].ravel().tolist(),
            "energy_spread_eV": spread and float(spread.energies_eV[index]),
            "forces_spread_eV_per_A": spread
            and spread.forces_eV_per_A[index].ravel().tolist(),
            "status": "ok",
            "reason": "",
        }
