"""The relaxed cells of a chunk that later stages can work on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.basins import n_moved
from confvib.crystal.configuration import nearest_sites
from confvib.crystal.parent import ParentCrystal
from confvib.dynamics.state import Status
from confvib.stages.selection import parent_of
from confvib.tables.contracts import RELAXED
from confvib.tables.parquet import read_table


@dataclass(frozen=True)
class RelaxedCells:
    """Relaxed cells of one chunk.

    Attributes:
        parent: The crystal they are arrangements of.
        rows: Every row of the table, usable or not.
        config_ids: Ids of the usable rows, length B, which may be 0.
        positions: Their positions [Å], shape ``(B, N, 3)``, float64.
        numbers: Atomic numbers, shape ``(N,)``, the same in every cell.
        cell: Lattice vectors as rows [Å], shape ``(3, 3)``.
        split_site_A: Sites closer than this are one position [Å].
    """

    parent: ParentCrystal
    rows: list[dict[str, Any]]
    config_ids: list[str]
    positions: NDArray[np.float64]
    numbers: NDArray[np.int64]
    cell: NDArray[np.float64]
    split_site_A: float

    @property
    def volume_A3(self) -> float:
        """Volume of the cell [Å³]."""
        return float(abs(np.linalg.det(self.cell)))

    def sites(self, positions: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the site nearest to each ion of a cell, (N, 3) [Å] -> (n_ions,)."""
        return nearest_sites(self.parent, positions.astype(np.float64), self.numbers)[0]

    def n_moved(self, start: NDArray[np.floating], end: NDArray[np.floating]) -> int:
        """Count the ions that changed site between two cells, each (N, 3) [Å]."""
        return n_moved(self.parent, self.sites(start), self.sites(end), self.split_site_A)


def read_relaxed_cells(
    structure: str, relaxed: str, crystal: Mapping[str, Any], expected_hash: str
) -> RelaxedCells:
    """Read a ``relaxed`` table and set aside the rows that did not relax."""
    parent = parent_of(structure, crystal)
    rows = read_table(relaxed, RELAXED, expected_hash).to_pylist()
    usable = [row for row in rows if row["status"] == Status.OK]
    positions = np.array([row["positions"] for row in usable], dtype=np.float64)
    return RelaxedCells(
        parent=parent,
        rows=rows,
        config_ids=[row["config_id"] for row in usable],
        positions=positions.reshape(len(usable), rows[0]["n_atoms"], 3),
        numbers=np.array(rows[0]["numbers"]),
        cell=np.asarray(parent.cell),
        split_site_A=crystal["split_site_A"],
    )
