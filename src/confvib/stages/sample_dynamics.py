"""Stage ``sample_dynamics``: relaxed cells to molecular dynamics, spectrum and F_vib."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from ase.data import atomic_masses

from confvib.dynamics.checkpoint import Checkpoint
from confvib.dynamics.molecular import (
    MolecularDynamics,
    MolecularDynamicsSettings,
    Protocol,
    run_md,
)
from confvib.dynamics.state import EnergyFn, Status
from confvib.dynamics.velocities import configuration_key
from confvib.errors import ThermodynamicsError
from confvib.stages.chunk import Chunk, chunk_of
from confvib.stages.finished import SAVE_INTERVAL_S
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
    drive = Drive.of(model, params)
    inputs = [path for path in (structure, relaxed, model) if path]
    with chunk_of(cells.config_ids, DYNAMICS, params, inputs, progress) as chunk:
        work = _Runs(chunk, cells, params)
        work.run(drive, batch_size)
        found = chunk.finished.rows
        rows = [
            found.get(row["config_id"]) or _left_out(row, params) for row in cells.rows
        ]
        provenance = collect(
            params["config_hash"],
            started=started,
            inputs=inputs,
            model_fingerprint=drive.fingerprint(),
            equivalence=params["crystal"]["equivalence"],
            note=_note(params["settings"]["protocol"]),
        )
        write_table(output, DYNAMICS, rows, provenance)
        chunk.finished.remove()
        work.checkpoint.remove()
    good = sum(row["status"] == Status.OK for row in rows)
    progress.say(f"{good} of {len(rows)} runs usable, {time.monotonic() - started:.1f} s")


class _Runs:
    """The runs of a chunk at one temperature, a batch at a time."""

    def __init__(
        self, chunk: Chunk, cells: RelaxedCells, params: Mapping[str, Any]
    ) -> None:
        self.chunk, self.cells, self.params = chunk, cells, params
        self.checkpoint = self._checkpoint(1.0)

    def _checkpoint(self, widening: float) -> Checkpoint:
        """Return where the runs with tables of this width are kept between attempts."""
        folder = Path(self.params["restart"]).with_suffix(".run")
        key = f"{self.chunk.finished.key}-{widening:g}"
        return Checkpoint(folder, key, SAVE_INTERVAL_S)

    def run(self, drive: Drive, batch_size: int) -> None:
        """Run what is left, with wider tables where needed."""
        cells = self.cells
        for widening in self.chunk.tries():
            self.checkpoint = self._checkpoint(widening)
            energy_fn = bind(
                drive,
                cells.numbers,
                cells.cell,
                cells.positions,
                self.params["settings"]["precision"],
                widening=widening,
                say=self.chunk.progress.say,
            )
            self.chunk.in_batches_that_fit(
                partial(self._batches, energy_fn),
                min(batch_size, len(cells.config_ids)),
            )

    def _batches(self, energy_fn: EnergyFn, n_slots: int) -> None:
        todo = set(self.chunk.todo())
        # Batches of an undisturbed run: those that were cut short are run again whole.
        everything = (
            sorted(todo) if self.chunk.is_last_try else range(len(self.cells.config_ids))
        )
        for first in range(0, len(everything), n_slots):
            batch = list(everything[first : first + n_slots])
            if todo & set(batch):
                self._batch(energy_fn, batch)

    def _batch(self, energy_fn: EnergyFn, batch: Sequence[int]) -> None:
        cells, params = self.cells, self.params
        settings, temperature_K = params["settings"], params["temperature_K"]
        names = [cells.config_ids[index] for index in batch]
        keys = jnp.stack(
            [configuration_key(params["seed"], n, temperature_K, "md") for n in names]
        )
        runs = run_md(
            energy_fn,
            cells.positions[batch].astype(settings["precision"]),
            atomic_masses[cells.numbers],
            keys,
            _protocol(settings, temperature_K),
            progress=partial(self._report, batch),
            checkpoint=self.checkpoint,
            stop=self.chunk.stop,
        )
        for index, config_id in enumerate(names):
            row = _row(cells, config_id, runs, index, params)
            self.chunk.keep(row)
        self.chunk.finished.save()

    def _report(self, batch: Sequence[int], done: int, total: int) -> None:
        n_before = sum(name in self.chunk.finished.rows for name in self.cells.config_ids)
        self.chunk.progress.update(
            round(n_before + len(batch) * done / total, 2),
            len(self.cells.config_ids),
            "configurations",
        )


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
