"""An interrupted training is bit for bit the undisturbed one."""

import dataclasses
from itertools import count

import numpy as np
import pytest

from confvib.errors import Interrupted
from confvib.forcefield.checkpoint import save_model
from confvib.forcefield.network import So3kratesSettings
from confvib.training import loop
from confvib.training.loop import train
from confvib.training.restart import Restart
from confvib.training.settings import TrainingSettings
from confvib.training.split import split_at, split_rows
from confvib.training.state import initial_state
from confvib.training.watch import Watch

NETWORK = So3kratesSettings(
    features=12, heads=2, layers=1, degrees=(1, 2), cutoff_A=3.5, radial_functions=8
)
SETTINGS = TrainingSettings(
    network=NETWORK, learning_rate=1e-2, decay_steps=5, batch_size=4, max_epochs=4
)


@pytest.fixture(scope="module")
def split(frames):
    rows = split_rows(len(frames), n_train=14, n_valid=6, n_test=4, seed=0)
    return split_at(frames, rows)


def fit(split, **watch):
    return train(SETTINGS, split, seed=3, role="md", watch=Watch(**watch))


def without_time(result):
    return [dataclasses.replace(row, elapsed_s=0.0) for row in result.history]


def test_stops_within_epochs_and_between_leave_no_trace(split, tmp_path, monkeypatch):
    undisturbed = fit(split)
    # A look at the clock after every step: 3 an epoch, and one after its validation.
    monkeypatch.setattr(loop, "_PART_S", 0.0)
    restart = Restart(tmp_path / "restart", "key", interval_s=1e9)
    said = []
    for n_looks in (2, 2, 2):
        looks = count(1)
        with pytest.raises(Interrupted, match=r"asked to stop after epoch"):
            fit(
                split,
                restart=restart,
                say=said.append,
                stop=lambda looks=looks, last=n_looks: next(looks) == last,
            )
    resumed = fit(split, restart=restart, say=said.append)
    assert [line for line in said if "resumed" in line] == [
        "resumed after epoch 0, step 2",
        "resumed after epoch 1, step 0",
        "resumed after epoch 1, step 2",
    ]
    assert without_time(resumed) == without_time(undisturbed)
    assert resumed.best_epoch == undisturbed.best_epoch
    for name, result in (("a", resumed), ("b", undisturbed)):
        save_model(result.model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_elapsed_time_counts_all_attempts(split, tmp_path):
    restart = Restart(tmp_path, "key", interval_s=1e9)
    template = initial_state(SETTINGS, 3, seed=3)
    restart.save(dataclasses.replace(template, elapsed_s=1000.0))
    result = fit(split, restart=restart)
    assert all(1000.0 < row.elapsed_s < 1100.0 for row in result.history)


@pytest.fixture
def state():
    return initial_state(SETTINGS, n_steps=3, seed=0)


def test_the_newest_complete_state_is_read(state, tmp_path):
    restart = Restart(tmp_path, "key", interval_s=1.0)
    assert restart.load(state) is None
    for epoch in range(4):
        restart.save(dataclasses.replace(state, epoch=epoch))
    # What a kill within a save leaves behind: a folder of another name.
    (tmp_path / "key/00000009.orbax-checkpoint-tmp").mkdir()
    assert restart.load(state).epoch == 3
    # A damaged newest state: the one before it is still there.
    newest = tmp_path / "key/00000003"
    for path in newest.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    assert restart.load(state).epoch == 2


def test_a_state_of_other_settings_or_data_is_never_used(state, tmp_path):
    Restart(tmp_path, "one", interval_s=1.0).save(state)
    assert Restart(tmp_path, "other", interval_s=1.0).load(state) is None
    assert list(tmp_path.iterdir()) == []


def test_a_state_survives_the_disk_bit_for_bit(state, tmp_path):
    restart = Restart(tmp_path, "key", interval_s=1.0)
    restart.save(dataclasses.replace(state, step=2, losses=np.float32([1, 2, np.pi])))
    read = restart.load(state)
    assert read.step == 2
    assert read.best_loss == np.inf
    for old, new in zip(
        np.asarray(state.parameters["embedding"]["embedding"]).ravel(),
        read.parameters["embedding"]["embedding"].ravel(),
        strict=True,
    ):
        assert old == new
    assert read.losses.dtype == np.float32
    restart.remove()
    assert not tmp_path.exists()
