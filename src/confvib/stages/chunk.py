"""What jobs that work through a chunk share: restarts, second tries, smaller batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax

from confvib.dynamics.state import Status
from confvib.errors import Interrupted
from confvib.stages.batch_size import Bytes, memory_limit, that_fits
from confvib.stages.finished import FinishedRows, restart_key
from confvib.stages.job import Progress
from confvib.stages.termination import termination
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
        n_before: Rows of its own that an earlier attempt had done.
        share: Which of how many processes this is; each takes every so-manieth
            configuration.
        is_last_try: Nothing is left for a wider neighbour table.
    """

    config_ids: Sequence[str]
    finished: FinishedRows
    progress: Progress
    stop: Callable[[], bool]
    n_before: int = 0
    share: tuple[int, int] = (0, 1)
    is_last_try: bool = True

    @property
    def is_whole(self) -> bool:
        """Is this the process that writes the chunk's table."""
        return self.share[1] == 1

    def own(self) -> range:
        """Return the positions of the configurations that this process takes."""
        part, n_parts = self.share
        return range(part, len(self.config_ids), n_parts)

    def todo(self) -> list[int]:
        """Return the positions of the configurations without a row."""
        rows = self.finished.rows
        return [index for index in self.own() if self.config_ids[index] not in rows]

    def n_done(self) -> int:
        """Return how many of its configurations have a row."""
        return len(self.own()) - len(self.todo())

    def keep(self, row: Mapping[str, Any]) -> None:
        """Take a row, report, and end the job if the scheduler wants it to.

        Args:
            row: The row; one that overflowed is left for the next try.

        Raises:
            Interrupted: The scheduler wants the job to end.
        """
        if self.is_last_try or row["status"] != Status.OVERFLOW:
            self.finished.add(row)
            self.progress.update(
                self.n_done() - self.n_before,
                len(self.own()) - self.n_before,
                "configurations",
            )
        if self.stop():
            raise Interrupted(
                f"asked to stop with {self.n_done()} of {len(self.own())} "
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

    def in_batches_that_fit(
        self, run: Callable[[int], None], asked: int, needed: Bytes | None = None
    ) -> None:
        """Run with as much at once as the device's memory holds.

        Args:
            run: Does what is left, so many cells (or columns) at once.
            asked: So many at once if they fit; halved whenever memory runs out anyway.
            needed: Memory that so many need; None: not known in advance.
        """
        n_slots = asked
        if needed is not None:
            n_slots = that_fits(needed, asked, memory_limit(), self.progress.say)
        while True:
            try:
                run(n_slots)
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error) or n_slots == 1:
                    raise
                n_slots //= 2
                self.progress.say(
                    f"the device is out of memory: on with {n_slots} at once"
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
        params: Parameters of the rule: ``restart``, ``config_hash`` and ``code``; and
            ``share`` where several processes work on the chunk.
        inputs: Files that the rows depend on.
        progress: Where to report.

    Yields:
        The chunk. What is done is on disk whenever the block ends with an error.
    """
    key = restart_key(params, inputs)
    part, n_parts = params.get("share", (0, 1))
    with (
        termination(with_parent=n_parts > 1) as stop,
        FinishedRows(
            params["restart"], schema, key, part if n_parts > 1 else None
        ) as finished,
    ):
        chunk = Chunk(config_ids, finished, progress, stop, share=(part, n_parts))
        chunk.n_before = chunk.n_done()
        if chunk.n_before and chunk.todo():
            progress.say(
                f"goes on after an earlier attempt: {chunk.n_before} of "
                f"{len(chunk.own())} configurations are done"
            )
        yield chunk
