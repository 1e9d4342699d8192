"""Label tables to the frames that a force field learns from and is judged by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from confvib.errors import TrainingError
from confvib.tables.contracts import LABELS
from confvib.tables.parquet import read_table
from confvib.tables.training_contracts import SELECTION
from confvib.training.dataset import Frames
from confvib.training.split import Rows, split_rows

Row = dict[str, Any]


def read_labelled_frames(
    labels: Sequence[str], expected: Sequence[str]
) -> tuple[list[Row], Frames, str]:
    """Read every usable frame of several label tables.

    Args:
        labels: Paths of the tables.
        expected: The hashes they must carry, in the same order.

    Returns:
        What each frame is (config_id, task, frame), the frames in the same order, and a
        sentence on what was left out.

    Raises:
        TableError: A table is missing, damaged or of another configuration.
        TrainingError: No frame is usable, cells differ in size, or tables disagree on
            the level of theory.
    """
    table = pa.concat_tables(
        read_table(path, LABELS, config_hash).replace_schema_metadata()
        for path, config_hash in zip(labels, expected, strict=True)
    )
    usable = table["status"].to_numpy() == "ok"
    good, bad = table.filter(pa.array(usable)), table.filter(pa.array(~usable))
    left_out = Counter(bad["status"].to_pylist())
    if not good.num_rows:
        failed = pa.array(bad["status"].to_numpy() == "failed_label")
        reasons = sorted(set(bad.filter(failed)["reason"].to_pylist()))
        raise TrainingError(
            f"{list(labels)}: none of {table.num_rows} labelled frames is usable: "
            f"{'; '.join(reasons) or dict(left_out)}"
        )
    _require_one("level of theory", good["level_of_theory"])
    sizes = np.diff(good["numbers"].combine_chunks().offsets)
    _require_one("number of atoms", pa.array(sizes))
    identity = good.select(["config_id", "task", "frame"]).to_pylist()
    said = f"{good.num_rows} frames usable" + (
        f", left out {dict(left_out)}" if left_out else ""
    )
    return identity, _frames(good), said


def _frames(table: pa.Table) -> Frames:
    def stacked(key: str, *shape: int) -> NDArray:
        # Whole columns at once: a list per number would take minutes for 95,000 frames.
        column = table[key].combine_chunks()
        values = column.flatten() if shape else column
        return values.to_numpy(zero_copy_only=False).reshape(table.num_rows, *shape)

    return Frames(
        numbers=stacked("numbers", -1),
        cells=stacked("cell", 3, 3),
        positions=stacked("positions", -1, 3),
        energies_eV=stacked("energy_eV"),
        forces_eV_per_A=stacked("forces_eV_per_A", -1, 3),
    )


def _require_one(what: str, values: pa.Array | pa.ChunkedArray) -> None:
    found = sorted(values.unique().to_pylist())
    if len(found) > 1:
        raise TrainingError(
            f"labels have more than one {what}: {found}; one force field needs one"
        )


def training_rows(
    n_frames: int, params: Mapping[str, Any], selection: str | None
) -> Rows:
    """Decide which frames train, validate and test a force field.

    Args:
        n_frames: Number of usable frames.
        params: Parameters of the rule: ``split`` and ``expected``.
        selection: The ``selection`` table; None where training frames are drawn.

    Returns:
        Rows among the usable frames.

    Raises:
        TrainingError: There are fewer frames than asked for.
        TableError: The selection is missing, damaged or of another configuration.
    """
    rows = split_rows(n_frames, **params["split"])
    if selection is None:
        return rows
    table = read_table(selection, SELECTION, params["expected"]["selection"])
    return replace(rows, train=table["row"].to_numpy()[: params["split"]["n_train"]])
