"""Stage ``relax_configurations``: ideal arrangements to minima of the force field."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from confvib.crystal.arrangement import ArrangementNames
from confvib.crystal.basins import n_moved
from confvib.crystal.configuration import (
    configuration_atoms,
    nearest_sites,
    pack_occupancy,
    unpack_occupancy,
)
from confvib.crystal.parent import ParentCrystal
from confvib.dynamics.evaluation import Slots
from confvib.dynamics.fire import Fire
from confvib.dynamics.lbfgs import Lbfgs
from confvib.dynamics.relax import Relaxation, relax
from confvib.dynamics.state import EnergyFn, Status
from confvib.stages.batch_size import bytes_of_cells
from confvib.stages.chunk import Chunk, chunk_of
from confvib.stages.job import Progress
from confvib.stages.potentials import Drive, bind
from confvib.stages.runtime import configure_jax
from confvib.stages.selection import parent_of, select_rows
from confvib.tables.contracts import CONFIGURATIONS, RELAXED
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect


def relax_configurations(
    structure: str,
    configurations: str,
    model: str | None,
    output: str,
    params: Mapping[str, Any],
    batch_size: int,
    progress: Progress,
) -> None:
    """Relax the configurations of a chunk at fixed cell.

    Args:
        structure: CIF of the parent crystal.
        configurations: The ``configurations`` table of the set.
        model: Checkpoint of the force field; None if the reference drives.
        output: The ``relaxed`` table.
        params: Parameters of the rule.
        batch_size: Cells on the device at once.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    parent = parent_of(structure, params["crystal"])
    table = read_table(
        configurations, CONFIGURATIONS, params["expected"]["configurations"]
    )
    selected = select_rows(
        table, params["crystal"]["equivalence"], params["slice"], params["seed"]
    )
    occupancy = unpack_occupancy(
        [row["occupancy"] for row in selected], len(parent.sites)
    )
    inputs = [path for path in (structure, configurations, model) if path]
    config_ids = [row["config_id"] for row in selected]
    with chunk_of(config_ids, RELAXED, params, inputs, progress) as chunk:
        work = _Relaxations(chunk, parent, selected, params, occupancy)
        fingerprint = work.run(Drive.of(model, params), batch_size)
        if not chunk.is_whole:
            return
        rows = [chunk.finished.rows[config_id] for config_id in config_ids]
        provenance = collect(
            params["config_hash"],
            started=started,
            inputs=inputs,
            model_fingerprint=fingerprint,
            equivalence=params["crystal"]["equivalence"],
        )
        write_table(output, RELAXED, rows, provenance)
        chunk.finished.remove()
    good = sum(row["status"] == Status.OK for row in rows)
    progress.say(f"{good} of {len(rows)} relaxed, {time.monotonic() - started:.1f} s")


class _Relaxations:
    """The relaxations of a chunk."""

    def __init__(
        self,
        chunk: Chunk,
        parent: ParentCrystal,
        selected: Sequence[Mapping[str, Any]],
        params: Mapping[str, Any],
        occupancy: np.ndarray,
    ) -> None:
        self.chunk, self.parent, self.selected = chunk, parent, selected
        self.settings = params["settings"]
        self.split_site_A: float = params["crystal"]["split_site_A"]
        self.names = ArrangementNames.of(parent, self.split_site_A)
        self.occupancy = occupancy
        cells = [configuration_atoms(parent, bits) for bits in occupancy]
        self.numbers = cells[0].numbers
        self.starts = np.array([atoms.positions for atoms in cells])

    def run(self, drive: Drive, batch_size: int) -> str:
        """Relax what is left, with wider tables where needed; return the fingerprint."""
        for widening in self.chunk.tries():
            energy_fn = bind(
                drive,
                self.numbers,
                self.parent.cell,
                self.starts,
                self.settings["precision"],
                widening=widening,
                say=self.chunk.progress.say,
            )
            self.chunk.in_batches_that_fit(
                partial(self._relax, energy_fn),
                # As in an undisturbed run: another batch would be another program.
                min(batch_size, len(self.chunk.own())),
                bytes_of_cells(
                    energy_fn, self.starts.shape[1:], self.settings["precision"]
                ),
            )
        return drive.fingerprint()

    def _relax(self, energy_fn: EnergyFn, n_slots: int) -> None:
        todo = self.chunk.todo()
        if not todo:
            return

        def keep(position: int, relaxed: Relaxation) -> None:
            row = self._row(todo[position], relaxed)
            self.chunk.keep(row)

        relax(
            energy_fn,
            self.starts[todo].astype(self.settings["precision"]),
            fmax_eV_per_A=self.settings["fmax_eV_per_A"],
            max_steps=self.settings["max_steps"],
            optimiser=Fire() if self.settings["optimiser"] == "fire" else Lbfgs(),
            slots=Slots(n_slots),
            on_rest=keep,
        )

    def _row(self, index: int, relaxed: Relaxation) -> dict[str, Any]:
        """Describe one configuration; ``relaxed`` holds it alone."""
        row, parent = self.selected[index], self.parent
        occupancy = self.occupancy[index]
        positions = np.asarray(relaxed.positions[0], dtype=np.float64)
        status = Status.from_code(int(relaxed.status[0]))
        finite = bool(np.isfinite(positions).all())
        sites = nearest_sites(parent, positions, self.numbers)[0] if finite else None
        start = np.flatnonzero(occupancy & parent.is_ion)
        moved = (
            None if sites is None else n_moved(parent, start, sites, self.split_site_A)
        )
        return {
            **{key: row[key] for key in ("config_id", "rank", "multiplicity")},
            "pair_representative": row["pair_representative"],
            "n_atoms": len(self.numbers),
            "numbers": self.numbers.tolist(),
            "energy_eV": float(relaxed.energy_eV[0]),
            "positions": positions.ravel().tolist(),
            "fmax_eV_per_A": float(relaxed.fmax_eV_per_A[0]),
            "n_steps": int(relaxed.n_steps[0]),
            "displacement_max_A": float(relaxed.displacement_max_A[0]),
            "site_occupancy": _packed(sites, len(occupancy)),
            "n_moved": moved,
            "end_arrangement": None if sites is None else self.names.name(sites),
            "status": status.value,
            "reason": "" if status is Status.OK else status.sentence,
        }


def _packed(sites: np.ndarray | None, n_sites: int) -> bytes | None:
    if sites is None:
        return None
    occupied = np.zeros((1, n_sites), dtype=bool)
    occupied[0, sites] = True
    return pack_occupancy(occupied)[0]
