import dataclasses

import pytest

from confvib.errors import TrainingError
from confvib.forcefield.memory import ProgramMemory
from confvib.forcefield.network import So3kratesSettings
from confvib.training import loop
from confvib.training.loop import train
from confvib.training.memory import require_fit
from confvib.training.settings import TrainingSettings
from confvib.training.split import split_at, split_rows
from confvib.training.watch import Watch

NETWORK = So3kratesSettings(
    features=12, heads=2, layers=1, degrees=(1, 2), cutoff_A=3.5, radial_functions=8
)
SETTINGS = TrainingSettings(network=NETWORK, batch_size=2, max_epochs=1)


def memory_of(microbatch):
    return ProgramMemory(data_bytes=10**9, work_bytes=microbatch * 10**9)


def test_a_step_that_fits_is_allowed_and_one_that_does_not_is_told_what_would():
    require_fit(memory_of(10), 11 * 10**9, 10, memory_of)
    with pytest.raises(
        TrainingError,
        match=r"10 frames needs 11.00 GB \(1.00 GB data, 10.00 GB work\), the device "
        r"has 8.00 GB: set training.microbatch to 5",
    ):
        require_fit(memory_of(10), 8 * 10**9, 10, memory_of)
    with pytest.raises(TrainingError, match="not even single frames fit"):
        require_fit(memory_of(10), 10**9, 10, memory_of)


def test_a_training_says_what_it_needs_and_microbatches_need_less(frames, monkeypatch):
    rows = split_rows(len(frames), n_train=6, n_valid=2, n_test=1, seed=0)
    split = split_at(frames, rows)
    said, found, needed = [], [], loop.program_memory

    def noted(compiled):
        found.append(needed(compiled))
        return found[-1]

    monkeypatch.setattr(loop, "program_memory", noted)
    whole = train(SETTINGS, split, seed=0, role="md", watch=Watch(say=said.append))
    assert "a step needs" in said[0]
    assert "on cpu" in said[0]
    # A device that is just too small: with single frames in memory the step fits.
    monkeypatch.setattr(loop, "device_bytes", lambda _: found[0].total_bytes - 1)
    with pytest.raises(TrainingError, match=r"set training.microbatch to 1"):
        train(SETTINGS, split, seed=0, role="md")
    monkeypatch.undo()
    parts = train(dataclasses.replace(SETTINGS, microbatch=1), split, seed=0, role="md")
    # Other order of sums, same mathematics.
    assert parts.history[0].valid_loss == pytest.approx(
        whole.history[0].valid_loss, rel=1e-4
    )
