"""The devices of a node share the configurations of a chunk, one process for each."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from confvib.errors import DeviceError, Interrupted
from confvib.stages.device_worker import INTERRUPTED
from confvib.stages.job import Progress
from confvib.stages.termination import termination

_LOOK_S = 0.2


def on_devices(
    stage: Callable[..., None], n_devices: int, progress: Progress, **arguments: Any
) -> None:
    """Run a stage that works through a chunk, on so many devices of this node.

    With several devices each gets a process and every so-manieth configuration; what they
    finish is on disk as after an attempt that was cut short. The stage then runs here,
    finds nothing left to do and writes the table. Rows do not depend on the number of
    devices where a program gives the same bits for every batch.

    Args:
        stage: Function of ``confvib.stages``, in the module of its name.
        n_devices: Devices that the scheduler gave to the job.
        progress: Where to report; lines of the processes go there too.
        **arguments: Arguments of the stage, plain values; ``params`` among them.

    Raises:
        DeviceError: Fewer devices are visible, or a process failed; the rows of the
            others are kept for the next attempt.
        Interrupted: The scheduler wants the job to end.
    """
    if n_devices > 1:
        _Workers(stage.__name__, _environments(n_devices), progress, arguments).run()
    stage(**arguments, progress=progress)


def _environments(n_devices: int) -> list[dict[str, str]]:
    """Return the environment of each process, in which it sees one card alone.

    Raises:
        DeviceError: Fewer devices are visible.
    """
    listed = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    cards = listed.split(",") if listed else [str(index) for index in range(n_devices)]
    if len(cards) < n_devices:
        raise DeviceError(
            f"the job asks for {n_devices} devices (resource gpu), but "
            f"CUDA_VISIBLE_DEVICES = {listed!r} names {len(cards)}"
        )
    return [os.environ | {"CUDA_VISIBLE_DEVICES": card} for card in cards[:n_devices]]


class _Workers:
    """The processes of a job, started, listened to and waited for."""

    def __init__(
        self,
        stage: str,
        environments: Sequence[dict[str, str]],
        progress: Progress,
        arguments: dict[str, Any],
    ) -> None:
        self._stage, self._environments = stage, environments
        self._progress, self._arguments = progress, arguments
        self._listeners: list[threading.Thread] = []

    def run(self) -> None:
        """Start a process for each device and wait until all have ended.

        Raises:
            DeviceError: A process failed.
            Interrupted: The scheduler wants the job to end.
        """
        with termination() as stop:
            workers = [self._start(part) for part in range(len(self._environments))]
            told = False
            while any(worker.poll() is None for worker in workers):
                if stop() and not told:
                    told = True
                    for worker in workers:
                        worker.terminate()
                time.sleep(_LOOK_S)
            for listener in self._listeners:
                listener.join()
            codes = [worker.returncode for worker in workers]
        # A process that was told before it could listen ends by the signal.
        ended = {0, INTERRUPTED, -signal.SIGTERM}
        failed = [part for part, code in enumerate(codes) if code not in ended]
        if failed:
            raise DeviceError(
                f"the process of device {failed[0]} ended with exit status "
                f"{codes[failed[0]]}, see above; the rows of all devices are kept and "
                "the next attempt goes on from there"
            )
        if any(codes):
            raise Interrupted(
                f"asked to stop on {len(codes)} devices; the next attempt goes on from "
                "there"
            )

    def _start(self, part: int) -> subprocess.Popen[str]:
        worker = subprocess.Popen(
            [sys.executable, "-m", "confvib.stages.device_worker"],
            env=self._environments[part],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert worker.stdin is not None
        assert worker.stdout is not None
        share = (part, len(self._environments))
        params = {**self._arguments["params"], "share": share}
        task = {
            "stage": self._stage,
            "arguments": {**self._arguments, "params": params},
            "job": os.getpid(),
        }
        with worker.stdin as pipe:
            json.dump(task, pipe)
        listener = threading.Thread(
            target=self._relay, args=(worker.stdout,), daemon=True
        )
        listener.start()
        self._listeners.append(listener)
        return worker

    def _relay(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._progress.say(line.rstrip("\n"))
