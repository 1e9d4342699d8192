"""An unfinished calculation on disk: complete or absent, never another's."""

import hashlib
import io
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from confvib.tables.atomic import write_atomically

Arrays = Mapping[str, np.ndarray]
"""Arrays by name."""

_SUFFIX = ".checkpoint"
_STATE = "state"
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Saved:
    """What earlier attempts left.

    Attributes:
        state: State of the last save.
        parts: What each save added to the saves before it, oldest first.
    """

    state: Arrays
    parts: list[Arrays]


@dataclass
class Checkpoint:
    """The saves of one calculation, in a folder of its own.

    A save replaces the small state and adds one part, a file for what only grows. The
    part is on disk before the state that counts it, and every file appears complete or
    not at all: a kill at any moment leaves the last save that was finished. Each byte of
    a part is written once, whatever the number of saves.

    Attributes:
        folder: Folder of this calculation alone, made by the first save.
        key: Hash of all that determines the result; saves of another key are stale and
            are removed.
        interval_s: Wall time between two saves [s].
    """

    folder: Path
    key: str
    interval_s: float
    _saved_at: float = field(default_factory=time.monotonic, init=False)
    _n_parts: int | None = field(default=None, init=False)

    def narrowed(self, *inputs: object) -> "Checkpoint":
        """Return this checkpoint with a key that also covers these inputs.

        Args:
            *inputs: NumPy arrays, and objects whose ``repr`` tells them apart.

        Returns:
            A checkpoint in the same folder.
        """
        digest = hashlib.sha256(self.key.encode())
        for item in inputs:
            whole = isinstance(item, np.ndarray)
            name = f"{item.dtype}{item.shape}" if whole else repr(item)
            digest.update(f"\n{len(name)} {name}".encode())
            digest.update(np.ascontiguousarray(item).data if whole else b"")
        return replace(self, key=digest.hexdigest())

    def load(self) -> Saved | None:
        """Read the last save, and remove whatever does not belong to it.

        Returns:
            The save; None if there is none or a file of it is damaged.
        """
        for other in self.folder.glob(f"*{_SUFFIX}"):
            if other != self._home:
                shutil.rmtree(other)
        saved = self._read()
        if saved is None:
            self._begin()
            return None
        self._n_parts = len(saved.parts)
        kept = {_STATE, *map(_part, range(self._n_parts))}
        for path in self._home.iterdir():
            if path.name not in kept:
                path.unlink()
        return saved

    def save(self, state: Arrays, part: Arrays | None = None) -> None:
        """Replace the state and add a part.

        Args:
            state: What the rest of the calculation depends on.
            part: What was found since the last save; None adds nothing.
        """
        if self._n_parts is None:
            self._begin()
        n_parts = self._n_parts or 0
        self._home.mkdir(parents=True, exist_ok=True)
        if part is not None:
            _write(self._home / _part(n_parts), part)
            n_parts += 1
        _write(self._home / _STATE, {**state, "n_parts": np.array(n_parts)})
        self._n_parts, self._saved_at = n_parts, time.monotonic()

    def due(self) -> bool:
        """Tell whether the last save, or the start, is an interval ago."""
        return time.monotonic() - self._saved_at >= self.interval_s

    def remove(self) -> None:
        """Forget everything, once the calculation's results are on disk."""
        for home in self.folder.glob(f"*{_SUFFIX}"):
            shutil.rmtree(home)
        self._n_parts = 0
        with suppress(OSError):  # not there, or holds what others put there
            self.folder.rmdir()

    @property
    def _home(self) -> Path:
        return self.folder / f"{self.key}{_SUFFIX}"

    def _begin(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)
        self._n_parts = 0

    def _read(self) -> Saved | None:
        state = _read(self._home / _STATE)
        if state is None:
            return None
        parts = [_read(self._home / _part(n)) for n in range(int(state.pop("n_parts")))]
        whole = [part for part in parts if part is not None]
        return Saved(state, list(whole)) if len(whole) == len(parts) else None


def _part(number: int) -> str:
    return f"part-{number:06d}"


def _write(path: Path, arrays: Arrays) -> None:
    """Write the arrays behind the hash of their bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(path, partial(_write_hashed, buffer.getbuffer()))


def _write_hashed(content: memoryview, path: Path) -> None:
    with path.open("wb") as stream:
        stream.write(hashlib.sha256(content).digest())
        stream.write(content)


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """Read arrays; None if the file is missing or any byte of it has changed."""
    try:
        whole = memoryview(path.read_bytes())
    except OSError:
        return None
    content = whole[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != whole[:_DIGEST_BYTES]:
        return None
    with np.load(io.BytesIO(content)) as stored:
        return dict(stored)
