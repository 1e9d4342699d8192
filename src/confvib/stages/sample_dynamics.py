"""Stage ``sample_dynamics``: relaxed cells to molecular dynamics, spectrum and F_vib."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from ase.data import atomic_masses

from confvib.dynamics.basin import Quench, quench
from confvib.dynamics.checkpoint import Checkpoint
from confvib.dynamics.evaluation import Slots
from confvib.dynamics.molecular import (
    MolecularDynamics,
    MolecularDynamicsSettings,
    Protocol,
    run_md,
)
from confvib.dynamics.state import EnergyFn, Status, statuses
from confvib.dynamics.velocities import configuration_key
from confvib.errors import Interrupted
from confvib.stages.batch_size import bytes_of_cells
from confvib.stages.chunk import Chunk, chunk_of
from confvib.stages.dynamics_rows import FAILED, Batch, dynamics_row, left_out
from confvib.stages.finished import SAVE_INTERVAL_S
from confvib.stages.hops import HopCounter
from confvib.stages.job import Progress
from confvib.stages.potentials import Drive, bind
from confvib.stages.relaxed_cells import RelaxedCells, read_relaxed_cells
from confvib.stages.runtime import configure_jax
from confvib.tables.contracts import DYNAMICS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect

STEPS_BETWEEN_LOOKS = 100
"""How often the host looks for hops: half a millisecond per cell of 192 atoms."""


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

    Velocities are turned into spectra here and not stored. Hops are counted on the way,
    and both ends of a run are quenched to tell whether it is still in its basin.

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
        if not chunk.is_whole:
            return
        found = chunk.finished.rows
        rows = [
            found.get(row["config_id"]) or left_out(row, params) for row in cells.rows
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
        folder = self.chunk.finished.path.with_suffix(".run")
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
                min(batch_size, len(self.chunk.own())),
                bytes_of_cells(
                    energy_fn,
                    cells.positions.shape[1:],
                    self.params["settings"]["precision"],
                ),
            )

    def _batches(self, energy_fn: EnergyFn, n_slots: int) -> None:
        todo = set(self.chunk.todo())
        # Batches of an undisturbed run: those that were cut short are run again whole.
        everything = sorted(todo) if self.chunk.is_last_try else self.chunk.own()
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
        hops = HopCounter(cells, len(batch))
        protocol = _protocol(settings, temperature_K)
        runs = run_md(
            energy_fn,
            cells.positions[batch].astype(settings["precision"]),
            atomic_masses[cells.numbers],
            keys,
            protocol,
            progress=partial(self._report, batch),
            checkpoint=self.checkpoint,
            stop=self.chunk.stop,
            observer=hops,
        )
        look_fs = protocol.segment_steps * protocol.timestep_fs
        quenched = self._quench(energy_fn, runs, names)
        known = Batch(runs, hops, look_fs, quenched)
        for index, config_id in enumerate(names):
            row = dynamics_row(cells, config_id, known, index, params)
            self.chunk.keep(row)
        self.chunk.finished.save()

    def _quench(
        self, energy_fn: EnergyFn, runs: MolecularDynamics, names: Sequence[str]
    ) -> Quench:
        """Quench both ends of every run that has two; say which quenches failed."""
        nothing = np.full(len(names), np.nan)
        found = Quench(nothing, nothing.copy(), runs.status.copy())
        good = np.array([status not in FAILED for status in statuses(runs.status)])
        if not good.any():
            return found
        settings = self.params["settings"]
        some = quench(
            energy_fn,
            runs.initial_positions[good],
            runs.final_positions[good],
            fmax_eV_per_A=settings["quench_fmax_eV_per_A"],
            max_steps=settings["quench_max_steps"],
            # As many slots as in any other batch: the same program.
            slots=Slots(len(names)),
            on_rest=lambda *_: self._end_if_asked(),
        )
        for field in fields(Quench):
            getattr(found, field.name)[good] = getattr(some, field.name)
        for name, status, had_ends in zip(
            names, statuses(found.status), good, strict=True
        ):
            if had_ends and status not in {Status.OK, Status.LEFT_BASIN}:
                self.chunk.progress.say(
                    f"{name}: the quench of its ends failed ({status}); "
                    "whether it left its basin is known from its hops alone"
                )
        return found

    def _end_if_asked(self) -> None:
        if self.chunk.stop():
            raise Interrupted(
                "asked to stop in a quench; the next attempt goes on from the last save"
            )

    def _report(self, batch: Sequence[int], done: int, total: int) -> None:
        self.chunk.progress.update(
            round(self.chunk.n_done() + len(batch) * done / total, 2),
            len(self.chunk.own()),
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
        segment_steps=STEPS_BETWEEN_LOOKS,
    )


def _note(protocol: str) -> str:
    if protocol == "published_2025":
        return (
            "NVE from the relaxed cell: the runs are near half the requested temperature"
        )
    return "thermostat to the requested temperature, then NVE"
