"""Bit strings of more than one word: order and permutations."""

import numpy as np
import pytest

from confvib.crystal import bitsets
from confvib.crystal.bitsets import Permuter, less, pack_words, unpack_words


@pytest.fixture
def sets():
    return np.random.default_rng(0).random((200, 130)) < 0.3


def test_packing_round_trip(sets):
    words = pack_words(sets)
    assert words.shape == (200, 3)
    np.testing.assert_array_equal(unpack_words(words, 130), sets)


def test_order_is_that_of_the_bit_strings(sets):
    sets[100:, :100] = sets[:100, :100]
    first, second = sets[:100], sets[100:]
    expected = [
        tuple(a) < tuple(b) for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    found = less(pack_words(first), pack_words(second))
    np.testing.assert_array_equal(found, expected)
    assert not less(pack_words(first), pack_words(first)).any()


@pytest.mark.parametrize("cap", [0, 1 << 28], ids=["on demand", "tabulated"])
def test_images_move_each_site_to_its_target(sets, cap, monkeypatch):
    monkeypatch.setattr(bitsets, "_TABLE_CAP_BYTES", cap)
    rng = np.random.default_rng(1)
    permutations = np.array([rng.permutation(130) for _ in range(3)])
    permuter = Permuter.build(permutations)
    assert (permuter.tables is None) == (cap == 0)
    for operation, permutation in enumerate(permutations):
        expected = np.zeros_like(sets)
        expected[:, permutation] = sets
        found = permuter.images(operation, pack_words(sets))
        np.testing.assert_array_equal(unpack_words(found, 130), expected)
