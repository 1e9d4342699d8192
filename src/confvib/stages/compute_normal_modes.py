"""Stage ``compute_normal_modes``: relaxed cells to frequencies and harmonic F_vib."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase.data import atomic_masses

from confvib.dynamics.state import Status
from confvib.dynamics.stationary import (
    StationaryPoints,
    StationarySettings,
    minimise_to_stationary,
)
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
        _search(chunk, cells, drive, search, settings["temperatures_K"])
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


def _search(
    chunk: Chunk,
    cells: RelaxedCells,
    drive: Drive,
    search: StationarySettings,
    temperatures_K: Sequence[float],
) -> None:
    """Find the minima of the usable cells, one after the other."""
    masses = atomic_masses[cells.numbers]
    for widening in chunk.tries():
        energy_fn = bind(
            drive,
            cells.numbers,
            cells.cell,
            cells.positions,
            "float64",
            widening=widening,
            say=chunk.progress.say,
        )
        for index in chunk.todo():
            point = minimise_to_stationary(
                energy_fn, cells.positions[index : index + 1], masses, search
            )
            row = _row(cells, index, point, temperatures_K)
            chunk.keep(row)


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
