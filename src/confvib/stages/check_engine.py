"""Stage ``check_engine``: what would compute the labels, before anything is queued."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from confvib.dft.preflight import check_installation
from confvib.stages.job import Progress
from confvib.stages.label_engine import vasp_settings
from confvib.tables.atomic import write_text_atomically


def check_engine(
    output: str,
    params: Mapping[str, Any],
    resources: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Check VASP's pseudopotentials and settings and write down what they are.

    The job runs where the workflow was started: a POTCAR that is missing, or of another
    functional, is found in seconds and not after hours in a queue. The program itself
    may be on the compute nodes only; there each job looks for it as it starts.

    Args:
        output: A JSON file: titles, hashes and cutoffs of the pseudopotentials and the
            level of theory.
        params: Parameters of the rule.
        resources: How the jobs run VASP.
        progress: Where to report.

    Raises:
        LabelError: PMG_VASP_PSP_DIR or a POTCAR is missing, or it is of another element
            or functional.
    """
    settings = vasp_settings(params["vasp"], resources)
    found = check_installation(settings, params["elements"], needs_program=False)
    for warning in found.warnings:
        progress.say(f"warning: {warning}")
    if found.program is None:
        progress.say(
            f"{settings.command.split()[0]!r} is not on PATH here; expected in the jobs"
        )
    written = asdict(found)
    del written["program"]  # another machine, the same labels
    text = json.dumps(written, indent=2, ensure_ascii=False) + "\n"
    write_text_atomically(Path(output), text)
    titles = ", ".join(each.title for each in found.pseudopotentials.values())
    progress.say(f"level of theory {found.level_of_theory}; POTCARs: {titles}")
