"""What jobs that work through a chunk share: restarts, second tries, smaller batches."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax

from confvib.dynamics.state import Status
from confvib.errors import Interrupted
from confvib.stages.finished import FinishedRows
from confvib.stages.job import Progress
from confvib.stages.termination import termination
from confvib.tables.provenance import file_sha256
from confvib.tables.schema import TableSchema

WIDENINGS = (1.0, 2.0)
"""Sizes of the neighbour table, relative to the first, for cells that did not fit."""


@dataclass
class Chunk:
    """The configurations of a chunk and how far the job has come with them.

    Attributes:
        config_ids: What there is to do.
        finished: Rows that are done.
        progress: Where to report.
        stop: Tells whether the scheduler wants the job to end.
        n_before: Rows that an earlier attempt had done.
        is_last_try: Nothing is left for a wider neighbour table.
    """

    config_ids: Sequence[str]
    finished: FinishedRows
    progress: Progress
    stop: Callable[[], bool]
    n_before: int
    is_last_try: bool = True

    def todo(self) -> list[int]:
        """Return the positions of the configurations without a row."""
        return [
            index
            for index, config_id in enumerate(self.config_ids)
            if config_id not in self.finished.rows
        ]

    def keep(self, row: Mapping[str, Any]) -> None:
        """Take a row, report, and end the job if the scheduler wants it to.

        Args:
            row: The row; one that overflowed is left for the next try.

        Raises:
            Interrupted: The scheduler wants the job to end.
        """
        if self.is_last_try or row["status"] != Status.OVERFLOW:
            self.finished.add(row)
            done = len(self.finished.rows) - self.n_before
            self.progress.update(
                done, len(self.config_ids) - self.n_before, "configurations"
            )
        if self.stop():
            raise Interrupted(
                f"asked to stop with {len(self.finished.rows)} of {len(self.config_ids)} "
                "configurations done; the next attempt goes on from there"
            )

    def tries(self) -> Iterator[float]:
        """Offer wider and wider neighbour tables while configurations are left.

        Yields:
            Size of the table relative to the first.
        """
        for widening in WIDENINGS:
            left = self.todo()
            if not left:
                return
            if widening > 1:
                names = ", ".join(self.config_ids[index] for index in left)
                self.progress.say(
                    f"{names}: too many neighbours or atoms too close for the tables; "
                    f"again without them and with {widening:g} times the slots"
                )
            self.is_last_try = widening == WIDENINGS[-1]
            yield widening

    def in_batches_that_fit(self, run: Callable[[int], None], n_slots: int) -> None:
        """Run with as many cells at once as the device's memory holds.

        Args:
            run: Does what is left, so many cells at once.
            n_slots: Cells at once to begin with; halved whenever memory runs out.
        """
        while True:
            try:
                run(n_slots)
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error) or n_slots == 1:
                    raise
                n_slots //= 2
                self.progress.say(
                    f"the device is out of memory: on with {n_slots} cells at once"
                )
            else:
                return


@contextmanager
def chunk_of(
    config_ids: Sequence[str],
    schema: TableSchema,
    params: Mapping[str, Any],
    inputs: Sequence[str],
    progress: Progress,
) -> Iterator[Chunk]:
    """Open a chunk: read what an earlier attempt has done, and listen to the scheduler.

    Args:
        config_ids: The configurations.
        schema: Contract of the rows.
        params: Parameters of the rule: ``restart``, ``config_hash`` and ``code``.
        inputs: Files that the rows depend on.
        progress: Where to report.

    Yields:
        The chunk. What is done is on disk whenever the block ends with an error.
    """
    parts = [params["config_hash"], params["code"], *map(file_sha256, inputs)]
    key = hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
    with (
        termination() as stop,
        FinishedRows(params["restart"], schema, key) as finished,
    ):
        if finished.rows:
            progress.say(
                f"goes on after an earlier attempt: {len(finished.rows)} of "
                f"{len(config_ids)} configurations are done"
            )
        yield Chunk(config_ids, finished, progress, stop, len(finished.rows))
