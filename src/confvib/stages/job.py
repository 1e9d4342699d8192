"""What every job does around its stage: log, progress, errors in one line."""

import logging
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from confvib.errors import CampaignError


class Progress:
    """A line every few seconds: done of total, rate and time left."""

    def __init__(self, title: str, log: TextIO, interval_s: float = 5.0) -> None:
        self.title = title
        self._log = log
        self._interval_s = interval_s
        self._started = self._last = time.monotonic()

    def say(self, text: str) -> None:
        """Write one line to the log and to the terminal."""
        line = f"[{self.title}] {text}"
        for stream in (self._log, sys.stderr):
            stream.write(line + "\n")
            stream.flush()

    def update(self, done: float, total: float, unit: str, note: str = "") -> None:
        """Report progress if the last report is old enough or the work is complete.

        Args:
            done: Amount finished, in ``unit``.
            total: Amount to do.
            unit: What is counted, in the plural.
            note: Anything worth knowing at this moment.
        """
        now = time.monotonic()
        if done < total and now - self._last < self._interval_s:
            return
        self._last = now
        elapsed = max(now - self._started, 1e-9)
        rate = done / elapsed
        left = f"{(total - done) / rate:.0f} s left" if rate > 0 else "starting"
        parts = [f"{done:g}/{total:g} {unit}", f"{rate:.3g} per s", left, note]
        self.say(", ".join(part for part in parts if part))


class _Lines(logging.Handler):
    """Remarks of the library, among the lines of the job."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.INFO)
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.say(record.getMessage())


@contextmanager
def _remarks(progress: Progress) -> Iterator[None]:
    library, handler = logging.getLogger("confvib"), _Lines(progress)
    before = library.level
    library.addHandler(handler)
    library.setLevel(logging.INFO)
    try:
        yield
    finally:
        library.removeHandler(handler)
        library.setLevel(before)


@contextmanager
def job(log_path: str, title: str) -> Iterator[Progress]:
    """Run the body of a script with a log file and readable failure.

    Snakemake deletes the log of a failed job before it tries again, so a failed log is
    kept beside it as ``<log>.failed-<time>``. A user's mistake ends the job with its one
    sentence; anything else leaves its traceback in the log and on the terminal.
    """
    path = Path(log_path)
    with path.open("w", encoding="utf-8") as log:
        progress = Progress(title, log)
        try:
            with _remarks(progress):
                yield progress
        except CampaignError as error:
            progress.say(f"{type(error).__name__}: {error}")
            kept = _keep(path)
            progress.say(f"log kept as {kept}")
            sys.exit(1)
        except BaseException:
            log.write(traceback.format_exc())
            log.flush()
            _keep(path)
            raise


def _keep(log_path: Path) -> Path:
    stamp = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%S")
    kept = log_path.with_name(f"{log_path.name}.failed-{stamp}")
    shutil.copyfile(log_path, kept)
    return kept
