"""Custodian as it runs VASP here: it asks at every look whether the job must end."""

import logging
import math
import re
import time
from pathlib import Path
from typing import Any

from custodian.custodian import Custodian
from custodian.vasp.jobs import VaspJob

from confvib.dft.deadline import Deadline, Order, Patience
from confvib.dft.segments import BEFORE_ABORT
from confvib.dft.workspace import record_process
from confvib.errors import Interrupted

MONITOR_EVERY_S = 300.0
"""Time between checks of a running VASP for errors [s]."""

RECENT_STEPS = 20
"""Ionic steps among which the longest is looked for."""

SETTLED_S = 0.1
"""A file that has not changed for so long is complete [s]."""

SETTLING_LOOKS = 20

STOPCAR = {
    Order.END_AFTER_STEP: "LSTOP = .TRUE.\n",
    Order.END_AT_ONCE: "LABORT = .TRUE.\n",
}

logger = logging.getLogger(__name__)


class StopWatch:
    """Tell a running VASP to end when the job must.

    Custodian's own WalltimeHandler is of no use for the second calculation of a job: it
    counts from the first, and it knows nothing of signals.

    Args:
        folder: Directory of the VASP run.
        deadline: When the job must have ended.
        patience: How much time VASP is given.
    """

    def __init__(self, folder: Path, deadline: Deadline, patience: Patience) -> None:
        self.order = Order.GO_ON
        self._folder = folder
        self._deadline = deadline
        self._patience = patience
        self._asked_at_s = math.inf
        self._steps = _StepTimes(folder / "OUTCAR")

    def restart(self) -> None:
        """Forget the steps of the VASP before."""
        self._steps = _StepTimes(self._folder / "OUTCAR")

    def look(self) -> Order:
        """Pass on an order that is due, and return it."""
        if self._asked_at_s == math.inf and self._deadline.stop():
            self._asked_at_s = time.monotonic()
        due = self._patience.order(
            self._deadline.left_s(),
            time.monotonic() - self._asked_at_s,
            self._steps.longest_s(),
        )
        if due > self.order:
            self.order = due
            self._pass_on()
        return self.order

    def _pass_on(self) -> None:
        why = "the job was asked to end" if self._deadline.stop() else "walltime ends"
        told = {
            Order.END_AFTER_STEP: "is told to end after this ionic step",
            Order.END_AT_ONCE: "is told to end after this electronic step",
        }.get(self.order, "is terminated")
        logger.warning("%s: %s, VASP %s", self._folder.name, why, told)
        if self.order == Order.END_AT_ONCE:
            # Without a CONTCAR yet it is empty, and tells that the first step is aborted.
            contcar = _settled(self._folder / "CONTCAR")
            (self._folder / BEFORE_ABORT).write_bytes(contcar)
        if line := STOPCAR.get(self.order):
            (self._folder / "STOPCAR").write_text(line, encoding="utf-8")


class VaspProcess(VaspJob):
    """VASP in a folder, known by its process, told nothing left over from before."""

    def watched_by(self, watch: StopWatch) -> "VaspProcess":
        """Set who may tell it to end; custodian copies arguments of __init__ to JSON."""
        self._watch = watch
        return self

    def run(self, directory: str = "./") -> Any:
        """Start VASP.

        Args:
            directory: Its directory.

        Returns:
            The process.

        Raises:
            Interrupted: The job must end; custodian was about to repair something.
        """
        if self._watch.order > Order.GO_ON:
            raise Interrupted("VASP was told to end and is not started again")
        for name in ("STOPCAR", BEFORE_ABORT, "OUTCAR"):
            (Path(directory) / name).unlink(missing_ok=True)
        self._watch.restart()
        process = super().run(directory)
        record_process(Path(directory), process.pid)
        return process


class Overseer(Custodian):
    """Custodian that asks a stop watch at each look and its handlers now and then.

    Args:
        watch: The stop watch.
        *arguments: As for Custodian.
        **named: As for Custodian; its ``monitor_freq`` is 1.
    """

    def __init__(self, watch: StopWatch, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, monitor_freq=1, **named)
        self._watch = watch
        self._checked_at_s = time.monotonic()

    def _do_check(self, handlers: Any, terminate_func: Any = None) -> bool:
        # Only while VASP runs is there something to terminate.
        if terminate_func is not None:
            if self._watch.look() == Order.TERMINATE:
                terminate_func(directory=self.directory)
                return False
            if time.monotonic() - self._checked_at_s < MONITOR_EVERY_S:
                return False
            self._checked_at_s = time.monotonic()
        return super()._do_check(handlers, terminate_func)


def _settled(path: Path) -> bytes:
    """Return a file that VASP rewrites after each ionic step, not while it does so."""
    content = b""
    for _ in range(SETTLING_LOOKS):
        if not path.is_file():
            return b""
        before = path.stat()
        time.sleep(SETTLED_S)
        content, after = path.read_bytes(), path.stat()
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            break
    return content


class _StepTimes:
    """Read how long the ionic steps took from an OUTCAR that grows."""

    def __init__(self, outcar: Path) -> None:
        self._outcar = outcar
        self._offset = 0
        self._times_s: list[float] = []
        self._started_s = time.monotonic()

    def longest_s(self) -> float:
        """Return the longest of the recent steps [s], the first while it runs."""
        self._read()
        if not self._times_s:
            return time.monotonic() - self._started_s
        return max(self._times_s[-RECENT_STEPS:])

    def _read(self) -> None:
        if not self._outcar.is_file():
            return
        with self._outcar.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = re.findall(rb"LOOP\+:.*real time\s*([\d.]+)", whole)
        self._times_s += [float(time_s) for time_s in found]
