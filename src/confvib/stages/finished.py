"""Rows of an unfinished chunk on disk: complete or absent, never another's."""

import glob
import hashlib
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confvib.errors import TableError
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import Provenance, file_sha256
from confvib.tables.schema import TableSchema

SAVE_INTERVAL_S = 20.0
"""Wall time between two saves: what a kill at any moment can cost [s]."""


def restart_key(params: Mapping[str, Any], inputs: Iterable[str]) -> str:
    """Hash everything that the results of a job depend on.

    Args:
        params: Parameters of the rule: ``config_hash`` and ``code``.
        inputs: Files that the results depend on.
    """
    parts = [params["config_hash"], params["code"], *map(file_sha256, inputs)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


class FinishedRows:
    """The rows that a chunk has so far, saved every so often and when a job ends early.

    The file is written whole and renamed, so that a kill leaves the last one. A file of
    another key, or a damaged one, counts as none. Processes that share a chunk have a
    file each and begin with the rows of all files.

    Args:
        path: The file; no output of the rule, for Snakemake deletes those of failed jobs.
        schema: Contract of the table.
        key: Hash of everything that the rows depend on.
        part: Which of the processes that share the chunk this is; None if it is alone.

    Attributes:
        path: The file of this process.
        key: As given.
        rows: Finished rows by ``config_id``.
    """

    def __init__(
        self, path: str | Path, schema: TableSchema, key: str, part: int | None = None
    ) -> None:
        self._whole, self._schema, self.key = Path(path), schema, key
        suffix = self._whole.suffix
        self.path = (
            self._whole
            if part is None
            else self._whole.with_suffix(f".part{part}{suffix}")
        )
        self.rows: dict[str, dict[str, Any]] = {}
        self._saved_at = time.monotonic()
        self._is_saved = True

    def __enter__(self) -> Self:
        for path in (self._whole, *self._siblings(".part*" + self._whole.suffix)):
            try:
                found = read_table(path, self._schema, self.key).to_pylist()
            except TableError:
                continue
            self.rows |= {row["config_id"]: row for row in found}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.save()

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a finished row; write all of them if the last time is long ago."""
        self.rows[row["config_id"]] = dict(row)
        self._is_saved = False
        if time.monotonic() - self._saved_at >= SAVE_INTERVAL_S:
            self.save()

    def save(self) -> None:
        """Write what is not on disk yet."""
        if self._is_saved:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_table(self.path, self._schema, self.rows.values(), Provenance(self.key))
        self._saved_at, self._is_saved = time.monotonic(), True

    def remove(self) -> None:
        """Forget everything about the chunk, once its table is on disk."""
        # A kill in the middle of a write leaves a hidden file beside the last whole one.
        for path in (*self._siblings(".*"), *self._siblings(".*", ".")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _siblings(self, ending: str, beginning: str = "") -> list[Path]:
        stem = beginning + glob.escape(self._whole.stem)
        return sorted(self._whole.parent.glob(stem + ending))
