"""Stage ``compute_normal_modes``: relaxed cells to frequencies and harmonic F_vib."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from ase.data import atomic_masses

from confvib.dynamics.state import EnergyFn, Status
from confvib.dynamics.stationary import (
    StationaryPoints,
    StationarySettings,
    minimise_to_stationary,
)
from confvib.stages.batch_size import bytes_of_columns
from confvib.stages.chunk import Chunk, chunk_of
from confvib.stages.job import Progress
from confvib.stages.potentials import Drive, bind
from confvib.stages.relaxed_cells import RelaxedCells, read_relaxed_cells
from confvib.stages.runtime import configure_jax
from confvib.tables.contracts import HARMONIC
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.thermo.harmonic import harmonic_from_modes


def compute_normal_modes(
    structure: str,
    relaxed: str,
    model: str | None,
    output: str,
    params: Mapping[str, Any],
    columns_per_batch: int,
    progress: Progress,
) -> None:
    """Find the minimum next to every relaxed cell and its harmonic free energy.

    Float64 throughout: a frequency is the square root of a small difference.

    Args:
        structure: CIF of the parent crystal.
        relaxed: The ``relaxed`` table of the chunk.
        model: Checkpoint of the force field; None if the reference drives.
        output: The ``harmonic`` table.
        params: Parameters of the rule.
        columns_per_batch: Hessian columns differentiated together.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    settings = params["settings"]
    cells = read_relaxed_cells(
        structure, relaxed, params["crystal"], params["expected"]["relaxed"]
    )
    drive = Drive.of(model, params)
    search = StationarySettings(
        fmax_eV_per_A=settings["fmax_eV_per_A"],
        max_steps=settings["max_steps"],
        max_mode_followings=settings["max_mode_followings"],
        imaginary_threshold_THz=-settings["imaginary_threshold_THz"],
        columns_per_batch=columns_per_batch,
    )
    inputs = [path for path in (structure, relaxed, model) if path]
    with chunk_of(cells.config_ids, HARMONIC, params, inputs, progress) as chunk:
        _Minima(chunk, cells, search, settings["temperatures_K"]).run(drive)
        if not chunk.is_whole:
            return
        found = chunk.finished.rows
        rows = [found.get(row["config_id"]) or _left_out(row) for row in cells.rows]
        provenance = collect(
            params["config_hash"],
            started=started,
            inputs=inputs,
            model_fingerprint=drive.fingerprint(),
            equivalence=params["crystal"]["equivalence"],
        )
        write_table(output, HARMONIC, rows, provenance)
        chunk.finished.remove()
    good = sum(row["status"] == Status.OK for row in rows)
    progress.say(f"{good} of {len(rows)} are minima, {time.monotonic() - started:.1f} s")


class _Minima:
    """The minima of a chunk, one after the other."""

    def __init__(
        self,
        chunk: Chunk,
        cells: RelaxedCells,
        search: StationarySettings,
        temperatures_K: Sequence[float],
    ) -> None:
        self.chunk, self.cells, self.search = chunk, cells, search
        self.temperatures_K = temperatures_K

    def run(self, drive: Drive) -> None:
        """Find what is left, with wider tables where needed."""
        cells = self.cells
        for widening in self.chunk.tries():
            energy_fn = bind(
                drive,
                cells.numbers,
                cells.cell,
                cells.positions,
                "float64",
                widening=widening,
                say=self.chunk.progress.say,
            )
            self.chunk.in_batches_that_fit(
                partial(self._find, energy_fn),
                self.search.columns_per_batch,
                bytes_of_columns(energy_fn, cells.positions.shape[1:]),
            )

    def _find(self, energy_fn: EnergyFn, columns_per_batch: int) -> None:
        cells = self.cells
        search = replace(self.search, columns_per_batch=columns_per_batch)
        masses = atomic_masses[cells.numbers]
        for index in self.chunk.todo():
            start = cells.positions[index : index + 1]
            point = minimise_to_stationary(energy_fn, start, masses, search)
            self.chunk.keep(_row(cells, index, point, self.temperatures_K))


def _row(
    cells: RelaxedCells,
    index: int,
    point: StationaryPoints,
    temperatures_K: Sequence[float],
) -> dict[str, Any]:
    status = Status.from_code(int(point.status[0]))
    n_imaginary = int(point.n_imaginary[0])
    moved = np.linalg.norm(point.positions[0] - cells.positions[index], axis=-1).max()
    row = {
        **_left_out({"config_id": cells.config_ids[index]}),
        "energy_eV": float(point.energy_eV[0]),
        "displacement_max_A": float(moved),
        "residual_force_eV_per_A": float(point.fmax_eV_per_A[0]),
        "n_mode_followings": int(point.n_mode_followings[0]),
        "temperatures_K": list(temperatures_K),
        "status": status.value,
        "reason": "" if status is Status.OK else status.sentence,
    }
    if n_imaginary < 0:
        return row
    frequencies = point.frequencies_THz[0]
    row |= {
        "frequencies_THz": frequencies.tolist(),
        "n_moved": cells.n_moved(cells.positions[index], point.positions[0]),
        "n_imaginary": n_imaginary,
        "sum_rule_residual": float(point.sum_rule_residual[0]),
    }
    # A mode at or below zero has no harmonic free energy; the row keeps its frequencies.
    if status is Status.OK and frequencies.min() > 0:
        thermo = harmonic_from_modes(frequencies, temperatures_K)
        row |= {
            "F_q_eV": thermo.free_energy_eV.tolist(),
            "S_q_eV_per_K": thermo.entropy_eV_per_K.tolist(),
            "U_q_eV": thermo.internal_energy_eV.tolist(),
            "zero_point_energy_eV": thermo.zero_point_energy_eV,
        }
    elif status is Status.OK:
        row |= {
            "status": Status.IMAGINARY_MODES.value,
            "reason": f"{Status.IMAGINARY_MODES.sentence} Lowest mode "
            f"{frequencies.min():.4f} THz, above the threshold but not positive.",
        }
    return row


def _left_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a cell whose relaxation gave nothing to work on."""
    return {
        **dict.fromkeys(column.name for column in HARMONIC.columns),
        "config_id": row["config_id"],
        "status": Status.FAILED.value,
        "reason": f"not attempted; the relaxation ended with {row.get('status')!r}",
    }
