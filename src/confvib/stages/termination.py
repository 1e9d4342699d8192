"""A scheduler's warning before it kills a job, as a question the job can ask."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def termination(*, with_parent: bool = False) -> Iterator[Callable[[], bool]]:
    """Note SIGTERM and SIGINT instead of dying of them, within the block.

    Slurm sends SIGTERM when the walltime is reached, and SIGKILL some seconds later.

    Args:
        with_parent: End, too, when the process that started this one is gone.

    Yields:
        Tells whether one has arrived.
    """
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    parent = os.getppid()
    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, note) for number in signals}
    try:
        yield lambda: bool(received) or (with_parent and os.getppid() != parent)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
