"""Stage ``evaluate_potential``: a force field against labels it was not trained on."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from confvib.forcefield.checkpoint import fingerprint
from confvib.stages.job import Progress
from confvib.stages.labelled_frames import read_labelled_frames
from confvib.stages.potentials import load_checked
from confvib.stages.runtime import configure_jax
from confvib.stages.train_potential import split_sizes
from confvib.tables.contracts import METRICS, PREDICTIONS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.training.dataset import Frames, split_rows
from confvib.training.metrics import Prediction, error_table, predict


def evaluate_potential(
    labels: Sequence[str],
    model: str,
    metrics: str,
    predictions: str,
    role: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Predict the training, validation and test frames and tabulate the errors.

    Args:
        labels: The ``labels`` tables.
        model: Checkpoint of the force field.
        metrics: The ``metrics`` table to write.
        predictions: The ``predictions`` table to write.
        role: ``relax`` or ``md``.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    identity, frames, _ = read_labelled_frames(labels, params["expected"])
    trained = load_checked(model, params["config_hash"])
    parts = split_rows(
        len(frames), **split_sizes(params["settings"]["training"]), seed=params["seed"]
    )
    errors: list[dict[str, Any]] = []
    predicted: list[dict[str, Any]] = []
    for split, rows in zip(("train", "valid", "test"), parts, strict=True):
        chosen = frames.select(rows)
        prediction = predict(trained, chosen)
        errors.append(_metrics_row(role, split, prediction, chosen))
        names = [identity[row] for row in rows]
        predicted += _prediction_rows(names, split, prediction, chosen)
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=[*labels, model],
        model_fingerprint=fingerprint(trained),
    )
    write_table(metrics, METRICS, errors, provenance)
    write_table(predictions, PREDICTIONS, predicted, provenance)
    test = errors[-1]
    progress.say(
        f"test errors: energy {test['energy_mae_meV_per_atom']:.2f} meV/atom (MAE), "
        f"forces {test['force_rmse_meV_per_A']:.0f} meV/Å (RMSE) of "
        f"{test['force_rms_meV_per_A']:.0f} meV/Å"
    )


def _metrics_row(
    role: str, split: str, prediction: Prediction, frames: Frames
) -> dict[str, Any]:
    errors = asdict(error_table(prediction, frames))
    force_rms = errors.pop("reference_force_rms_meV_per_A")
    return {
        "model": role,
        "split": split,
        **errors,
        "force_rms_meV_per_A": force_rms,
        "status": "ok",
        "reason": "",
    }


def _prediction_rows(
    identity: Sequence[Mapping[str, Any]],
    split: str,
    prediction: Prediction,
    frames: Frames,
) -> Iterator[dict[str, Any]]:
    for index, who in enumerate(identity):
        yield {
            **who,
            "split": split,
            "n_atoms": frames.n_atoms,
            "energy_reference_eV": float(frames.energies_eV[index]),
            "energy_predicted_eV": float(prediction.energies_eV[index]),
            "forces_reference_eV_per_A": frames.forces_eV_per_A[index].ravel().tolist(),
            "forces_predicted_eV_per_A": prediction.forces_eV_per_A[index]
            .ravel()
            .tolist(),
            "status": "ok",
            "reason": "",
        }
