"""Rows of an unfinished chunk on disk: complete or absent, never another's."""

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confvib.errors import TableError
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import Provenance
from confvib.tables.schema import TableSchema

SAVE_INTERVAL_S = 20.0
"""Wall time between two saves: what a kill at any moment can cost [s]."""


class FinishedRows:
    """The rows that a chunk has so far, saved every so often and when a job ends early.

    The file is written whole and renamed, so that a kill leaves the last one. A file of
    another key, or a damaged one, counts as none.

    Args:
        path: The file; no output of the rule, for Snakemake deletes those of failed jobs.
        schema: Contract of the table.
        key: Hash of everything that the rows depend on.

    Attributes:
        key: As given.
        rows: Finished rows by ``config_id``.
    """

    def __init__(self, path: str | Path, schema: TableSchema, key: str) -> None:
        self._path, self._schema, self.key = Path(path), schema, key
        self.rows: dict[str, dict[str, Any]] = {}
        self._saved_at = time.monotonic()
        self._is_saved = True

    def __enter__(self) -> Self:
        try:
            found = read_table(self._path, self._schema, self.key).to_pylist()
        except TableError:
            found = []
        self.rows = {row["config_id"]: row for row in found}
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
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_table(self._path, self._schema, self.rows.values(), Provenance(self.key))
        self._saved_at, self._is_saved = time.monotonic(), True

    def remove(self) -> None:
        """Forget everything, once the chunk's table is on disk."""
        self._path.unlink(missing_ok=True)
