"""Where commands print: tables to stdout, progress to stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

_PIPE_WIDTH = 160
"""Columns of a table that no terminal bounds."""

_LINE_EVERY_S = 5.0

Advance = Callable[[int], None]
"""Reports how many units were finished since the last report."""


def output() -> Console:
    """Return the console of stdout; names with brackets are no markup."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, markup=False, highlight=False)


def readable(number: int) -> str:
    """Write a count: 426,024 in full, 10^35 as a power.

    Args:
        number: An exact integer of any size.
    """
    return f"{number:,}" if abs(number) < 10**13 else f"{Decimal(number):.2e}"


@contextmanager
def progress(title: str, total: int | None, unit: str) -> Iterator[Advance]:
    """Show progress on stderr: a bar in a terminal, a line every few seconds else.

    Args:
        title: What is going on.
        total: Units to do; None if that is not known.
        unit: What is counted, in the plural.

    Yields:
        The function to call with the number of units finished.
    """
    if sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda count: bar.advance(task, count)
    else:
        yield _lines(title, total, unit)


def _lines(title: str, total: int | None, unit: str) -> Advance:
    started = last = time.monotonic()
    done = 0

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if now - last >= _LINE_EVERY_S:
            last = now
            of = f"{done}" if total is None else f"{done}/{total}"
            rate = done / (now - started)
            sys.stderr.write(f"[{title}] {of} {unit}, {rate:.3g} per s\n")
            sys.stderr.flush()

    return advance
