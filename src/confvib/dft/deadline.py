"""When a job must have ended, and what a running VASP is told as that time comes."""

import enum
import math
import time
from collections.abc import Callable
from dataclasses import dataclass


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Deadline:
    """Hold what a job knows of its end.

    Attributes:
        stop: Tells whether the scheduler has asked the job to end (SIGTERM).
        ends_at_s: When the walltime ends, by ``time.monotonic`` [s]; inf if unknown.
    """

    stop: Callable[[], bool] = _never
    ends_at_s: float = math.inf

    def left_s(self) -> float:
        """Return the walltime that is left [s]; inf if unknown."""
        return self.ends_at_s - time.monotonic()


class Order(enum.IntEnum):
    """What VASP is told, each stronger than the one before."""

    GO_ON = 0
    END_AFTER_STEP = 1
    END_AT_ONCE = 2
    TERMINATE = 3


@dataclass(frozen=True)
class Patience:
    """Hold how much time VASP is given to end.

    Attributes:
        margin_s: Walltime that must be left when an ionic step ends, for VASP to write
            its files and for the job to store frames [s].
        grace_s: From the scheduler's request to the end of VASP [s].
    """

    margin_s: float
    grace_s: float

    def order(self, left_s: float, asked_s: float, step_s: float) -> Order:
        """Return what VASP must be told now.

        An order to end after the ionic step is given two steps ahead of the margin, as a
        step may just have begun and the next may need more electronic iterations. A
        request of the scheduler leaves no time for a long step: Slurm kills a job 30 s
        (KillWait) after asking.

        Args:
            left_s: Walltime left [s].
            asked_s: Since when the scheduler has been asking the job to end [s]; -inf if
                it has not.
            step_s: Longest recent ionic step [s].

        Returns:
            The order; it never weakens while time passes.
        """
        asked = asked_s >= 0
        if asked_s > self.grace_s or left_s < self.margin_s / 6:
            return Order.TERMINATE
        if (asked and 2 * step_s > self.grace_s) or left_s < self.margin_s / 2:
            return Order.END_AT_ONCE
        if asked or left_s < self.margin_s + 2 * step_s:
            return Order.END_AFTER_STEP
        return Order.GO_ON
