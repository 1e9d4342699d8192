"""Which configurations a campaign runs, in which order, in which chunk."""

import numpy as np
from numpy.typing import NDArray

from confvib.errors import EnumerationError


def campaign_order(
    n_configurations: int, sample: int | None, seed: int
) -> NDArray[np.int64]:
    """List the rows of a set that a campaign runs.

    A sample is the head of one seeded permutation, so that a larger sample holds the
    smaller one and appends to it: rows already computed stay valid.

    Args:
        n_configurations: rows of the set.
        sample: number of rows to draw without replacement, or None for all of them
            in canonical order.
        seed: seed of the permutation, unused without a sample.

    Returns:
        Row numbers, (m,).

    Raises:
        EnumerationError: the sample is not between 1 and the number of rows.
    """
    if sample is None:
        return np.arange(n_configurations, dtype=np.int64)
    if not 1 <= sample <= n_configurations:
        raise EnumerationError(
            f"sample of {sample} configurations, expected 1 to {n_configurations}, the "
            "size of the set"
        )
    # Philox is specified bit for bit; sorting its draws fixes the permutation too,
    # where Generator.permutation may change between releases of NumPy.
    draws = np.random.Philox(seed).random_raw(n_configurations)
    return np.argsort(draws, kind="stable")[:sample].astype(np.int64)


def chunk_bounds(n_rows: int, n_chunks: int, chunk: int) -> tuple[int, int]:
    r"""Bound one of several near-equal slices.

    Chunk k holds rows \(\lfloor k m / n \rfloor\) to \(\lfloor (k+1) m / n \rfloor\).

    Args:
        n_rows: number of rows m.
        n_chunks: number of chunks n.
        chunk: number of the chunk k, from 0.

    Returns:
        First row and the row after the last; equal for an empty chunk.

    Raises:
        EnumerationError: no chunk has this number.
    """
    if n_chunks < 1:
        raise EnumerationError(f"{n_chunks} chunks, expected at least 1")
    if not 0 <= chunk < n_chunks:
        raise EnumerationError(f"chunk {chunk}, expected 0 to {n_chunks - 1}")
    return chunk * n_rows // n_chunks, (chunk + 1) * n_rows // n_chunks
