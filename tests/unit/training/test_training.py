import dataclasses

import jax
import numpy as np
import pytest

from confvib.errors import ModelError, TrainingError
from confvib.forcefield.checkpoint import fingerprint, load_model, save_model
from confvib.forcefield.model import flat_parameters
from confvib.forcefield.network import So3kratesSettings
from confvib.forcefield.potential import force_fn, so3krates_energy_fn
from confvib.training.loop import train
from confvib.training.metrics import Prediction, error_table, predict
from confvib.training.settings import TrainingSettings
from confvib.training.split import split_at, split_rows
from confvib.training.watch import Watch

NETWORK = So3kratesSettings(
    features=12, heads=2, layers=1, degrees=(1, 2), cutoff_A=3.5, radial_functions=8
)
SETTINGS = TrainingSettings(
    network=NETWORK,
    learning_rate=1e-2,
    decay_factor=0.5,
    decay_steps=90,
    batch_size=4,
    max_epochs=60,
    patience=60,
    clip_norm=1.0,
)


@pytest.fixture(scope="module")
def split(frames):
    rows = split_rows(len(frames), n_train=14, n_valid=6, n_test=4, seed=0)
    return split_at(frames, rows)


@pytest.fixture(scope="module")
def result(split):
    return train(SETTINGS, split, seed=3, role="md")


def test_training_lowers_the_validation_loss(result):
    losses = [row.valid_loss for row in result.history]
    assert len(losses) == 60
    assert min(losses) < 0.5 * losses[0]
    assert result.best_epoch == 1 + int(np.argmin(losses))
    assert not result.stopped_early


def test_same_seed_same_parameters_and_another_seed_not(result, split):
    calls = []
    again = train(
        SETTINGS,
        split,
        seed=3,
        role="md",
        watch=Watch(
            lambda row, n_epochs, left_s: calls.append((row.epoch, n_epochs, left_s))
        ),
    )
    assert fingerprint(again.model) == fingerprint(result.model)
    assert [row.valid_loss for row in again.history] == [
        row.valid_loss for row in result.history
    ]
    assert [call[:2] for call in calls] == [(epoch, 60) for epoch in range(1, 61)]
    assert calls[-1][2] == 0.0
    short = dataclasses.replace(SETTINGS, max_epochs=1)
    other = train(short, split, seed=4, role="md")
    assert fingerprint(other.model) != fingerprint(result.model)


def test_learning_rate_is_a_staircase_of_steps(result):
    # 14 frames in batches of 4 are 3 steps per epoch; a decay every 90 steps.
    assert [row.step for row in result.history] == list(range(3, 183, 3))
    rates = [row.learning_rate for row in result.history]
    np.testing.assert_allclose(rates, [1e-2] * 30 + [5e-3] * 30, rtol=1e-6)


def test_the_model_knows_its_data(result, split):
    model = result.model
    assert model.species == (3, 8)
    assert (model.role, model.data_hash) == ("md", split.data_hash)
    assert model.shifts_eV[0] == 0.0
    assert len(np.unique(model.shifts_eV[1:])) == 1
    dtypes = {leaf.dtype for leaf in flat_parameters(model.parameters).values()}
    assert dtypes == {np.dtype("float32")}


def test_the_energy_zero_is_that_of_the_training_frames(result, split):
    error_eV = predict(result.model, split.train).energies_eV - split.train.energies_eV
    assert abs(np.median(error_eV)) < 1e-5
    assert error_eV.std() > 1e-4


def test_prediction_in_batches_is_that_of_the_energy_function(result, split, tmp_path):
    save_model(result.model, tmp_path / "md.msgpack")
    model = load_model(tmp_path / "md.msgpack")
    together = predict(model, split.valid, batch_size=4)
    cell = split.valid.cells[0]
    fn = so3krates_energy_fn(
        model, split.valid.numbers[0], cell, capacity=20, dtype=np.float64
    )
    evaluate = jax.jit(force_fn(fn))
    for index, positions in enumerate(split.valid.positions):
        energy_eV, forces, _ = evaluate(positions)
        assert abs(together.energies_eV[index] - energy_eV) < 1e-4
        np.testing.assert_allclose(together.forces_eV_per_A[index], forces, atol=1e-4)


def test_history_reports_the_errors_of_the_stored_model(result, split):
    prediction = predict(result.model, split.valid)
    row = result.history[result.best_epoch - 1]
    # The history was written before the energy zero was set.
    zero_eV = split.train.energies_eV.mean() - 6 * result.model.shifts_eV[1]
    as_trained = Prediction(prediction.energies_eV + zero_eV, prediction.forces_eV_per_A)
    table = error_table(as_trained, split.valid)
    np.testing.assert_allclose(
        [table.energy_mae_meV_per_atom, table.force_mae_meV_per_A],
        [row.valid_energy_mae_meV_per_atom, row.valid_force_mae_meV_per_A],
        rtol=1e-3,
    )


def test_errors_by_hand(split):
    valid = split.valid
    energy_error = np.array([0.012, -0.012, 0.0, 0.0, 0.0, 0.0])
    force_error = np.zeros((6, 6, 3))
    force_error[0, 0] = [0.3, 0.0, -0.3]
    table = error_table(
        Prediction(valid.energies_eV + energy_error, valid.forces_eV_per_A + force_error),
        valid,
    )
    np.testing.assert_allclose(table.energy_mae_meV, 4.0, rtol=1e-9)
    np.testing.assert_allclose(table.energy_rmse_meV, 12 / np.sqrt(3), rtol=1e-9)
    np.testing.assert_allclose(table.energy_mae_meV_per_atom, 4.0 / 6, rtol=1e-9)
    np.testing.assert_allclose(table.energy_rmse_meV_per_atom, 2 / np.sqrt(3), rtol=1e-9)
    np.testing.assert_allclose(table.energy_max_meV_per_atom, 2.0, rtol=1e-9)
    np.testing.assert_allclose(table.force_max_meV_per_A, 300.0, rtol=1e-9)
    np.testing.assert_allclose(table.force_mae_meV_per_A, 600 / 108, rtol=1e-9)
    np.testing.assert_allclose(table.force_rmse_meV_per_A, 300 / np.sqrt(54), rtol=1e-9)
    rms = 1e3 * np.sqrt(np.mean(valid.forces_eV_per_A**2))
    np.testing.assert_allclose(table.reference_force_rms_meV_per_A, rms, rtol=1e-12)


def test_early_stopping_keeps_the_best_epoch(split):
    # A vanishing rate freezes the parameters: validation never improves again.
    frozen = dataclasses.replace(SETTINGS, learning_rate=1e-30, patience=2)
    result = train(frozen, split, seed=0, role="md")
    assert result.stopped_early
    assert result.best_epoch == 1
    assert len(result.history) == 3


def test_a_diverging_loss_names_its_epoch(split):
    wild = dataclasses.replace(SETTINGS, learning_rate=1e30, clip_norm=float("inf"))
    with pytest.raises(TrainingError, match=r"loss is not finite in epoch 1: .*nan"):
        train(wild, split, seed=0, role="md")


def test_impossible_requests_are_refused(split, result):
    large = dataclasses.replace(SETTINGS, batch_size=15)
    with pytest.raises(
        TrainingError, match=r"batch_size 15 exceeds the 14 training frames"
    ):
        train(large, split, seed=0, role="md")
    for change, message in [
        ({"learning_rate": 0.0}, r"learning_rate must be > 0, got 0.0"),
        ({"clip_norm": -1.0}, r"clip_norm must be > 0, got -1.0"),
        ({"beta": 1.5}, r"beta must be in \(0, 1\], got 1.5"),
        ({"decay_factor": 0.0}, r"decay_factor must be in \(0, 1\], got 0.0"),
        ({"max_epochs": 0}, r"max_epochs must be >= 1, got 0"),
        ({"microbatch": 3}, r"microbatch must divide batch_size 4, got 3"),
    ]:
        with pytest.raises(TrainingError, match=message):
            dataclasses.replace(SETTINGS, **change)
    foreign = dataclasses.replace(split.valid, numbers=split.valid.numbers + 1)
    with pytest.raises(ModelError, match=r"atomic numbers \[4, 9\] are not among"):
        predict(result.model, foreign)
