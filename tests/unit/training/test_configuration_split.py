"""Test frames of configurations that no training frame has, in exact numbers."""

import numpy as np
import pytest

from confvib.errors import TrainingError
from confvib.training.configuration_split import (
    share_configurations,
    split_configurations,
)

PARTS = ("train", "valid", "test")


def random_set(seed):
    """Frames of configurations of very different length, in no order."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 60, size=rng.integers(20, 60))
    names = np.repeat([f"s:{k}" for k in range(len(lengths))], lengths)
    return rng.permutation(names), rng


@pytest.mark.parametrize("seed", range(20))
def test_parts_share_no_configuration_and_have_exact_sizes(seed):
    names, rng = random_set(seed)
    wanted = {"n_train": len(names) // 3, "n_valid": len(names) // 8}
    wanted["n_test"] = int(rng.integers(1, len(names) // 6))
    rows = split_configurations(names, **wanted, seed=seed)
    assert [len(getattr(rows, part)) for part in PARTS] == [*wanted.values()]
    held = [set(names[rows.valid]), set(names[rows.test])]
    sets = [*held, set(names[rows.pool])]
    assert len(set.union(*sets)) == sum(map(len, sets))
    np.testing.assert_array_equal(rows.pool[: wanted["n_train"]], rows.train)
    every = np.concatenate([rows.pool, rows.valid, rows.test])
    assert len(set(every)) == len(every)
    # Every frame of a configuration that is not held out may train.
    free = ~np.isin(names, [*held[0], *held[1]])
    np.testing.assert_array_equal(np.sort(rows.pool), np.flatnonzero(free))
    # Whole configurations but for the last: at most one of each is cut.
    for part in (rows.valid, rows.test):
        cut = [
            name
            for name in set(names[part])
            if (names[part] == name).sum() < (names == name).sum()
        ]
        assert len(cut) <= 1


def test_the_seed_decides_and_nothing_else():
    names, _ = random_set(1)
    wanted = {"n_train": 100, "n_valid": 30, "n_test": 40}
    one, again, other = (
        split_configurations(names, **wanted, seed=seed) for seed in (3, 3, 4)
    )
    for part in PARTS:
        np.testing.assert_array_equal(getattr(one, part), getattr(again, part))
    assert set(names[one.test]) != set(names[other.test])


def test_sizes_and_draws_share_what_is_held_out():
    names, _ = random_set(2)
    held = {"n_valid": 30, "n_test": 40, "seed": 5}
    small, large = (split_configurations(names, n_train=n, **held) for n in (20, 200))
    drawn = split_configurations(names, n_train=200, draw=1, **held)
    for part in ("valid", "test"):
        for each in (small, drawn):
            np.testing.assert_array_equal(getattr(each, part), getattr(large, part))
    np.testing.assert_array_equal(small.train, large.train[:20])
    assert set(drawn.pool) == set(large.pool)
    assert set(drawn.train) != set(large.train)


def test_training_frames_are_spread_over_the_configurations():
    names = np.repeat([f"s:{k}" for k in range(100)], 20)
    rows = split_configurations(names, n_train=300, n_valid=20, n_test=20, seed=0)
    # 300 of 1960 frames at random leave (1 - 0.153)^20 = 3.6 % of 98 without one.
    assert len(set(names[rows.train])) > 85


def test_without_test_frames_two_configurations_do():
    names = np.repeat(["a", "b"], 10)
    rows = split_configurations(names, n_train=10, n_valid=10, n_test=0, seed=0)
    assert len(rows.test) == 0
    assert set(names[rows.train]) != set(names[rows.valid])


def test_seen_are_those_with_a_configuration_of_the_others():
    names = np.array(["a", "b", "a", "c", "b"])
    seen = share_configurations(names, np.array([0, 1, 3]), np.array([2, 4]))
    assert seen.tolist() == [True, True, False]


def test_too_few_configurations_or_frames():
    heating = np.repeat("s:0", 5201)
    with pytest.raises(TrainingError) as caught:
        split_configurations(heating, n_train=1000, n_valid=1200, n_test=3000, seed=0)
    assert str(caught.value) == (
        "split by configuration: training, validation and test frames need a "
        "configuration each, but all 5201 labelled frames are of 1; set dataset.split "
        "to 'frame'"
    )
    four = np.repeat(["a", "b", "c", "d"], 10)
    with pytest.raises(TrainingError) as caught:
        split_configurations(four, n_train=18, n_valid=11, n_test=9, seed=0)
    assert str(caught.value) == (
        "split by configuration: 9 test and 11 validation frames take 3 of 4 "
        "configurations, and the others have 10 frames, of 18 to train on; ask for "
        "fewer frames or set dataset.split to 'frame'"
    )
    with pytest.raises(
        TrainingError, match="14 test and 25 validation frames take 4 of 4"
    ):
        split_configurations(four, n_train=1, n_valid=25, n_test=14, seed=0)
    with pytest.raises(TrainingError, match="are 41, but only 40 labelled frames exist"):
        split_configurations(four, n_train=20, n_valid=11, n_test=10, seed=0)
