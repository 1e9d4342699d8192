"""The folder of a calculation: whose it is, who is still in it, where it ends up."""

import hashlib
import itertools
import json
import logging
import os
import re
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from confvib.dft.inputs import VaspInputs
from confvib.dft.level import NEUTRAL_KEYS
from confvib.dft.settings import LARGE_FILES
from confvib.errors import LabelError

KEY_FILE = "calculation.json"
PROCESS_FILE = "vasp.process.json"
TERMINATION_S = 10.0
"""Time a VASP left over by a dead job has between SIGTERM and SIGKILL [s]."""

logger = logging.getLogger(__name__)


def calculation_key(inputs: VaspInputs, level_of_theory: str) -> str:
    """Return a hash of what is computed, whichever way the electrons converge.

    Args:
        inputs: The calculation from its start.
        level_of_theory: As `confvib.dft.level.level_of_theory`.

    Returns:
        64 hexadecimal digits.
    """
    asked = {
        "level_of_theory": level_of_theory,
        "incar": {
            key: str(value)
            for key, value in inputs.incar.items()
            if key not in NEUTRAL_KEYS
        },
        "kpoints": str(inputs.kpoints),
        "poscar": inputs.poscar,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def open_folder(scratch_dir: Path, run: str, key: str) -> Path:
    """Return the folder of a calculation, with what an earlier attempt left in it.

    Args:
        scratch_dir: Directory for running calculations; made if absent.
        run: Name of the calculation; '' for one that cannot go on later.
        key: Hash of the calculation. What is there under another key is removed.

    Returns:
        An existing folder in which no VASP is running.

    Raises:
        LabelError: The name is not one of a folder.
    """
    scratch_dir.mkdir(parents=True, exist_ok=True)
    if not run:
        return Path(tempfile.mkdtemp(prefix="vasp-", dir=scratch_dir))
    if not re.fullmatch(r"[\w+-][\w.+-]*", run):
        raise LabelError(
            f"run is {run!r}; expected letters, digits, '_', '.', '+' or '-', as it "
            "names a folder"
        )
    folder = scratch_dir / run
    if folder.exists():
        end_leftover(folder)
        if (found := _key_of(folder)) != key:
            logger.warning(
                "%s is discarded: it holds another calculation (key %s, expected %s)",
                folder,
                found[:8] or "missing",
                key[:8],
            )
            shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    (folder / KEY_FILE).write_text(json.dumps({"key": key}), encoding="utf-8")
    return folder


def record_process(folder: Path, pid: int) -> None:
    """Write down which process computes in a folder.

    Args:
        folder: Directory of the calculation.
        pid: Leader of its process group.
    """
    text = json.dumps({"host": socket.gethostname(), "pid": pid})
    (folder / PROCESS_FILE).write_text(text, encoding="utf-8")


def end_leftover(folder: Path) -> None:
    """End a VASP whose job was killed: it runs in a session of its own and goes on.

    Only a process of this host that works in the folder is meant: elsewhere the scheduler
    ends what a job leaves behind.

    Args:
        folder: Directory of the calculation.
    """
    try:
        left = json.loads((folder / PROCESS_FILE).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return
    pid = int(left["pid"])
    if left["host"] != socket.gethostname() or not _works_in(pid, folder):
        return
    logger.warning("%s: ending VASP (process %d) that a killed job left", folder, pid)
    os.killpg(pid, signal.SIGTERM)
    gives_up_s = time.monotonic() + TERMINATION_S
    while _works_in(pid, folder) and time.monotonic() < gives_up_s:
        time.sleep(0.05)
    if _works_in(pid, folder):
        os.killpg(pid, signal.SIGKILL)


def keep_files(folder: Path, names: Iterable[str], kept_dir: Path, run: str) -> None:
    """Copy files of a finished calculation, those of its segments included.

    Args:
        folder: Directory of the calculation.
        names: Names of files; those that are absent are passed over.
        kept_dir: Where the copies get a folder; made when needed.
        run: Name of that folder; a number is appended if it is taken.
    """
    wanted = set(names)
    places = [folder, *sorted(folder.glob("segment-*"))]
    found = [p for place in places for p in place.iterdir() if p.name in wanted]
    if not found:
        return
    kept = _unused(kept_dir, run)
    for path in found:
        copy = kept / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def keep_folder(folder: Path, names: Iterable[str], kept_dir: Path) -> Path:
    """Move the folder of a calculation that failed to where folders are kept.

    Args:
        folder: Directory of the calculation.
        names: Large files that are kept; the others are removed.
        kept_dir: Where it goes; made when needed.

    Returns:
        The new place, which was not there before.
    """
    for large in set(LARGE_FILES) - set(names):
        (folder / large).unlink(missing_ok=True)
    kept = _unused(kept_dir, folder.name)
    shutil.move(folder, kept)
    return kept


def _unused(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    return next(parent / free for free in names if not (parent / free).exists())


def _key_of(folder: Path) -> str:
    try:
        text = (folder / KEY_FILE).read_text(encoding="utf-8")
        return str(json.loads(text)["key"])
    except (OSError, json.JSONDecodeError, KeyError):
        return ""


def _works_in(pid: int, folder: Path) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        place = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return False
    return state.split()[0] != "Z" and place == folder.resolve()
