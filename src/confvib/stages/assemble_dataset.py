"""Stage ``assemble_dataset``: which frames of label tables a force field may use."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from confvib.errors import TrainingError
from confvib.stages.frame_checks import Bounds, Columns, FrameChecks
from confvib.stages.job import Progress
from confvib.stages.label_arrays import FRAME_COLUMNS, label_batches
from confvib.tables.parquet import write_columns
from confvib.tables.provenance import collect
from confvib.tables.training_contracts import DATASET

_IDENTITY = ("config_id", "task", "copy", "frame")
_READ = (*_IDENTITY, *FRAME_COLUMNS, "level_of_theory", "status", "reason")


def assemble_dataset(
    labels: Sequence[str], output: str, params: Mapping[str, Any], progress: Progress
) -> None:
    """List every labelled frame, with what tells whether it is fit to learn from.

    No more than some hundred frames are in memory at a time.

    Args:
        labels: The ``labels`` tables.
        output: The ``dataset`` table.
        params: Parameters of the rule.
        progress: Where to report.

    Raises:
        TableError: A table is missing, damaged or of another configuration.
        TrainingError: No frame is usable, cells differ in size, or tables disagree on
            the level of theory.
    """
    provenance = collect(params["config_hash"], started=time.monotonic(), inputs=labels)
    assembly = _Assembly(labels, params["expected"]["labels"], params["bounds"])
    write_columns(output, DATASET, assembly.parts(progress), provenance)
    progress.say(assembly.summary())


class _Assembly:
    def __init__(
        self, labels: Sequence[str], expected: Sequence[str], bounds: Mapping[str, Any]
    ) -> None:
        self._tables = list(zip(labels, expected, strict=True))
        self._checks = FrameChecks(Bounds(**bounds))
        self._n_rows = self._n_duplicates = 0
        self._statuses: Counter[str] = Counter()
        self._failures: set[str] = set()
        self._of_usable: dict[str, set] = {
            "level of theory": set(),
            "number of atoms": set(),
        }

    def parts(self, progress: Progress) -> Iterator[Columns]:
        """Yield the data set in pieces and refuse it at the end if it is none."""
        for number, (path, config_hash) in enumerate(self._tables):
            for start, rows in label_batches(path, config_hash, _READ):
                yield self._part(path, start, rows)
            progress.update(
                number + 1, len(self._tables), "tables", f"{self._n_rows} frames"
            )
        if not self._statuses["ok"]:
            raise TrainingError(
                f"{[path for path, _ in self._tables]}: none of {self._n_rows} labelled "
                "frames is usable: "
                f"{'; '.join(sorted(self._failures)) or dict(self._statuses)}"
            )
        for what, found in self._of_usable.items():
            if len(found) > 1:
                raise TrainingError(
                    f"labels have more than one {what}: {sorted(found)}; one force "
                    "field needs one"
                )

    def _part(self, path: str, start: int, rows: pa.RecordBatch) -> Columns:
        found = self._checks.check(rows, self._n_rows)
        self._count(rows, found)
        self._n_rows += rows.num_rows
        return {
            "source": path,
            "source_row": np.arange(start, start + rows.num_rows),
            **{
                name: rows.column(name).to_numpy(zero_copy_only=False)
                for name in _IDENTITY
            },
            **found,
        }

    def _count(self, rows: pa.RecordBatch, found: Columns) -> None:
        status = found["status"]
        self._statuses.update(status)
        self._n_duplicates += int(found["duplicate_of"].count())
        self._failures.update(found["reason"][status == "failed_label"])
        usable = status == "ok"
        levels = rows.filter(pa.array(usable)).column("level_of_theory")
        self._of_usable["level of theory"].update(levels.to_pylist())
        self._of_usable["number of atoms"].update(found["n_atoms"][usable].tolist())

    def summary(self) -> str:
        left_out = {key: n for key, n in self._statuses.items() if key != "ok"}
        return (
            f"{self._statuses['ok']} of {self._n_rows} frames usable"
            + (f", left out {left_out}" if left_out else "")
            + f"; {self._n_duplicates} duplicates"
        )
