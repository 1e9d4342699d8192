"""Stage ``label_configurations``: configurations to reference energies and forces."""

import math
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ase import Atoms

from confvib.crystal.configuration import configuration_atoms, unpack_occupancy
from confvib.reference.engine import (
    Frame,
    HeatingTask,
    LabelEngine,
    RelaxationTask,
    Trajectory,
)
from confvib.reference.perturb import perturbed
from confvib.stages.job import Progress
from confvib.stages.selection import parent_of, select_copies
from confvib.tables.contracts import CONFIGURATIONS, LABELS
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect


def label_configurations(
    structure: str,
    configurations: str,
    output: str,
    task: str,
    params: Mapping[str, Any],
    command: str,
    progress: Progress,
) -> None:
    """Run one label task on the configurations of a chunk and keep every ionic frame.

    A configuration that fails keeps the frames it has and ends with a row that says why;
    the others go on.

    Args:
        structure: CIF of the parent crystal.
        configurations: The ``configurations`` table of the task's set.
        output: The ``labels`` table.
        task: ``relaxation`` or ``heating``.
        params: Parameters of the rule.
        command: How the job starts VASP; '' for other engines.
        progress: Where to report.
    """
    started = time.monotonic()
    parent = parent_of(structure, params["crystal"])
    table = read_table(
        configurations, CONFIGURATIONS, params["expected"]["configurations"]
    )
    selected = select_copies(
        table,
        params["crystal"]["equivalence"],
        params["slice"],
        params["seed"],
        params["task"].get("copies", 1),
    )
    engine = _engine(params, command)
    rows: list[dict[str, Any]] = []
    for number, (row, copy) in enumerate(selected):
        occupancy = unpack_occupancy([row["occupancy"]], len(parent.sites))[0]
        atoms = configuration_atoms(parent, occupancy)
        seed = _seed(params["seed"], row["config_id"], task, copy)
        trajectory = _run(engine, task, params["task"], atoms, seed)
        rows += _rows(row["config_id"], task, engine.level_of_theory, trajectory)
        progress.update(
            number + 1,
            len(selected),
            "configurations",
            f"{len(rows)} frames"
            + ("" if trajectory.completed else f"; {trajectory.reason}"),
        )
    write_table(
        output,
        LABELS,
        rows,
        collect(
            params["config_hash"],
            started=started,
            inputs=[structure, configurations],
            equivalence=params["crystal"]["equivalence"],
        ),
    )


def _engine(params: Mapping[str, Any], command: str) -> LabelEngine:
    settings = params["engine"]
    if settings["engine"] == "vasp":
        from confvib.dft.engine import VaspEngine
        from confvib.dft.settings import VaspSettings

        return VaspEngine(
            VaspSettings.from_mapping({**settings["vasp"], "command": command}),
            scratch_dir=Path(params["scratch"]),
            kept_dir=Path(params["kept"]),
        )
    from confvib.reference.factory import make_engine
    from confvib.stages.runtime import configure_jax

    # The ionic potential is computed by JAX, and labels are float64.
    configure_jax()
    return make_engine(settings)


def _seed(campaign_seed: int, config_id: str, task: str, copy: int) -> int:
    """Return a seed of the configuration and its copy alone, never of its chunk."""
    name = f"{campaign_seed}/{config_id}/{task}" + (f"/{copy}" if copy else "")
    return zlib.crc32(name.encode())


def _run(
    engine: LabelEngine, task: str, settings: Mapping[str, Any], atoms: Atoms, seed: int
) -> Trajectory:
    if task == "relaxation":
        start = perturbed(atoms, settings["perturbation_A"], seed)
        return engine.relaxation_frames(
            start, RelaxationTask(settings["fmax_eV_per_A"], settings["max_steps"])
        )
    return engine.heating_frames(
        atoms,
        HeatingTask(
            settings["start_K"],
            settings["end_K"],
            settings["n_steps"],
            settings["timestep_fs"],
            seed,
        ),
    )


def _rows(
    config_id: str, task: str, level_of_theory: str, trajectory: Trajectory
) -> Iterator[dict[str, Any]]:
    shared = {"config_id": config_id, "task": task, "level_of_theory": level_of_theory}
    for number, frame in enumerate(trajectory.frames):
        yield {**shared, "frame": number, **_label(frame)}
    if not trajectory.completed:
        yield {**shared, "frame": len(trajectory.frames), **_failure(trajectory.reason)}


def _label(frame: Frame) -> dict[str, Any]:
    return {
        "numbers": frame.numbers.tolist(),
        "cell": frame.cell.ravel().tolist(),
        "positions": frame.positions.ravel().tolist(),
        "energy_eV": float(frame.energy_eV),
        "forces_eV_per_A": frame.forces_eV_per_A.ravel().tolist(),
        "temperature_K": (
            None if math.isnan(frame.temperature_K) else float(frame.temperature_K)
        ),
        "converged": bool(frame.converged),
        "corrections": frame.corrections,
        "status": "ok" if frame.converged else "unconverged",
        "reason": "" if frame.converged else "the reference calculation did not converge",
    }


def _failure(reason: str) -> dict[str, Any]:
    empty = (
        "numbers",
        "cell",
        "positions",
        "energy_eV",
        "forces_eV_per_A",
        "temperature_K",
    )
    return {
        **dict.fromkeys(empty),
        "converged": False,
        "corrections": "",
        "status": "failed_label",
        "reason": reason,
    }
