"""Errors of test frames whose configuration was seen, and of the others."""

import io

import jax
import numpy as np
import pytest

from confvib.forcefield.checkpoint import save_model
from confvib.forcefield.model import TrainedModel, initial_parameters
from confvib.forcefield.settings import So3kratesSettings
from confvib.stages.evaluate_potential import evaluate_potential
from confvib.stages.job import Progress
from confvib.tables.contracts import METRICS, PREDICTIONS
from confvib.tables.parquet import read_table

SETTINGS = So3kratesSettings(
    features=8, heads=2, layers=1, degrees=(1,), cutoff_A=3.5, radial_functions=6
)


@pytest.fixture
def judge(labels):
    labels.write(
        [labels.row(f"s:{k}", frame) for k in range(12) for frame in range(k % 3 + 1)]
    )
    model = str(labels.folder / "model.msgpack")
    parameters = initial_parameters(SETTINGS, jax.random.key(0))
    trained = TrainedModel(
        SETTINGS, parameters, np.zeros(100), (3, 8), "md", "d", config_hash="model"
    )
    save_model(trained, model)

    def run(**split):
        outputs = {
            name: str(labels.folder / f"{name}.parquet")
            for name in ("metrics", "predictions")
        }
        evaluate_potential(
            {
                "labels": labels.paths,
                "dataset": labels.assemble(),
                "selection": None,
                "models": [model],
            },
            outputs,
            "md",
            {
                "split": {"n_train": 4, "n_valid": 3, "n_test": 8, "seed": 1, **split},
                "expected": labels.expected | {"models": ["model"]},
                "config_hash": "metrics",
            },
            Progress("evaluate", io.StringIO()),
        )
        metrics = read_table(outputs["metrics"], METRICS, "metrics").to_pylist()
        return {row["split"]: row for row in metrics}, read_table(
            outputs["predictions"], PREDICTIONS, "metrics"
        ).to_pandas()

    return run


def test_errors_by_frame_are_told_apart_by_what_was_seen(judge):
    metrics, predictions = judge()
    assert [*metrics] == ["train", "valid", "test", "test_seen", "test_unseen"]
    test = predictions[predictions["split"] == "test"]
    learned = set(predictions[predictions["split"] != "test"]["config_id"])
    seen = test["config_id"].isin(learned)
    assert (seen == test["configuration_seen"]).all()
    assert 0 < seen.sum() < 8
    for split, rows in (("test_seen", test[seen]), ("test_unseen", test[~seen])):
        error = rows["energy_predicted_eV"] - rows["energy_reference_eV"]
        force = np.stack(rows["forces_predicted_eV_per_A"]) - np.stack(
            rows["forces_reference_eV_per_A"]
        )
        row = metrics[split]
        assert (row["n_frames"], row["status"]) == (len(rows), "ok")
        assert row["energy_mae_meV"] == pytest.approx(1e3 * error.abs().mean())
        assert row["energy_rmse_meV_per_atom"] == pytest.approx(
            1e3 * np.sqrt((error**2).mean()) / 8
        )
        assert row["force_mae_meV_per_A"] == pytest.approx(1e3 * np.abs(force).mean())


def test_by_configuration_every_test_frame_is_new(judge):
    metrics, predictions = judge(by="configuration", held_out="next", draw=0)
    seen = predictions.groupby("split")["configuration_seen"].agg(["min", "max"])
    assert not seen.loc["test", "max"]
    assert seen.loc[["train", "valid"], "min"].all()
    row = metrics["test_seen"]
    assert (row["n_frames"], row["status"], row["energy_mae_meV"]) == (
        0,
        "no_frames",
        None,
    )
    assert row["reason"] == (
        "no test frame shares its configuration with a training or validation frame"
    )
    new = {**metrics["test_unseen"], "split": "test"}
    assert new == metrics["test"]
    assert new["n_frames"] == 8
