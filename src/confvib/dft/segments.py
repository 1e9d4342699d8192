"""A calculation that was cut goes on: what it has, and what is left of it.

A calculation runs in a folder. When it is cut, what VASP wrote there is set aside in
``segment-001``, ``segment-002``, ..., and VASP starts again from the last CONTCAR. Where
to go on is worked out from these folders alone, so that a job killed in the middle of
setting files aside loses nothing.
"""

import itertools
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.io.vasp.inputs import Incar

from confvib.dft.contcar import Geometry, read_contcar
from confvib.dft.inputs import RANDOM_SEED_BELOW, VaspInputs, poscar_text
from confvib.dft.repairs import Correction, in_words, recorded, refused, repaired
from confvib.dft.settings import LARGE_FILES
from confvib.errors import LabelError
from confvib.reference.engine import Frame

FrameReader = Callable[[Path, str], tuple[Frame, ...]]
"""Reads the frames of a folder; the text says what was repaired in it."""

RELAXED = "reached required accuracy"
"""What VASP prints when EDIFFG is met."""

BEFORE_ABORT = "CONTCAR.before-abort"
"""CONTCAR as it was when VASP was told to end in the middle of an ionic step.

What VASP writes after that comes from electrons that did not converge.
"""

SAME_PLACE_A = 1e-6
"""Largest distance between positions that are the same but for rounding [Å]."""

_STAYS = re.compile(
    r"(segment|discarded)-.*|calculation\.json|INCAR|KPOINTS|POSCAR|POTCAR"
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Continuation:
    """Say how far a calculation has come.

    Attributes:
        frames: Frames it has, in order, none of which is computed again.
        corrections: What custodian repaired so far, in words.
        left: Inputs of what is left to compute; None when nothing is.
        relaxed: Whether VASP met EDIFFG.
    """

    frames: tuple[Frame, ...]
    corrections: str
    left: VaspInputs | None
    relaxed: bool = False


def go_on(folder: Path, inputs: VaspInputs, read: FrameReader) -> Continuation:
    r"""Set aside what VASP left in a folder and work out what comes next.

    A frame that the next VASP computes again, because its positions are those in CONTCAR,
    is left to it. A segment from which VASP cannot go on is discarded: one without a
    complete ionic step, and in dynamics one without a whole CONTCAR, since the velocities
    are nowhere else. The temperature ramp

    .. math:: T_n = T_{begin} + (T_{end} - T_{begin})\, n / NSW

    is continuous if after n steps NSW is reduced by n and TEBEG is T_n.

    Args:
        folder: Directory of the calculation.
        inputs: The calculation from its start.
        read: Reads the frames of a folder.

    Returns:
        Where the calculation stands.

    Raises:
        LabelError: A repair in a segment left the level of theory or the task.
    """
    set_aside(folder)
    so_far = Continuation((), "", inputs)
    corrections: list[Correction] = []
    paths = sorted(folder.glob("segment-*"))
    for number, path in enumerate(paths):
        try:
            made = recorded(path)
            frames = read(path, in_words(corrections + made))
            geometry, frames, aborted = _end_of(path, inputs, frames)
        except LabelError as reason:
            logger.warning("%s", _goes_back(path, so_far, reason))
            for spoilt in paths[number:]:
                spoilt.rename(_numbered(folder, "discarded"))
            break
        if bent := refused(made, inputs.incar, restartable=not inputs.is_dynamics):
            raise LabelError(bent)
        corrections += made
        so_far = Continuation(
            frames=so_far.frames + frames,
            corrections=in_words(corrections),
            left=replace(inputs, poscar=geometry.text),
            relaxed=not aborted and has_relaxed(path),
        )
    return _with_incar(so_far, inputs, corrections, folder)


def set_aside(folder: Path) -> None:
    """Move what VASP wrote into a numbered folder; large files stay, but nothing else.

    Args:
        folder: Directory of the calculation; without outputs it is left as it is.
    """
    unfinished = folder / "segment-unfinished"
    outputs = [
        path
        for path in folder.iterdir()
        if not _STAYS.fullmatch(path.name) and path.name not in LARGE_FILES
    ]
    if not outputs and not unfinished.exists():
        return
    _drop_half_written(folder)
    unfinished.mkdir(exist_ok=True)
    for path in outputs:
        path.replace(unfinished / path.name)
    for name in ("INCAR", "KPOINTS", "POSCAR"):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, unfinished / name)
    unfinished.rename(_numbered(folder, "segment"))


def _numbered(folder: Path, name: str) -> Path:
    paths = (folder / f"{name}-{number:03d}" for number in itertools.count(1))
    return next(path for path in paths if not path.exists())


def _drop_half_written(folder: Path) -> None:
    """Remove a WAVECAR that VASP was writing when it was killed: it would crash on it."""
    wavecar, vasprun = folder / "WAVECAR", folder / "vasprun.xml"
    if not wavecar.is_file():
        return
    ended = vasprun.is_file() and _says(vasprun, "</modeling>")
    if not ended and wavecar.stat().st_mtime > (folder / "INCAR").stat().st_mtime:
        wavecar.unlink()


def steps_of_last(folder: Path) -> int:
    """Return how many ionic steps the last segment has, in less time than reading takes.

    A job that was asked to end has seconds left, and the frames of a long run take more.

    Args:
        folder: Directory of the calculation, its outputs set aside.
    """
    last = max(folder.glob("segment-*"), default=None)
    if last is None or not (last / "vasprun.xml").is_file():
        return 0
    with (last / "vasprun.xml").open(encoding="utf-8", errors="replace") as lines:
        n_steps = sum("</calculation>" in line for line in lines)
    return max(0, n_steps - (last / BEFORE_ABORT).exists())


def has_relaxed(path: Path) -> bool:
    """Return whether VASP says in a folder that it met EDIFFG.

    Args:
        path: Directory of a VASP run.
    """
    return any(_says(path / name, RELAXED) for name in ("vasp.out", "OUTCAR"))


def _says(path: Path, phrase: str) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as lines:
        return any(phrase in line for line in lines)


def _end_of(
    path: Path, inputs: VaspInputs, frames: tuple[Frame, ...]
) -> tuple[Geometry, tuple[Frame, ...], bool]:
    """Return from where VASP can go on, the frames before, and whether it was aborted."""
    aborted = (path / BEFORE_ABORT).exists()
    if frames and not aborted and _ended(path, inputs, len(frames)):
        return _geometry_of(frames[-1], inputs), frames, False
    try:
        contcar = read_contcar(path / (BEFORE_ABORT if aborted else "CONTCAR"), inputs)
    except LabelError:
        if inputs.is_dynamics or not frames:
            raise
        contcar = _geometry_of(frames[-1], inputs)
    kept = _before(contcar, inputs, frames)
    if not kept:
        raise LabelError(f"{path} holds no ionic step to go on from")
    return contcar, kept, aborted


def _ended(path: Path, inputs: VaspInputs, n_frames: int) -> bool:
    if inputs.has_fixed_length:
        return n_frames >= max(int(Incar.from_file(path / "INCAR")["NSW"]), 1)
    return has_relaxed(path)


def _geometry_of(frame: Frame, inputs: VaspInputs) -> Geometry:
    atoms = inputs.atoms.copy()
    atoms.positions = frame.positions
    text = poscar_text(atoms, inputs.order, None)
    return Geometry(text, atoms.get_scaled_positions(wrap=False)[inputs.order])


def _before(
    geometry: Geometry, inputs: VaspInputs, frames: tuple[Frame, ...]
) -> tuple[Frame, ...]:
    cell = np.asarray(inputs.atoms.cell.array)
    for index in reversed(range(len(frames))):
        scaled = frames[index].positions[inputs.order] @ np.linalg.inv(cell)
        apart = scaled - geometry.scaled
        apart_A = np.linalg.norm((apart - np.round(apart)) @ cell, axis=1)
        if apart_A.max() < SAME_PLACE_A:
            return frames[:index]
    return frames


def _with_incar(
    so_far: Continuation,
    inputs: VaspInputs,
    corrections: list[Correction],
    folder: Path,
) -> Continuation:
    """Return the continuation with the INCAR of what is left, if anything is."""
    n_done, n_steps = len(so_far.frames), inputs.n_steps
    if so_far.left is None or so_far.relaxed or n_done >= n_steps:
        return replace(so_far, left=None)
    if not n_done:
        return so_far
    changes: dict[str, Any] = {"NSW": n_steps - n_done}
    if "TEBEG" in inputs.incar:
        start_K, end_K = inputs.incar["TEBEG"], inputs.incar["TEEND"]
        changes["TEBEG"] = start_K + (end_K - start_K) * n_done / n_steps
    if "RANDOM_SEED" in inputs.incar:
        changes["RANDOM_SEED"] = _seed(folder, inputs, n_done)
    incar = Incar(dict(repaired(inputs.incar, corrections)) | changes)
    return replace(so_far, left=replace(so_far.left, incar=incar))


def _seed(folder: Path, inputs: VaspInputs, n_done: int) -> list[int]:
    """Return the state of VASP's random numbers after the steps that are done.

    REPORT tells it after each step, and VASP 6 at the start as well.
    """
    last = max(folder.glob("segment-*"))
    incar = Incar.from_file(last / "INCAR")
    in_last = n_done - (int(inputs.incar["NSW"]) - int(incar["NSW"]))
    report = last / "REPORT"
    text = report.read_text(encoding="utf-8") if report.is_file() else ""
    found = re.findall(r"RANDOM_SEED\s*=\s*(\d+)\s+(\d+)\s+(\d+)\s*\n", text)
    states = [[int(number) for number in state] for state in found]
    after_steps = states[1:] if states[:1] == [incar["RANDOM_SEED"]] else states
    if in_last <= len(after_steps):
        return after_steps[in_last - 1]
    first = int(inputs.incar["RANDOM_SEED"][0])
    return [(first + n_done) % RANDOM_SEED_BELOW, 0, 0]


def _goes_back(path: Path, so_far: Continuation, reason: LabelError) -> str:
    start = f"ionic step {len(so_far.frames) + 1}" if so_far.frames else "its start"
    return (
        f"{path.parent.name}: cannot go on from {path.name}, begins anew at {start}: "
        f"{reason}"
    )
