import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from confvib.errors import TrainingError
from confvib.training.dataset import batch_indices, capacity_of, device_batch
from confvib.training.loss import energy_force_loss
from confvib.training.split import split_at, split_rows


def split_of(frames, **wanted):
    return split_at(frames, split_rows(len(frames), **wanted))


def test_loss_by_hand():
    energy_error = jnp.array([2.0, 0.0])
    force_error = jnp.array([[[1.0, 0, 0], [0, 2.0, 0]], [[0, 0, 0], [0, 0, 6.0]]])
    # frame 1: 0.01 * 4 + 0.99 / 6 * 5 = 0.865; frame 2: 0.99 / 6 * 36 = 5.94
    loss = energy_force_loss(energy_error, force_error, beta=0.99)
    np.testing.assert_allclose(loss, (0.865 + 5.94) / 2, rtol=1e-12)


def test_split_is_disjoint_seeded_and_leaves_no_trace_of_order(frames):
    split = split_of(frames, n_train=10, n_valid=5, n_test=9, seed=1)
    parts = (split.train, split.valid, split.test)
    assert [len(part) for part in parts] == [10, 5, 9]
    together = np.concatenate([part.energies_eV for part in parts])
    np.testing.assert_array_equal(np.sort(together), np.sort(frames.energies_eV))
    again = split_of(frames, n_train=10, n_valid=5, n_test=9, seed=1)
    other = split_of(frames, n_train=10, n_valid=5, n_test=9, seed=2)
    np.testing.assert_array_equal(split.train.positions, again.train.positions)
    assert split.data_hash == again.data_hash != other.data_hash


def test_sizes_can_share_validation_and_test_frames():
    sizes = {"n_valid": 5, "n_test": 9, "seed": 1}
    small, large = (split_rows(40, n_train=n, held_out="last", **sizes) for n in (10, 20))
    for part in ("valid", "test"):
        np.testing.assert_array_equal(getattr(small, part), getattr(large, part))
    np.testing.assert_array_equal(small.train, large.train[:10])
    drawn = split_rows(40, n_train=20, held_out="last", draw=1, **sizes)
    np.testing.assert_array_equal(drawn.test, large.test)
    assert set(drawn.pool) == set(large.pool)
    assert set(drawn.train) != set(large.train)


@pytest.mark.parametrize("held_out", ["next", "last"])
def test_the_pool_is_what_neither_validates_nor_tests(held_out):
    rows = split_rows(40, n_train=10, n_valid=5, n_test=9, seed=1, held_out=held_out)
    together = np.concatenate([rows.pool, rows.valid, rows.test])
    np.testing.assert_array_equal(np.sort(together), np.arange(40))
    np.testing.assert_array_equal(rows.pool[:10], rows.train)


def test_data_hash_sees_every_label(frames):
    split = split_of(frames, n_train=4, n_valid=2, n_test=0, seed=0)
    forces = frames.forces_eV_per_A + 1e-9
    nudged = dataclasses.replace(frames, forces_eV_per_A=forces)
    other = split_of(nudged, n_train=4, n_valid=2, n_test=0, seed=0)
    assert split.data_hash != other.data_hash


def test_batches_deal_every_frame_at_most_once():
    index = batch_indices(11, batch_size=3, rng=np.random.default_rng(0))
    assert index.shape == (3, 3)
    assert len(np.unique(index)) == 9
    assert index.min() >= 0
    assert index.max() <= 10


def test_device_batch_subtracts_shifts_in_double_precision(frames):
    shifts_eV = np.zeros(100)
    shifts_eV[[3, 8]] = [-1000.0, -2000.0]
    heavy = dataclasses.replace(
        frames, energies_eV=frames.energies_eV + 3 * (-1000.0 - 2000.0)
    )
    capacity = capacity_of(frames, cutoff_A=3.0)
    batch = device_batch(heavy, shifts_eV=shifts_eV, cutoff_A=3.0, capacity=capacity)
    np.testing.assert_allclose(batch.energies_eV, frames.energies_eV, atol=3e-6)
    assert batch.tables.indices.shape == (24, 6, capacity)
    with pytest.raises(
        TrainingError, match=rf"more than {capacity - 1} neighbours within 3.0 Å"
    ):
        device_batch(frames, shifts_eV=shifts_eV, cutoff_A=3.0, capacity=capacity - 1)


def test_too_few_frames_and_impossible_counts(frames):
    with pytest.raises(
        TrainingError,
        match=r"20 training \+ 5 validation \+ 2 test frames are 27, but only 24",
    ):
        split_of(frames, n_train=20, n_valid=5, n_test=2, seed=0)
    with pytest.raises(TrainingError, match=r"n_valid must be >= 1, got 0"):
        split_of(frames, n_train=20, n_valid=0, n_test=2, seed=0)


def test_frames_refuse_wrong_shapes_and_numbers_that_are_not(frames):
    with pytest.raises(
        TrainingError,
        match=r"forces_eV_per_A must have shape \(24, 6, 3\) .* got \(24, 5, 3\)",
    ):
        dataclasses.replace(frames, forces_eV_per_A=frames.forces_eV_per_A[:, :5])
    with pytest.raises(
        TrainingError, match=r"numbers must have shape \(B, N\), got \(6,\)"
    ):
        dataclasses.replace(frames, numbers=frames.numbers[0])
    energies = frames.energies_eV.copy()
    energies[[2, 7]] = np.nan
    with pytest.raises(
        TrainingError, match=r"energies_eV is not finite in frames \[2, 7\]"
    ):
        dataclasses.replace(frames, energies_eV=energies)
