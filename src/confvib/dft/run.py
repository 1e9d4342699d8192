"""One VASP run under custodian: how it ended, and what was repaired on the way."""

import enum
import importlib
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from confvib.dft.deadline import Deadline, Order, Patience
from confvib.dft.inputs import VaspInputs
from confvib.dft.preflight import command_words
from confvib.dft.repairs import in_words, recorded, refused
from confvib.dft.settings import VaspSettings
from confvib.errors import LabelError

REPORTING_VARIABLES = ("SENTRY_DSN", "CUSTODIAN_REPORTING_OPT_IN")

KILLED = frozenset({-9, -15, 9, 15, 128 + 9, 128 + 15})
"""Return codes of a VASP that was killed: as seen by its parent, MPICH and a shell."""

logger = logging.getLogger(__name__)


class Ending(enum.Enum):
    """Who ended a run."""

    BY_ITSELF = enum.auto()
    STOPPED = enum.auto()
    """We did, as the job must end."""
    CUT = enum.auto()
    """Something killed it, or it hung and we did: it may go on."""


@dataclass(frozen=True)
class RunOutcome:
    """Say how a run ended.

    Attributes:
        failure: A sentence on what went wrong; '' for a run that ended by itself.
        trusted: Whether frames it wrote are labels at the level asked for. A run cut
            short still is; one that VASP complained about or custodian bent is not.
        corrections: What custodian repaired, in words; '' normally.
        ending: Who ended it.
    """

    failure: str
    trusted: bool
    corrections: str
    ending: Ending = Ending.BY_ITSELF


class _Custodian(NamedTuple):
    """Hold modules of custodian, and of what is built on it."""

    custodian: Any
    handlers: Any
    overseer: Any


def run_vasp(
    folder: Path,
    inputs: VaspInputs,
    settings: VaspSettings,
    deadline: Deadline,
    patience: Patience,
) -> RunOutcome:
    """Run VASP in a folder that holds its inputs.

    Args:
        folder: Directory with INCAR, KPOINTS, POSCAR and POTCAR.
        inputs: What is in it. Only a relaxation may be repaired by going on from its last
            geometry.
        settings: VASP settings.
        deadline: When the job must have ended.
        patience: How much time VASP is given to end then.

    Returns:
        How it ended; failures of VASP are answers, not exceptions.

    Raises:
        LabelError: The command cannot be split, or custodian would report to its makers.
    """
    words = command_words(settings.command)
    modules = _custodian()
    restartable = not inputs.is_dynamics
    watch = modules.overseer.StopWatch(folder, deadline, patience)
    job = modules.overseer.VaspProcess(words, auto_gamma=False, backup=False)
    handlers = modules.handlers.allowed_handlers(
        restartable=restartable, frozen_after_s=settings.frozen_after_s
    )
    overseer = modules.overseer.Overseer(
        watch,
        handlers,
        [job.watched_by(watch)],
        max_errors=settings.max_corrections,
        polling_time_step=settings.poll_s,
        directory=str(folder),
    )
    outcome = _oversee(overseer, job, folder, modules)
    corrections = recorded(folder)
    if bent := refused(corrections, inputs.incar, restartable=restartable):
        return RunOutcome(bent, trusted=False, corrections=in_words(corrections))
    if watch.order > Order.GO_ON:
        outcome = RunOutcome("", trusted=True, corrections="", ending=Ending.STOPPED)
    return replace(outcome, corrections=in_words(corrections))


def complaint(folder: Path) -> str:
    """Say which error VASP printed in a folder; as ``handlers.complaint``."""
    return _custodian().handlers.complaint(folder)


def _oversee(overseer: Any, job: Any, folder: Path, modules: _Custodian) -> RunOutcome:
    """Run to the end of VASP, whatever that is."""
    failure, trusted, ending = "", True, Ending.BY_ITSELF
    with _warnings_to_log():
        try:
            overseer.run()
        except modules.custodian.ReturnCodeError as error:
            failure = f"{error.message}{_last_words(folder)}"
            if _return_code(job) in KILLED:
                failure, ending = f"VASP was killed ({failure})", Ending.CUT
        except Exception as error:  # noqa: BLE001 - handlers parse half-written files
            failure = f"{type(error).__name__}: {error}{_last_words(folder)}"
            trusted = False
            if isinstance(
                getattr(error, "handler", None), modules.handlers.FrozenHandler
            ):
                failure = f"VASP hung and was ended.{_last_words(folder)}"
                trusted, ending = True, Ending.CUT
        finally:
            _stop(job)
    return RunOutcome(failure, trusted, "", ending)


def _return_code(job: Any) -> int | None:
    process = getattr(job, "_vasp_process", None)
    return None if process is None else process.returncode


def _stop(job: Any) -> None:
    """End a VASP that outlived its overseer: it runs in a session of its own."""
    process = getattr(job, "_vasp_process", None)
    if process is not None and process.poll() is None:
        job.terminate()


@contextmanager
def _without_reporting() -> Iterator[None]:
    """Hide the variables that make custodian send reports when it is imported."""
    hidden = {name: os.environ.pop(name, None) for name in REPORTING_VARIABLES}
    try:
        yield
    finally:
        os.environ.update({k: v for k, v in hidden.items() if v is not None})


def _custodian() -> _Custodian:
    """Import custodian, and what is built on it, with its telemetry off."""
    with _without_reporting():
        custodian = importlib.import_module("custodian.custodian")
        handlers = importlib.import_module("confvib.dft.handlers")
        overseer = importlib.import_module("confvib.dft.overseer")
    if custodian.SENTRY_DSN:
        raise LabelError(
            "custodian was imported with its error reporting on; expected it off: unset "
            + " and ".join(REPORTING_VARIABLES)
        )
    return _Custodian(custodian, handlers, overseer)


@contextmanager
def _warnings_to_log() -> Iterator[None]:
    """Keep the remarks of handlers and parsers, in the log where a job's output is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for said in dict.fromkeys(str(warning.message) for warning in caught):
                logger.info("custodian: %s", said)


def _last_words(folder: Path) -> str:
    """Return the last line VASP printed, errors first, as an appendix to a reason."""
    for name in ("std_err.txt", "vasp.out"):
        path = folder / name
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if lines := [line.strip() for line in text.splitlines() if line.strip()]:
            return f" Last line of {name}: {lines[-1][:200]!r}."
    return ""
