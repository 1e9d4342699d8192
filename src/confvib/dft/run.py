"""One VASP run under custodian: what happened, and what was repaired on the way."""

import importlib
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pymatgen.io.vasp.inputs import Incar

from confvib.dft.level import refusal
from confvib.dft.preflight import command_words
from confvib.dft.settings import VaspSettings
from confvib.errors import LabelError

REPORTING_VARIABLES = ("SENTRY_DSN", "CUSTODIAN_REPORTING_OPT_IN")
MONITOR_EVERY_S = 300.0
"""Time between checks of a running VASP for errors [s]."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOutcome:
    """Say how a run ended.

    Attributes:
        failure: A sentence on what went wrong; '' for a run that ended by itself.
        trusted: Whether frames it wrote are labels at the level asked for. A run cut
            short still is; one that VASP complained about or custodian bent is not.
        corrections: What custodian repaired, in words; '' normally.
    """

    failure: str
    trusted: bool
    corrections: str


def run_vasp(
    folder: Path, incar: Incar, settings: VaspSettings, *, restartable: bool
) -> RunOutcome:
    """Run VASP in a folder that holds its inputs.

    Args:
        folder: Directory with INCAR, KPOINTS, POSCAR and POTCAR.
        incar: The INCAR in it, to tell what a repair changed.
        settings: VASP settings.
        restartable: Whether the task may go on from its last geometry: true of a
            relaxation, false of a temperature ramp.

    Returns:
        How it ended; failures of VASP are answers, not exceptions.

    Raises:
        LabelError: The command cannot be split, or custodian would report to its makers.
    """
    words = command_words(settings.command)
    custodian, jobs, handlers = _custodian()
    job = jobs.VaspJob(words, auto_gamma=False, backup=False)
    overseer = custodian.Custodian(
        handlers.allowed_handlers(restartable=restartable),
        [job],
        max_errors=settings.max_corrections,
        polling_time_step=settings.poll_s,
        monitor_freq=max(1, round(MONITOR_EVERY_S / settings.poll_s)),
        directory=str(folder),
    )
    failure, trusted = "", True
    with _warnings_to_log():
        try:
            overseer.run()
        except custodian.ReturnCodeError as error:
            failure = f"{error.message}{_last_words(folder)}"
        except Exception as error:  # noqa: BLE001 - handlers parse half-written files
            failure = f"{type(error).__name__}: {error}{_last_words(folder)}"
            trusted = False
        finally:
            _stop(job)
    log = _corrections(folder)
    bent = [_refused(entry, incar, restartable=restartable) for entry in log]
    if reasons := "; ".join(filter(None, bent)):
        failure = f"a repair left the level of theory or the task: {reasons}."
        trusted = False
    words_on_repairs = "; ".join(_in_words(entry) for entry in log)
    return RunOutcome(failure, trusted, words_on_repairs)


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


def _custodian() -> tuple[Any, Any, ModuleType]:
    """Import custodian, and what is built on it, with its telemetry off."""
    with _without_reporting():
        custodian = importlib.import_module("custodian.custodian")
        jobs = importlib.import_module("custodian.vasp.jobs")
        handlers = importlib.import_module("confvib.dft.handlers")
    if custodian.SENTRY_DSN:
        raise LabelError(
            "custodian was imported with its error reporting on; expected it off: unset "
            + " and ".join(REPORTING_VARIABLES)
        )
    return custodian, jobs, handlers


@contextmanager
def _warnings_to_log() -> Iterator[None]:
    """Keep the remarks of handlers and parsers, in the log where a job's output is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in caught:
                logger.info("custodian: %s", warning.message)


def _corrections(folder: Path) -> list[Mapping[str, Any]]:
    path = folder / "custodian.json"
    if not path.is_file():
        return []
    jobs = json.loads(path.read_text(encoding="utf-8"))
    return [correction for job in jobs for correction in job["corrections"]]


def _refused(correction: Mapping[str, Any], incar: Incar, *, restartable: bool) -> str:
    reasons = (
        refusal(action, incar, restartable=restartable)
        for action in correction["actions"] or []
    )
    changed = ", ".join(filter(None, reasons))
    return f"{_handler_name(correction)} {changed}" if changed else ""


def _in_words(correction: Mapping[str, Any]) -> str:
    actions = json.dumps(correction["actions"], sort_keys=True)
    return f"{_handler_name(correction)} on {correction['errors']}: {actions}"


def _handler_name(correction: Mapping[str, Any]) -> str:
    handler = correction["handler"]
    return handler["@class"] if isinstance(handler, Mapping) else str(handler)


def _last_words(folder: Path) -> str:
    """Return the last line VASP printed, errors first, as an appendix to a reason."""
    for name in ("std_err.txt", "vasp.out"):
        path = folder / name
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if lines := [line.strip() for line in text.splitlines() if line.strip()]:
            return f" Last line of {name}: {lines[-1][:200]!r}."
    return ""
