"""Stage ``evaluate_engine``: one engine's energies of the configurations compared."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from confvib.crystal.configuration import configuration_atoms, unpack_occupancy
from confvib.errors import Interrupted
from confvib.reference.engine import Frame, LabelEngine, RelaxationTask, Trajectory
from confvib.stages.finished import restart_key
from confvib.stages.finished_trajectories import FinishedTrajectories
from confvib.stages.job import Progress
from confvib.stages.label_engine import make_label_engine
from confvib.stages.selection import parent_of, select_rows
from confvib.stages.termination import termination
from confvib.stages.walltime import walltime_ends_at_s
from confvib.tables.contracts import CONFIGURATIONS
from confvib.tables.engine_contracts import ENGINE_ENERGIES
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect

Row = dict[str, Any]


@dataclass(frozen=True)
class _Subject:
    """One configuration, and what carries calculations of it out only once."""

    engine: LabelEngine
    finished: FinishedTrajectories
    config_id: str
    settings: Mapping[str, Any]

    def relaxed(self, atoms: Atoms) -> tuple[Trajectory, float]:
        """Return the relaxation and the seconds that it took this time."""
        settings = self.settings
        task = RelaxationTask(settings["fmax_eV_per_A"], settings["max_steps"])
        return self._once(
            "own", lambda run: self.engine.relaxation_frames(atoms, task, run)
        )

    def single(self, atoms: Atoms, part: str) -> tuple[Trajectory, float]:
        """Return one energy and its forces, and the seconds that it took this time."""
        return self._once(part, lambda run: self.engine.single_point(atoms, run))

    def _once(
        self, part: str, calculate: Callable[[str], Trajectory]
    ) -> tuple[Trajectory, float]:
        shared = {
            "config_id": self.config_id,
            "task": "relaxation",
            "copy": 0,
            "target_temperature_K": None,
            "level_of_theory": self.engine.level_of_theory,
        }
        started = time.monotonic()
        trajectory = self.finished.once(self.config_id, shared, part, calculate)
        return trajectory, time.monotonic() - started


def evaluate_engine(
    structure: str,
    configurations: str,
    first: Sequence[str],
    output: str,
    params: Mapping[str, Any],
    resources: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Compute each configuration as enumerated, relaxed, and where the first engine ends.

    A configuration that fails is a row that says why; the others go on. What is finished
    is kept in ``params["restart"]`` for the next attempt of a job that was killed.

    Args:
        structure: CIF of the parent crystal.
        configurations: The ``configurations`` table of the set.
        first: The ``engine_energies`` table of the first engine; nothing for itself, or
            where nothing is relaxed.
        output: The ``engine_energies`` table.
        params: Parameters of the rule.
        resources: Its resources: how VASP is started, and the walltime.
        progress: Where to report.

    Raises:
        Interrupted: The scheduler wants the job to end.
    """
    started = time.monotonic()
    parent = parent_of(structure, params["crystal"])
    table = read_table(
        configurations, CONFIGURATIONS, params["expected"]["configurations"]
    )
    selected = select_rows(
        table, params["crystal"]["equivalence"], params["slice"], params["seed"]
    )
    common = _minima(first, params["expected"]["first"])
    inputs = [structure, configurations, *first]
    finished = FinishedTrajectories(params["restart"], restart_key(params, inputs))
    rows: list[Row] = []
    with termination() as stop:
        engine = make_label_engine(
            params["engine"],
            resources,
            params["scratch"],
            params["kept"],
            stop,
            walltime_ends_at_s(resources["runtime"]),
        )
        for number, row in enumerate(selected):
            occupancy = unpack_occupancy([row["occupancy"]], len(parent.sites))[0]
            subject = _Subject(engine, finished, row["config_id"], params["settings"])
            keys = {
                "config_id": row["config_id"],
                "engine": params["name"],
                "level_of_theory": engine.level_of_theory,
            }
            for found in _geometries(
                subject, configuration_atoms(parent, occupancy), common
            ):
                rows.append(found | keys)
                if found["status"] != "ok":
                    progress.say(
                        f"{row['config_id']}, {found['geometry']}: {found['reason']}"
                    )
            progress.update(number + 1, len(selected), "configurations")
            if stop() and number + 1 < len(selected):
                raise Interrupted(
                    f"asked to stop with {number + 1} of {len(selected)} configurations "
                    "done; the next attempt goes on from there"
                )
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=inputs,
        equivalence=params["crystal"]["equivalence"],
    )
    write_table(output, ENGINE_ENERGIES, rows, provenance)
    finished.remove()


def _minima(paths: Sequence[str], expected: str) -> dict[str, Row] | None:
    """Return the first engine's minima by configuration; None if this is the first."""
    if not paths:
        return None
    rows = read_table(paths[0], ENGINE_ENERGIES, expected).to_pylist()
    return {row["config_id"]: row for row in rows if row["geometry"] == "own"}


def _geometries(
    subject: _Subject, atoms: Atoms, common: Mapping[str, Row] | None
) -> Iterator[Row]:
    """Yield the rows of one configuration."""
    if not subject.settings["relax"]:
        yield _single(subject, atoms, "unrelaxed")
        return
    relaxed, seconds = subject.relaxed(atoms)
    yield _row("unrelaxed", relaxed, relaxed.frames[:1], 0.0)
    own = _row("own", relaxed, relaxed.frames[-1:], seconds)
    if own["status"] == "ok" and not relaxed.completed:
        own |= {"status": "not_relaxed", "reason": relaxed.reason}
    yield own
    if common is None:
        yield own | {"geometry": "common", "wall_time_s": 0.0}
    else:
        yield _at_minimum(subject, common.get(subject.config_id))


def _at_minimum(subject: _Subject, minimum: Row | None) -> Row:
    if minimum is None or minimum["status"] != "ok":
        why = "has no such row" if minimum is None else minimum["reason"]
        reason = f"the first engine has no minimum of it: {why}"
        return _blank("common", "no_geometry", reason)
    atoms = Atoms(
        minimum["numbers"],
        positions=np.reshape(minimum["positions"], (-1, 3)),
        cell=np.reshape(minimum["cell"], (3, 3)),
        pbc=True,
    )
    return _single(subject, atoms, "common")


def _single(subject: _Subject, atoms: Atoms, geometry: str) -> Row:
    found, seconds = subject.single(atoms, geometry)
    return _row(geometry, found, found.frames[:1], seconds)


def _row(
    geometry: str, trajectory: Trajectory, frames: Sequence[Frame], seconds: float
) -> Row:
    """Return the row of the one frame in ``frames``, or of the failure."""
    if not frames:
        return _blank(geometry, "failed", trajectory.reason)
    (frame,) = frames
    return {
        "geometry": geometry,
        "numbers": frame.numbers.tolist(),
        "cell": frame.cell.ravel().tolist(),
        "positions": frame.positions.ravel().tolist(),
        "energy_eV": float(frame.energy_eV),
        "forces_eV_per_A": frame.forces_eV_per_A.ravel().tolist(),
        "fmax_eV_per_A": float(np.linalg.norm(frame.forces_eV_per_A, axis=1).max()),
        "n_steps": len(trajectory.frames) - 1 if geometry == "own" else 0,
        "wall_time_s": seconds,
        "status": "ok" if frame.converged else "unconverged",
        "reason": "" if frame.converged else "the electrons did not converge",
    }


def _blank(geometry: str, status: str, reason: str) -> Row:
    blank = dict.fromkeys(column.name for column in ENGINE_ENERGIES.columns)
    return blank | {"geometry": geometry, "status": status, "reason": reason}
