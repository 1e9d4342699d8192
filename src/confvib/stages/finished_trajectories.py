"""Trajectories of an unfinished chunk on disk: complete or absent, never another's."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from confvib.errors import TableError
from confvib.reference.engine import Trajectory
from confvib.stages.label_rows import label_rows, trajectory_of
from confvib.tables.contracts import LABELS
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import Provenance


class FinishedTrajectories:
    """One file for each trajectory that some attempt has completed.

    A trajectory that failed has none: what stopped it may be gone in the next attempt.

    Args:
        folder: Their place; no output of the rule, for Snakemake deletes those of failed
            jobs.
        key: Hash of everything that the labels depend on.
    """

    def __init__(self, folder: str | Path, key: str) -> None:
        self._folder, self._key = Path(folder), key

    def once(
        self,
        configuration: str,
        shared: Mapping[str, Any],
        part: str,
        run: Callable[[str], Trajectory],
    ) -> Trajectory:
        """Return a trajectory; run it if no attempt has completed it.

        Args:
            configuration: Name of the configuration and its copy within the chunk.
            shared: Columns that the rows of its trajectories have in common.
            part: Which of them it is; '' for the one that is the label.
            run: Carries the calculation of a name out.
        """
        name = "-".join(filter(None, (configuration, part)))
        path = self._folder / f"{name}.parquet"
        try:
            return trajectory_of(read_table(path, LABELS, self._key).to_pylist())
        except TableError:
            trajectory = run(name)
        if trajectory.completed:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_table(
                path, LABELS, label_rows(trajectory, shared), Provenance(self._key)
            )
        return trajectory

    def count(self) -> int:
        """Return how many there are."""
        return len(list(self._folder.glob("*.parquet")))

    def remove(self) -> None:
        """Forget them, once the table of the chunk is on disk."""
        shutil.rmtree(self._folder, ignore_errors=True)
