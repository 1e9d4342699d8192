"""Label tables to the frames that a force field learns from and is judged by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from confvib.errors import TrainingError
from confvib.tables.contracts import LABELS
from confvib.tables.parquet import read_table
from confvib.training.dataset import Frames

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
    rows = [
        row
        for path, config_hash in zip(labels, expected, strict=True)
        for row in read_table(path, LABELS, config_hash).to_pylist()
    ]
    good = [row for row in rows if row["status"] == "ok"]
    left_out = Counter(row["status"] for row in rows if row["status"] != "ok")
    reasons = {row["reason"] for row in rows if row["status"] == "failed_label"}
    if not good:
        raise TrainingError(
            f"{list(labels)}: none of {len(rows)} labelled frames is usable: "
            f"{'; '.join(sorted(reasons)) or dict(left_out)}"
        )
    _require_one(good, "level_of_theory", lambda row: row["level_of_theory"])
    _require_one(good, "number of atoms", lambda row: len(row["numbers"]))
    identity = [{key: row[key] for key in ("config_id", "task", "frame")} for row in good]
    said = f"{len(good)} frames usable" + (
        f", left out {dict(left_out)}" if left_out else ""
    )
    return identity, _frames(good), said


def _frames(rows: Sequence[Mapping[str, Any]]) -> Frames:
    n_frames = len(rows)

    def stacked(key: str, *shape: int) -> np.ndarray:
        return np.array([row[key] for row in rows]).reshape(n_frames, *shape)

    return Frames(
        numbers=stacked("numbers", -1),
        cells=stacked("cell", 3, 3),
        positions=stacked("positions", -1, 3),
        energies_eV=stacked("energy_eV"),
        forces_eV_per_A=stacked("forces_eV_per_A", -1, 3),
    )


def _require_one(rows: Sequence[Mapping[str, Any]], what: str, value: Any) -> None:
    found = sorted({value(row) for row in rows})
    if len(found) > 1:
        raise TrainingError(
            f"labels have more than one {what}: {found}; one force field needs one"
        )
