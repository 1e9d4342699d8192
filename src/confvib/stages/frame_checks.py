"""What a data set says about each labelled frame, and why it does not use one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from ase.symbols import Symbols
from numpy.typing import NDArray

from confvib.crystal.closest_pair import closest_pair_distances_A
from confvib.stages.label_arrays import frame_arrays, numbers_of_atoms
from confvib.training.duplicates import SeenGeometries

Columns = dict[str, Any]


@dataclass(frozen=True)
class Bounds:
    """What makes a labelled frame unusable.

    Attributes:
        max_force_eV_per_A: Frames with a larger force are outliers; None: no bound.
        min_distance_A: Frames with closer atoms are outliers; None: no bound.
        duplicates: ``drop`` leaves out all but the first of equal frames.
    """

    max_force_eV_per_A: float | None
    min_distance_A: float | None
    duplicates: Literal["keep", "drop"]


class FrameChecks:
    """Checks rows of label tables in their order and remembers which frames it saw."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._seen = SeenGeometries()
        self._formulas: dict[bytes, str] = {}

    def check(self, rows: pa.RecordBatch, first: int) -> Columns:
        """Return the columns of a ``dataset`` table that follow from the labels.

        Args:
            rows: Rows of a label table, with ``FRAME_COLUMNS``, status and reason.
            first: Row of the data set that the first of them is.
        """
        n_rows, n_atoms = rows.num_rows, numbers_of_atoms(rows)
        reals = ("energy_eV_per_atom", "max_force_eV_per_A", "min_distance_A")
        found: Columns = {name: np.full(n_rows, np.nan) for name in reals}
        found["composition"] = np.full(n_rows, None, object)
        found["status"] = _text(rows, "status")
        found["reason"] = _text(rows, "reason")
        duplicate_of = np.full(n_rows, -1, np.int64)
        for size in np.unique(n_atoms[n_atoms > 0]):
            where = np.flatnonzero(n_atoms == size)
            frames = frame_arrays(rows.take(pa.array(where)))
            self._measure(frames, where, found)
            self._judge(where, found)
            used = np.flatnonzero(found["status"][where] == "ok")
            here = where[used]
            row = self._seen.add(
                first + here,
                *(frames[name][used] for name in ("numbers", "cells", "positions")),
            )
            duplicate_of[here] = np.where(row == first + here, -1, row)
        if self._bounds.duplicates == "drop":
            _drop(duplicate_of, found)
        return {
            **found,
            **{name: np.ma.masked_invalid(found[name]) for name in reals},
            "n_atoms": np.ma.masked_equal(n_atoms, 0),
            "duplicate_of": np.ma.masked_equal(duplicate_of, -1),
        }

    def _measure(
        self, frames: Mapping[str, NDArray], where: NDArray[np.intp], found: Columns
    ) -> None:
        forces, n_atoms = frames["forces_eV_per_A"], frames["numbers"].shape[1]
        found["energy_eV_per_atom"][where] = frames["energies_eV"] / n_atoms
        found["max_force_eV_per_A"][where] = np.linalg.norm(forces, axis=2).max(axis=1)
        found["min_distance_A"][where] = closest_pair_distances_A(
            frames["cells"], frames["positions"]
        )
        found["composition"][where] = [self._formula(each) for each in frames["numbers"]]

    def _formula(self, numbers: NDArray) -> str:
        name = numbers.tobytes()
        if name not in self._formulas:
            self._formulas[name] = Symbols(numbers).get_chemical_formula("hill")
        return self._formulas[name]

    def _judge(self, where: NDArray[np.intp], found: Columns) -> None:
        """Leave out frames of labels that are ok, and nothing else."""
        most, least = self._bounds.max_force_eV_per_A, self._bounds.min_distance_A
        for row in where[found["status"][where] == "ok"]:
            force, distance = (
                found["max_force_eV_per_A"][row],
                found["min_distance_A"][row],
            )
            why = []
            if most is not None and force > most:
                why.append(
                    f"the largest force, {force:.4g} eV/Å, is above "
                    f"dataset.max_force_eV_per_A = {most:g}"
                )
            if least is not None and distance < least:
                why.append(
                    f"the smallest distance, {distance:.4g} Å, is below "
                    f"dataset.min_distance_A = {least:g}"
                )
            if why:
                found["status"][row] = "outlier"
                found["reason"][row] = "; ".join(why)
            elif not np.isfinite(
                [force, distance, found["energy_eV_per_atom"][row]]
            ).all():
                found["status"][row] = "not_finite"
                found["reason"][row] = (
                    "energy, a force, a position or the cell is not a usable number"
                )


def _drop(duplicate_of: NDArray[np.int64], found: Columns) -> None:
    for row in np.flatnonzero(duplicate_of >= 0):
        found["status"][row] = "duplicate"
        found["reason"][row] = (
            f"cell and positions are those of row {duplicate_of[row]}; "
            "dataset.duplicates = 'drop'"
        )


def _text(rows: pa.RecordBatch, name: str) -> NDArray[np.object_]:
    return np.array(rows.column(name).to_pylist(), object)
