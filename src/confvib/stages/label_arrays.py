"""Rows of label tables as arrays, some at a time."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from confvib.tables.contracts import LABELS
from confvib.tables.parquet import read_batches

FRAME_COLUMNS = ("numbers", "cell", "positions", "energy_eV", "forces_eV_per_A")
"""What is needed to train on a frame."""

_ROWS_AT_A_TIME = 512


def label_batches(
    path: str, config_hash: str, columns: tuple[str, ...]
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Read a label table some rows at a time, so that any number of frames will do.

    Args:
        path: The table.
        config_hash: The hash it must carry.
        columns: Names of the columns wanted.

    Yields:
        Number of the first row, and the rows.

    Raises:
        TableError: It is missing, damaged or of another configuration.
    """
    start = 0
    batches = read_batches(path, LABELS, config_hash, columns, batch_size=_ROWS_AT_A_TIME)
    for batch in batches:
        yield start, batch
        start += batch.num_rows


def frame_arrays(rows: pa.RecordBatch) -> dict[str, NDArray]:
    """Return the frames of rows that all have a label and one number of atoms.

    Args:
        rows: Rows with the columns ``FRAME_COLUMNS``.

    Returns:
        The attributes of ``training.dataset.Frames``.
    """

    def stacked(key: str, *shape: int) -> NDArray:
        # Whole columns at once: a list per number would take minutes for 95,000 frames.
        column = rows.column(key)
        values = column.flatten() if shape else column
        return values.to_numpy(zero_copy_only=False).reshape(rows.num_rows, *shape)

    return {
        "numbers": stacked("numbers", -1),
        "cells": stacked("cell", 3, 3),
        "positions": stacked("positions", -1, 3),
        "energies_eV": stacked("energy_eV"),
        "forces_eV_per_A": stacked("forces_eV_per_A", -1, 3),
    }


def numbers_of_atoms(rows: pa.RecordBatch) -> NDArray[np.int64]:
    """Return the number of atoms of each row, 0 for a row without a label.

    Args:
        rows: Rows with the column ``positions``.
    """
    lengths = rows.column("positions").value_lengths().fill_null(0)
    return lengths.to_numpy(zero_copy_only=False).astype(np.int64) // 3
