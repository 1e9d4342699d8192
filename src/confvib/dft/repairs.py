"""What custodian repaired in a folder, and whether the label survived it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pymatgen.io.vasp.inputs import Incar

from confvib.dft.level import incar_changes, refusal
from confvib.errors import LabelError

Correction = Mapping[str, Any]


def recorded(folder: Path) -> list[Correction]:
    """Return the corrections that custodian wrote down in a folder.

    Args:
        folder: Directory of a VASP run; custodian.json may be absent.

    Returns:
        Entries with "handler", "errors" and "actions", in order.

    Raises:
        LabelError: The file was cut while it was written, so nobody knows what happened.
    """
    path = folder / "custodian.json"
    if not path.is_file():
        return []
    try:
        jobs = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise LabelError(
            f"{path} is incomplete ({error}); what was repaired is not known"
        ) from error
    return [correction for job in jobs for correction in job["corrections"]]


def refused(corrections: Sequence[Correction], incar: Incar, *, restartable: bool) -> str:
    """Say which corrections made the result another one than was asked for.

    Args:
        corrections: Corrections of one run.
        incar: INCAR the run began with.
        restartable: Whether the task may go on from its last geometry.

    Returns:
        A sentence; '' if all of them leave level of theory and task alone.
    """
    bent = [_refused(entry, incar, restartable=restartable) for entry in corrections]
    if reasons := "; ".join(filter(None, bent)):
        return f"a repair left the level of theory or the task: {reasons}."
    return ""


def in_words(corrections: Sequence[Correction]) -> str:
    """Return corrections as text for the frames of a run; '' for none."""
    return "; ".join(
        f"{_handler_name(entry)} on {entry['errors']}: "
        f"{json.dumps(entry['actions'], sort_keys=True)}"
        for entry in corrections
    )


def repaired(incar: Incar, corrections: Sequence[Correction]) -> Incar:
    """Return an INCAR with the corrections made, for the run that goes on.

    Args:
        incar: INCAR the calculation began with.
        corrections: Corrections of the runs before.

    Returns:
        A new INCAR.
    """
    changed = dict(incar)
    for entry in corrections:
        for action in entry["actions"] or []:
            if action.get("dict") != "INCAR":
                continue
            for key, value in incar_changes(action["action"]):
                if value is None:
                    changed.pop(key, None)
                else:
                    changed[key] = value
    return Incar(changed)


def _refused(correction: Correction, incar: Incar, *, restartable: bool) -> str:
    reasons = (
        refusal(action, incar, restartable=restartable)
        for action in correction["actions"] or []
    )
    changed = ", ".join(filter(None, reasons))
    return f"{_handler_name(correction)} {changed}" if changed else ""


def _handler_name(correction: Correction) -> str:
    handler = correction["handler"]
    return handler["@class"] if isinstance(handler, Mapping) else str(handler)
