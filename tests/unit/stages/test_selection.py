"""Chunks tile what a campaign selects, and growing a sample only appends."""

from itertools import chain

import numpy as np
import pyarrow as pa
import pytest

from confvib.campaign.names import chunk_slice
from confvib.stages.selection import select_copies, select_rows

N = 23
TABLE = pa.table(
    {"rank": range(N), "pair_representative": [rank % 3 != 0 for rank in range(N)]}
)


def ranks(sample, n_chunks, equivalence="symmetry", seed=5):
    chunks = [chunk_slice(sample, n_chunks, chunk) for chunk in range(n_chunks)]
    return [
        [row["rank"] for row in select_rows(TABLE, equivalence, slice_, seed)]
        for slice_ in chunks
    ]


def test_chunks_of_a_complete_set_tile_it_in_order():
    assert list(chain.from_iterable(ranks("all", 4))) == list(range(N))
    assert {len(chunk) for chunk in ranks("all", 4)} == {5, 6}


@pytest.mark.parametrize("equivalence", ["symmetry", "pair_distances"])
def test_a_larger_sample_in_more_chunks_keeps_the_old_ones(equivalence):
    small, large = ranks(6, 3, equivalence), ranks(10, 5, equivalence)
    assert large[:3] == small
    assert len(set(chain.from_iterable(large))) == 10


def test_pair_distances_select_representatives_only():
    kept = np.flatnonzero(TABLE["pair_representative"].to_numpy())
    assert list(chain.from_iterable(ranks("all", 2, "pair_distances"))) == kept.tolist()


def test_another_seed_is_another_sample():
    assert ranks(6, 2, seed=5) != ranks(6, 2, seed=6)


def copies_of(sample, copies, n_chunks):
    items = sample if sample == "all" else sample * copies
    chunks = [chunk_slice(items, n_chunks, chunk) for chunk in range(n_chunks)]
    return [
        [
            (row["rank"], copy)
            for row, copy in select_copies(TABLE, "symmetry", slice_, 5, copies)
        ]
        for slice_ in chunks
    ]


def test_chunks_share_the_copies_of_one_row():
    chunks = copies_of(1, 10, 4)
    assert [len(chunk) for chunk in chunks] == [2, 3, 2, 3]
    assert {rank for rank, _ in chain.from_iterable(chunks)} == {ranks(1, 1)[0][0]}
    assert [copy for _, copy in chain.from_iterable(chunks)] == list(range(10))


@pytest.mark.parametrize("sample", ["all", 7])
def test_every_row_has_every_copy_once(sample):
    found = list(chain.from_iterable(copies_of(sample, 3, 5)))
    rows = list(chain.from_iterable(ranks(sample, 2)))
    assert found == [(rank, copy) for rank in rows for copy in range(3)]
