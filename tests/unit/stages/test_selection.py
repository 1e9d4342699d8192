"""Chunks tile what a campaign selects, and growing a sample only appends."""

from itertools import chain

import numpy as np
import pyarrow as pa
import pytest

from confvib.campaign.names import chunk_slice
from confvib.stages.selection import select_rows

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
