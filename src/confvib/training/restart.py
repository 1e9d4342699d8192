"""States of an unfinished training on disk: complete or absent, never another's."""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from confvib.training.state import TrainingState

_KEPT = 2
"""States kept: the newest, and the one before it should the newest not be readable."""


@dataclass
class Restart:
    """A folder of states of one training, named by what determines the training.

    Orbax writes a state to a temporary folder and renames it, so that a kill at any
    moment leaves the states that were there before.

    Attributes:
        folder: Folder of this training alone.
        key: Hash of settings, data, seed and code; states of any other key are stale
            and are removed.
        interval_s: Wall time between two saves [s].
    """

    folder: Path
    key: str
    interval_s: float
    _saved_at: float = field(default_factory=time.monotonic, init=False)

    def load(self, state: TrainingState) -> TrainingState | None:
        """Read the newest state.

        Args:
            state: Initial state of this training, which says what a state contains.

        Returns:
            The state; None if there is none.
        """
        if self.folder.is_dir():
            for other in self.folder.iterdir():
                if other.name != self.key:
                    shutil.rmtree(other)
        template = state.arrays()
        for path in reversed(self._paths()):
            arrays = _read(path, template)
            if arrays is not None:
                return state.with_arrays(arrays)
        return None

    def save(self, state: TrainingState) -> None:
        """Write a state, then remove all but the newest few.

        Args:
            state: Where the training stands.
        """
        paths = self._paths()
        number = int(paths[-1].name) + 1 if paths else 0
        _checkpointer().save(self._home / f"{number:08d}", state.arrays())
        for old in self._paths()[:-_KEPT]:
            shutil.rmtree(old)
        self._saved_at = time.monotonic()

    def due(self) -> bool:
        """Tell whether the last save, or the start, is an interval ago."""
        return time.monotonic() - self._saved_at >= self.interval_s

    def remove(self) -> None:
        """Forget everything, once the training's results are on disk."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _home(self) -> Path:
        return self.folder.resolve() / self.key

    def _paths(self) -> list[Path]:
        """List the complete states, oldest first; temporary folders have other names."""
        found = self._home.iterdir() if self._home.is_dir() else ()
        return sorted(path for path in found if path.name.isdecimal())


def _checkpointer() -> Any:
    # Imported here, because it takes longer to import than most trainings take to plan.
    import orbax.checkpoint

    return orbax.checkpoint.PyTreeCheckpointer()


def _read(path: Path, template: dict[str, Any]) -> dict[str, Any] | None:
    """Read a state as NumPy arrays; None if it is damaged."""
    import orbax.checkpoint

    as_numpy = orbax.checkpoint.RestoreArgs(restore_type=np.ndarray)
    arguments = jax.tree.map(lambda _: as_numpy, template)
    try:
        return _checkpointer().restore(path, item=template, restore_args=arguments)
    except (OSError, ValueError, KeyError):
        return None
