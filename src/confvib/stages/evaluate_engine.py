"""Stage ``evaluate_engine``: one engine's energies of the configurations compared."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from confvib.crystal.configuration import configuration_atoms, unpack_occupancy
from confvib.reference.engine import Frame, LabelEngine, RelaxationTask, Trajectory
from confvib.stages.job import Progress
from confvib.stages.label_engine import make_label_engine
from confvib.stages.selection import parent_of, select_rows
from confvib.tables.contracts import CONFIGURATIONS
from confvib.tables.engine_contracts import ENGINE_ENERGIES
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect

Row = dict[str, Any]

_ANY_FORCE_EV_PER_A = 1e6
"""A relaxation to this ends where it starts: one energy and its forces."""


def evaluate_engine(
    structure: str,
    configurations: str,
    first: Sequence[str],
    output: str,
    params: Mapping[str, Any],
    command: str,
    progress: Progress,
) -> None:
    """Compute each configuration as enumerated, relaxed, and where the first engine ends.

    A configuration that fails is a row that says why; the others go on.

    Args:
        structure: CIF of the parent crystal.
        configurations: The ``configurations`` table of the set.
        first: The ``engine_energies`` table of the first engine; nothing for itself, or
            where nothing is relaxed.
        output: The ``engine_energies`` table.
        params: Parameters of the rule.
        command: How the job starts VASP; '' for other engines.
        progress: Where to report.
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
    engine = make_label_engine(
        params["engine"], command, params["scratch"], params["kept"]
    )
    rows: list[Row] = []
    for number, row in enumerate(selected):
        occupancy = unpack_occupancy([row["occupancy"]], len(parent.sites))[0]
        atoms = configuration_atoms(parent, occupancy)
        keys = {
            "config_id": row["config_id"],
            "engine": params["name"],
            "level_of_theory": engine.level_of_theory,
        }
        for found in _geometries(engine, atoms, keys, common, params["settings"]):
            rows.append(found | keys)
            if found["status"] != "ok":
                progress.say(
                    f"{row['config_id']}, {found['geometry']}: {found['reason']}"
                )
        progress.update(number + 1, len(selected), "configurations")
    write_table(
        output,
        ENGINE_ENERGIES,
        rows,
        collect(
            params["config_hash"],
            started=started,
            inputs=[structure, configurations, *first],
            equivalence=params["crystal"]["equivalence"],
        ),
    )


def _minima(paths: Sequence[str], expected: str) -> dict[str, Row] | None:
    """Return the first engine's minima by configuration; None if this is the first."""
    if not paths:
        return None
    rows = read_table(paths[0], ENGINE_ENERGIES, expected).to_pylist()
    return {row["config_id"]: row for row in rows if row["geometry"] == "own"}


def _geometries(
    engine: LabelEngine,
    atoms: Atoms,
    keys: Mapping[str, str],
    common: Mapping[str, Row] | None,
    settings: Mapping[str, Any],
) -> Iterator[Row]:
    """Yield the rows of one configuration."""
    config_id = keys["config_id"]
    if not settings["relax"]:
        yield _single(engine, atoms, "unrelaxed", f"{config_id}-unrelaxed")
        return
    task = RelaxationTask(settings["fmax_eV_per_A"], settings["max_steps"])
    relaxed, seconds = _timed(
        lambda: engine.relaxation_frames(atoms, task, f"{config_id}-own")
    )
    yield _row("unrelaxed", relaxed, relaxed.frames[:1], 0.0)
    own = _row("own", relaxed, relaxed.frames[-1:], seconds)
    if own["status"] == "ok" and not relaxed.completed:
        own |= {"status": "not_relaxed", "reason": relaxed.reason}
    yield own
    if common is None:
        yield own | {"geometry": "common", "wall_time_s": 0.0}
    else:
        yield _at_minimum(engine, common.get(config_id), config_id)


def _at_minimum(engine: LabelEngine, minimum: Row | None, config_id: str) -> Row:
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
    return _single(engine, atoms, "common", f"{config_id}-common")


def _single(engine: LabelEngine, atoms: Atoms, geometry: str, run: str) -> Row:
    task = RelaxationTask(_ANY_FORCE_EV_PER_A, 1)
    found, seconds = _timed(lambda: engine.relaxation_frames(atoms, task, run))
    return _row(geometry, found, found.frames[:1], seconds)


def _timed(run: Callable[[], Trajectory]) -> tuple[Trajectory, float]:
    started = time.monotonic()
    return run(), time.monotonic() - started


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
