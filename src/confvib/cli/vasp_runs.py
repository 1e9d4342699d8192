"""Finished VASP runs below some paths, read on one or more processes."""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from confvib.cli.console import Advance
from confvib.dft.folders import RunFile, find_runs
from confvib.dft.imported import ImportedRun, read_run


@dataclass(eq=False)
class Entry:
    """A run and what the import makes of it.

    Attributes:
        run: The run.
        status: Its fate: "ok", "cut", or why none of its frames is taken.
        reason: A sentence on it; '' when ok.
        level: Hash of its level of theory; '' where that is not known.
        config_id: Configuration that its frames are of; None without frames.
        mapping: Why that is a path and no configuration of a set; '' otherwise.
        copy: Which trajectory of this configuration and task it is, from 0.
    """

    run: ImportedRun
    status: str
    reason: str
    level: str = ""
    config_id: str | None = None
    mapping: str = ""
    copy: int = 0

    @property
    def is_taken(self) -> bool:
        """Whether its frames go into the table."""
        return self.status in ("ok", "cut")

    @property
    def n_ok(self) -> int:
        """Frames that a force field can learn from."""
        return self.run.counts.get("ok", 0)

    def leave_out(self, status: str, reason: str) -> None:
        """Take none of its frames."""
        self.status, self.reason = status, reason


def read_runs(
    paths: Iterable[Path], spool: Path, advance: Advance, *, jobs: int = 1
) -> list[Entry]:
    """Read every run once; frames wait in files until it is known which are wanted.

    Args:
        paths: As for `find_runs`.
        spool: Folder for these files.
        advance: Told how many runs were finished.
        jobs: Processes that share the work.

    Returns:
        The runs in the order they were found; a copy of an earlier one is a duplicate.

    Raises:
        LabelError: A path does not exist, or an archive is damaged.
    """
    tasks = ((file, spool / f"{n:06d}") for n, file in enumerate(find_runs(paths)))
    runs = _in_turn(tasks, advance) if jobs <= 1 else _shared(tasks, advance, jobs)
    entries = [Entry(run, run.status, run.reason) for run in runs]
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.is_taken and first.setdefault(entry.run.digest, entry) is not entry:
            name = first[entry.run.digest].run.name
            entry.leave_out("duplicate", f"the same frames as {name}")
        elif entry.is_taken and not entry.n_ok:
            counts = ", ".join(f"{n} {each}" for each, n in entry.run.counts.items())
            entry.leave_out("unconverged", f"no frame to learn from: {counts}")
    return entries


def _in_turn(
    tasks: Iterable[tuple[RunFile, Path]], advance: Advance
) -> Iterator[ImportedRun]:
    for file, frames in tasks:
        yield read_run(file, frames)
        advance(1)


def _shared(
    tasks: Iterable[tuple[RunFile, Path]], advance: Advance, jobs: int
) -> Iterator[ImportedRun]:
    # A fork would copy the threads of a progress bar in an unknown state.
    context = multiprocessing.get_context("spawn")
    waiting: deque[Future[ImportedRun]] = deque()
    with ProcessPoolExecutor(jobs, context) as pool:
        for file, frames in tasks:
            waiting.append(pool.submit(read_run, file, frames))
            # Members of a tar travel with their content.
            while len(waiting) > 2 * jobs:
                yield waiting.popleft().result()
                advance(1)
        for future in waiting:
            yield future.result()
            advance(1)
