"""Samples, chunks and names that stay what they are when a campaign grows."""

import itertools

import numpy as np
import pytest

from confvib.crystal.identifiers import configuration_id, parse_configuration_id
from confvib.crystal.sampling import campaign_order, chunk_bounds
from confvib.errors import EnumerationError


def test_no_sample_is_everything_in_order():
    np.testing.assert_array_equal(campaign_order(7, None, 3), np.arange(7))


def test_a_larger_sample_appends():
    full = campaign_order(1000, 1000, 5)
    np.testing.assert_array_equal(np.sort(full), np.arange(1000))
    for size in (1, 10, 999):
        np.testing.assert_array_equal(campaign_order(1000, size, 5), full[:size])
    assert campaign_order(1000, 10, 6).tolist() != full[:10].tolist()


def test_samples_are_uniform():
    hits = np.zeros(20)
    for seed in range(2000):
        hits[campaign_order(20, 5, seed)] += 1
    # Binomial with n = 2000 and p = 1/4: five standard deviations are 97.
    assert np.abs(hits - 500).max() < 97


def test_samples_are_pinned():
    assert campaign_order(4493, 5, 2025).tolist() == [2177, 4130, 3052, 3816, 111]


@pytest.mark.parametrize("sample", [0, -1, 8])
def test_impossible_samples(sample):
    with pytest.raises(EnumerationError, match=f"sample of {sample} .* expected 1 to 7"):
        campaign_order(7, sample, 0)


@pytest.mark.parametrize(("n_rows", "n_chunks"), [(4493, 64), (5, 8), (0, 3), (12, 1)])
def test_chunks_tile_the_rows_evenly(n_rows, n_chunks):
    bounds = [chunk_bounds(n_rows, n_chunks, chunk) for chunk in range(n_chunks)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == n_rows
    assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))
    sizes = [stop - start for start, stop in bounds]
    assert max(sizes) - min(sizes) <= 1


def test_chunks_out_of_range():
    for chunk in (-1, 4):
        with pytest.raises(EnumerationError, match=f"chunk {chunk}, expected 0 to 3"):
            chunk_bounds(10, 4, chunk)
    with pytest.raises(EnumerationError, match="0 chunks, expected at least 1"):
        chunk_bounds(10, 0, 0)


def test_names_round_trip_and_sort_by_rank():
    assert configuration_id("12_44", 123) == "12_44-00000123"
    assert parse_configuration_id("a-b-00000123") == ("a-b", 123)
    names = [configuration_id("x", rank) for rank in (9, 10, 99_999_999)]
    assert names == sorted(names)


def test_refused_names():
    for rank in (-1, 10**8):
        with pytest.raises(
            EnumerationError, match=f"rank {rank}, expected 0 to 99999999"
        ):
            configuration_id("x", rank)
    for text in ("12_44-123", "12_44", "-00000123"):
        with pytest.raises(
            EnumerationError, match="expected one such as '12_44-00000123'"
        ):
            parse_configuration_id(text)
