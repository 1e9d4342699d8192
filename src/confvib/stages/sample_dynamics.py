"""Stage ``sample_dynamics``: relaxed cells to molecular dynamics, spectrum and F_vib."""

import time
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from ase.data import atomic_masses

from confvib.dynamics.molecular import (
    MolecularDynamics,
    MolecularDynamicsSettings,
    Protocol,
    run_md,
)
from confvib.dynamics.state import Status
from confvib.dynamics.velocities import configuration_key
from confvib.errors import ThermodynamicsError
from confvib.stages.job import Progress
from confvib.stages.potentials import Drive, bind
from confvib.stages.relaxed_cells import RelaxedCells, read_relaxed_cells
from confvib.stages.runtime import configure_jax
from confvib.stages.vibrations import Run, analysed
from confvib.tables.contracts import DYNAMICS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect


def sample_dynamics(
    structure: str,
    relaxed: str,
    model: str | None,
    output: str,
    params: Mapping[str, Any],
    batch_size: int,
    progress: Progress,
) -> None:
    """Run molecular dynamics from every relaxed cell of a chunk and analyse it.

    Velocities are turned into spectra here and not stored.

    Args:
        structure: CIF of the parent crystal.
        relaxed: The ``relaxed`` table of the chunk.
        model: Checkpoint of the force field; None if the reference drives.
        output: The ``dynamics`` table.
        params: Parameters of the rule.
        batch_size: Cells on the device at once.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    cells = read_relaxed_cells(
        structure, relaxed, params["crystal"], params["expected"]["relaxed"]
    )
    drive = Drive(model, params["expected"]["model"], params["engine"])
    found, fingerprint = _simulate(cells, drive, params, batch_size, progress)
    rows = [found.get(row["config_id"]) or _left_out(row, params) for row in cells.rows]
    write_table(
        output,
        DYNAMICS,
        rows,
        collect(
            params["config_hash"],
            started=started,
            inputs=[path for path in (structure, relaxed, model) if path],
            model_fingerprint=fingerprint,
            equivalence=params["crystal"]["equivalence"],
            note=_note(params["settings"]["protocol"]),
        ),
    )
    good = sum(row["status"] == Status.OK for row in rows)
    progress.say(f"{good} of {len(rows)} runs usable, {time.monotonic() - started:.1f} s")


def _simulate(
    cells: RelaxedCells,
    drive: Drive,
    params: Mapping[str, Any],
    batch_size: int,
    progress: Progress,
) -> tuple[dict[str, dict[str, Any]], str]:
    """Return the rows of the usable cells by config_id, and the model's fingerprint."""
    n_cells = len(cells.config_ids)
    if not n_cells:
        return {}, ""
    settings, temperature_K = params["settings"], params["temperature_K"]
    energy_fn, fingerprint = bind(
        drive, cells.numbers, cells.cell, cells.positions, settings["precision"]
    )
    found: dict[str, dict[str, Any]] = {}
    for first in range(0, n_cells, batch_size):
        batch = slice(first, min(first + batch_size, n_cells))
        keys = jnp.stack(
            [
                configuration_key(params["seed"], config_id, temperature_K, "md")
                for config_id in cells.config_ids[batch]
            ]
        )
        runs = run_md(
            energy_fn,
            cells.positions[batch].astype(settings["precision"]),
            atomic_masses[cells.numbers],
            keys,
            _protocol(settings, temperature_K),
            progress=lambda done, total, batch=batch: progress.update(
                round(batch.start + (batch.stop - batch.start) * done / total, 2),
                n_cells,
                "configurations",
            ),
        )
        for index, config_id in enumerate(cells.config_ids[batch]):
            found[config_id] = _row(cells, config_id, runs, index, params)
    return found, fingerprint


def _protocol(
    settings: Mapping[str, Any], temperature_K: float
) -> MolecularDynamicsSettings:
    protocol = Protocol(settings["protocol"])
    heat_bath = protocol is Protocol.THERMALISED
    return MolecularDynamicsSettings(
        protocol=protocol,
        temperature_K=temperature_K,
        timestep_fs=settings["timestep_fs"],
        equilibration_fs=settings["equilibration_fs"] if heat_bath else 0.0,
        production_fs=settings["production_fs"],
        friction_per_fs=settings["friction_per_fs"],
    )


def _note(protocol: str) -> str:
    if protocol == "published_2025":
        return (
            "NVE from the relaxed cell: the runs are near half the requested temperature"
        )
    return "thermostat to the requested temperature, then NVE"


def _row(
    cells: RelaxedCells,
    config_id: str,
    runs: MolecularDynamics,
    index: int,
    params: Mapping[str, Any],
) -> dict[str, Any]:
    status = Status.from_code(int(runs.status[index]))
    row = {
        **_left_out({"config_id": config_id}, params),
        "status": status.value,
        "reason": "" if status is Status.OK else status.sentence,
    }
    if status in {Status.NAN, Status.OVERFLOW, Status.DIVERGED}:
        return row
    run = Run(
        velocities=runs.velocities[index],
        potential_eV=runs.potential_eV[index],
        kinetic_eV=runs.kinetic_eV[index],
        spacing_fs=runs.sample_spacing_fs,
        numbers=cells.numbers,
        masses_amu=atomic_masses[cells.numbers],
        temperature_measured_K=float(runs.temperature_K[index]),
    )
    hops = cells.n_moved(runs.initial_positions[index], runs.final_positions[index])
    row |= {
        "temperature_measured_K": float(runs.temperature_K[index]),
        "drift_eV_per_atom_per_ps": float(runs.drift_eV_per_atom_ps[index]),
        "n_hops": hops,
        "left_basin": hops > 0,
    }
    try:
        row |= analysed(run, params["temperature_K"], params["settings"])
    except ThermodynamicsError as error:
        row |= {"status": Status.FAILED.value, "reason": f"analysis refused: {error}"}
    return row


def _left_out(row: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a cell whose relaxation gave nothing to start from."""
    return {
        **dict.fromkeys(column.name for column in DYNAMICS.columns),
        "config_id": row["config_id"],
        "temperature_K": params["temperature_K"],
        "protocol": params["settings"]["protocol"],
        "status": Status.FAILED.value,
        "reason": f"not attempted; the relaxation ended with {row.get('status')!r}",
    }
