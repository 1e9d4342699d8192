"""What a run has sampled so far, in memory and, between segments, on disk."""

from collections.abc import Callable, Mapping
from typing import Protocol

import jax
import numpy as np

from confvib.dynamics.checkpoint import Checkpoint
from confvib.dynamics.segments import Cells, Samples
from confvib.errors import Interrupted

_ROWS = ("velocities", "potential_eV", "kinetic_eV")
_SEEN = "seen."


class Observer(Protocol):
    """Watches a batch from the host between segments; it can change nothing.

    What it has found is saved with the run, so that an interrupted run ends with the
    same findings as an undisturbed one.
    """

    def look(self, positions: np.ndarray) -> None:
        """Look at the start of the run, and at the end of every segment.

        Args:
            positions: Unwrapped positions [Å], shape (B, N, 3); those of a cell that
                failed are its last credible ones.
        """
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Write what was found so far as plain arrays."""
        ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what :meth:`arrays` wrote."""
        ...


class Record:
    """The samples of all segments, and where the run stands.

    A save appends the samples since the last one, 12 bytes per atom and sample, and
    rewrites the phase points of the batch, which are as large as a few samples.

    Attributes:
        velocities: [Å/fs], shape (B, S, N, 3), float32.
        potential_eV: [eV per cell], shape (B, S), float64.
        kinetic_eV: [eV per cell], shape (B, S), float64.
    """

    def __init__(
        self,
        n_samples: int,
        positions: jax.Array,
        checkpoint: Checkpoint | None,
        observer: Observer | None = None,
    ) -> None:
        n_cells, n_atoms, _ = positions.shape
        self.velocities = np.empty((n_cells, n_samples, n_atoms, 3), np.float32)
        self.potential_eV = np.empty((n_cells, n_samples))
        self.kinetic_eV = np.empty((n_cells, n_samples))
        self._checkpoint = checkpoint
        self._observer = observer
        self._n_done = self._n_saved = 0

    def put(self, samples: Samples) -> None:
        """Add the samples of a segment.

        Args:
            samples: Samples that follow those already here.
        """
        self._append({name: getattr(samples, name) for name in _ROWS})

    def resume(self, keys: jax.Array) -> tuple[Cells, int] | None:
        """Go back to where an earlier attempt was saved.

        Args:
            keys: Random keys of the cells, which say of what kind the saved ones are.

        Returns:
            The cells and the steps done; None if nothing was saved.
        """
        saved = self._checkpoint.load() if self._checkpoint else None
        if saved is None:
            return None
        for part in saved.parts:
            self._append(part)
        self._n_saved = self._n_done
        if self._observer is not None:
            self._observer.restore(
                {
                    name.removeprefix(_SEEN): values
                    for name, values in saved.state.items()
                    if name.startswith(_SEEN)
                }
            )
        return Cells.from_arrays(saved.state, keys), int(saved.state["n_steps"])

    def between_segments(
        self,
        cells: Cells,
        n_steps: int,
        n_total: int,
        stop: Callable[[], bool] | None,
    ) -> None:
        """Let the observer look; save when it is time; save and end when the job must.

        Args:
            cells: The cells after these steps.
            n_steps: Steps of the whole run that are done.
            n_total: Steps of the whole run.
            stop: Tells whether to end.

        Raises:
            Interrupted: `stop` said so.
        """
        if self._observer is not None:
            self._observer.look(np.asarray(cells.point.positions))
        stopping = stop is not None and stop()
        checkpoint = self._checkpoint
        if checkpoint is not None and (stopping or checkpoint.due()):
            self._save(checkpoint, cells, n_steps)
        if stopping:
            raise Interrupted(
                f"asked to stop after step {n_steps} of {n_total}; "
                + ("the next attempt goes on from there" if checkpoint else "not saved")
            )

    def _append(self, rows: Mapping[str, np.ndarray | jax.Array]) -> None:
        first = self._n_done
        self._n_done += rows["potential_eV"].shape[1]
        for name in _ROWS:
            getattr(self, name)[:, first : self._n_done] = rows[name]

    def _save(self, checkpoint: Checkpoint, cells: Cells, n_steps: int) -> None:
        new = slice(self._n_saved, self._n_done)
        part = {name: getattr(self, name)[:, new] for name in _ROWS}
        found = self._observer.arrays() if self._observer is not None else {}
        seen = {_SEEN + name: values for name, values in found.items()}
        checkpoint.save(
            {**cells.arrays(), **seen, "n_steps": np.array(n_steps)},
            part if self._n_done > self._n_saved else None,
        )
        self._n_saved = self._n_done
