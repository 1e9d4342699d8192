"""One finished VASP run as labelled frames and all that is asked about it later."""

import hashlib
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from ase.data import atomic_numbers
from numpy.typing import NDArray

from confvib.dft.folders import RunFile
from confvib.dft.imported_level import Level, imported_level
from confvib.dft.imported_task import imported_task
from confvib.dft.parse import temperature_K
from confvib.dft.vasprun import Header, IonicStep, VasprunStream
from confvib.errors import LabelError

FloatArray = NDArray[np.float64]

_ATOMS_PER_BATCH = 50_000
"""Atoms of the frames that are in memory together: a few MB."""

_CORRECTION_EV = 1e-4
"""Beyond the digits of an energy: VASP added something to it."""

_LINEAR_RESPONSE = ("LEPSILON", "LCALCEPS", "LCHIMAG")
"""Keys of runs whose last electronic steps are no ground states; so is IBRION 7 or 8."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """Hold a cell: rows [Å] of shape (3, 3), fractional positions (N, 3)."""

    cell: FloatArray
    fractional: FloatArray


@dataclass(eq=False)
class ImportedRun:
    """Say what a finished run holds; its frames are in a file of their own.

    Attributes:
        file: Where it was found.
        status: "ok", "cut", "unreadable", "no_frames", or what `find_runs` said.
        reason: A sentence on it; '' when ok.
        task: What the run did; '' where that is not known.
        level: What defines its energies; empty where that is not known.
        target_K: Temperature that its dynamics was asked for [K]; None otherwise.
        numbers: Atomic numbers, shape (N,).
        first: Its first geometry; None without frames.
        last: Its last geometry; None without frames.
        digest: Hash of all frames, to recognise a copy.
        counts: Frames by status.
        n_predicted: Steps of VASP's own force field that were left out.
        force_max_eV_per_A: Largest force on an atom in a frame that is ok [eV/Å].
        frames: File of the frames (`read_frames`); None without any.
    """

    file: RunFile
    status: str = "ok"
    reason: str = ""
    task: str = ""
    level: Level = field(default_factory=dict)
    target_K: float | None = None
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    first: Geometry | None = None
    last: Geometry | None = None
    digest: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    n_predicted: int = 0
    force_max_eV_per_A: float = 0.0
    frames: Path | None = None

    @property
    def name(self) -> str:
        """Path of the run below the argument of the import."""
        return self.file.name


def read_run(file: RunFile, frames: Path) -> ImportedRun:
    """Read a finished run, a frame at a time, into a file of frames.

    The frames of a run that was cut are those that are complete. Frames whose electrons
    used all NELM iterations, or with a number that VASP printed as stars, are kept with
    that status. Energies and temperatures are those of `confvib.dft.parse.read_output`.

    Args:
        file: The run.
        frames: File to write; in an existing folder.

    Returns:
        The run; one that cannot be read is an answer, not an exception.
    """
    if file.problem:
        status, reason = file.problem
        return ImportedRun(file, status, reason)
    run = ImportedRun(file)
    try:
        with file.open() as stream:
            _read(run, VasprunStream(stream), frames)
    except (LabelError, OSError, EOFError) as error:
        _fail(run, "unreadable", str(error) or type(error).__name__)
    except zipfile.BadZipFile as error:
        _fail(run, "unreadable", f"the archive cannot be unpacked: {error}")
    return run


def read_frames(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the frames of a run in batches: columns of ``labels`` that the run decides.

    Args:
        path: `ImportedRun.frames`.
    """
    with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as reader:
        yield from reader


def _fail(run: ImportedRun, status: str, reason: str) -> None:
    run.status, run.reason = status, " ".join(reason.split())
    run.frames = None


def _read(run: ImportedRun, stream: VasprunStream, frames: Path) -> None:
    header = stream.header
    run.numbers = _numbers(header)
    run.task, run.target_K = imported_task(header.parameters)
    writer = _FrameWriter(run, header, frames)
    with writer:
        for step in stream:
            writer.add(step)
    run.n_predicted = stream.n_predicted
    run.level = imported_level(header, corrected=writer.corrected)
    if not writer.n_frames:
        _fail(run, "no_frames", "no ionic step holds a geometry, an energy and forces")
        return
    run.digest, run.frames = writer.digest(), frames
    if stream.damage:
        run.status = "cut"
        run.reason = f"cut after {writer.n_frames} ionic steps: {stream.damage}"


def _numbers(header: Header) -> NDArray[np.int64]:
    unknown = sorted({each for each in header.symbols if not atomic_numbers.get(each)})
    if unknown:
        raise LabelError(f"atoms are called {unknown[0]!r}, expected chemical symbols")
    if not header.symbols:
        raise LabelError("the run lists no atoms")
    return np.array([atomic_numbers[each] for each in header.symbols], dtype=np.int64)


class _FrameWriter:
    """Write frames in batches of bounded size and remember what the run needs."""

    def __init__(self, run: ImportedRun, header: Header, path: Path) -> None:
        nelm = header.parameters.get("NELM", 60)
        self._nelm = int(nelm) if isinstance(nelm, int | float) else 60
        ibrion = header.parameters.get("IBRION", -1)
        responds = any(header.parameters.get(key) is True for key in _LINEAR_RESPONSE)
        self._ground_states = ibrion not in (7, 8) and not responds
        self._moves = ibrion == 0
        self._run, self._path = run, path
        self._steps: list[IonicStep] = []
        self._size = max(1, _ATOMS_PER_BATCH // len(run.numbers))
        self._hash = hashlib.sha256(run.numbers.tobytes())
        self._writer: pa.RecordBatchStreamWriter | None = None
        self.n_frames = 0
        self.corrected = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._write()
        if self._writer is not None:
            self._writer.close()

    def add(self, step: IonicStep) -> None:
        if step.forces_eV_per_A is None:
            return
        geometry = Geometry(step.cell, step.fractional)
        self._run.first = self._run.first or geometry
        self._run.last = geometry
        change = abs(step.correction_eV)
        self.corrected |= self._ground_states and change > _CORRECTION_EV
        self._steps.append(step)
        self.n_frames += 1
        if len(self._steps) == self._size:
            self._write()

    def digest(self) -> str:
        return self._hash.hexdigest()

    def _write(self) -> None:
        if not self._steps:
            return
        batch = self._batch()
        if self._writer is None:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_stream(
                str(self._path), batch.schema, options=options
            )
        self._writer.write_batch(batch)
        self._steps.clear()

    def _batch(self) -> pa.RecordBatch:
        steps, numbers = self._steps, self._run.numbers
        start = self.n_frames - len(steps)
        cells = np.array([step.cell for step in steps])
        positions = np.array([step.fractional for step in steps]) @ cells
        forces = np.array([step.forces_eV_per_A for step in steps])
        energies = np.array([step.energy_eV for step in steps])
        converged = np.array([0 < step.n_electronic < self._nelm for step in steps])
        self._hash.update(energies.tobytes() + positions.tobytes() + forces.tobytes())
        finite = np.isfinite(energies) & np.isfinite(positions).all(axis=(1, 2))
        finite &= np.isfinite(forces).all(axis=(1, 2))
        status = np.where(converged, "ok", "unconverged")
        status[~finite] = "overflow"
        self._remember(status, forces)
        columns = {
            "frame": pa.array(np.arange(start, self.n_frames)),
            "numbers": _lists(np.tile(numbers, (len(steps), 1))),
            "cell": _lists(cells),
            "positions": _lists(positions),
            "energy_eV": pa.array(energies),
            "forces_eV_per_A": _lists(forces),
            "temperature_K": pa.array(self._temperatures_K(), from_pandas=True),
            "converged": pa.array(converged),
            "status": pa.array(status),
            "reason": pa.array([_REASONS[each] for each in status]),
        }
        return pa.record_batch(columns)

    def _temperatures_K(self) -> FloatArray:
        n_atoms = len(self._run.numbers)
        return np.array(
            [
                temperature_K(step.kinetic_eV, n_atoms) if self._moves else math.nan
                for step in self._steps
            ]
        )

    def _remember(self, status: NDArray[np.str_], forces: FloatArray) -> None:
        for each in status.tolist():
            self._run.counts[each] = self._run.counts.get(each, 0) + 1
        sizes = np.linalg.norm(forces[status == "ok"], axis=2)
        if sizes.size:
            largest = max(self._run.force_max_eV_per_A, float(sizes.max()))
            self._run.force_max_eV_per_A = largest


_REASONS = {
    "ok": "",
    "unconverged": "the electrons used all NELM iterations",
    "overflow": "VASP printed a number as stars",
}


def _lists(values: NDArray) -> pa.ListArray:
    """Return an array whose items are the flattened rows of the first axis."""
    size = int(values[0].size)
    offsets = np.arange(len(values) + 1, dtype=np.int32) * size
    flat = np.ascontiguousarray(values).ravel()
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
