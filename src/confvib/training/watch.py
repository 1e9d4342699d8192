"""What goes on around a training and has no part in its result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from confvib.training.restart import Restart
from confvib.training.state import HistoryRow

Progress: TypeAlias = Callable[[HistoryRow, int, float], None]
"""Called after each epoch with its row, ``max_epochs`` and seconds left at most."""


def _silent(*_: Any) -> None:
    pass


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Watch:
    """Reports of a training, its restarts, and the wish to end it.

    Attributes:
        progress: Called after each epoch.
        say: Takes a sentence on how the training runs.
        stop: Tells whether to save and end; asked every few seconds.
        restart: Where states are kept between attempts; None keeps none.
    """

    progress: Progress = _silent
    say: Callable[[str], None] = _silent
    stop: Callable[[], bool] = _never
    restart: Restart | None = None
