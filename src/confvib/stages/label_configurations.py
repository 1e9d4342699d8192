"""Stage ``label_configurations``: configurations to reference energies and forces."""

import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from confvib.crystal.configuration import configuration_atoms, unpack_occupancy
from confvib.errors import Interrupted
from confvib.stages.finished import restart_key
from confvib.stages.finished_trajectories import FinishedTrajectories
from confvib.stages.job import Progress
from confvib.stages.label_engine import make_label_engine
from confvib.stages.label_rows import label_rows
from confvib.stages.label_tasks import labelled
from confvib.stages.selection import parent_of, select_copies
from confvib.stages.termination import termination
from confvib.stages.walltime import walltime_ends_at_s
from confvib.tables.contracts import CONFIGURATIONS, LABELS
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect


def label_configurations(
    structure: str,
    configurations: str,
    output: str,
    task: str,
    params: Mapping[str, Any],
    resources: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Run one label task on the configurations of a chunk and keep every ionic frame.

    A configuration that fails keeps the frames it has and ends with a row that says why;
    the others go on. What is finished is kept in ``params["restart"]``, so that a job
    that was killed goes on in the next attempt.

    Args:
        structure: CIF of the parent crystal.
        configurations: The ``configurations`` table of the task's set.
        output: The ``labels`` table.
        task: ``relaxation``, ``heating``, ``nve`` or ``nvt``.
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
    selected = select_copies(
        table,
        params["crystal"]["equivalence"],
        params["slice"],
        params["seed"],
        params["task"].get("copies", 1),
    )
    finished = FinishedTrajectories(
        params["restart"], restart_key(params, [structure, configurations])
    )
    if n_before := finished.count():
        progress.say(f"goes on after an earlier attempt: {n_before} calculations kept")
    rows: list[dict[str, Any]] = []
    with termination() as stop:
        engine = make_label_engine(
            params["engine"],
            resources,
            params["scratch"],
            params["kept"],
            stop,
            walltime_ends_at_s(resources["runtime"]),
        )
        for number, (row, copy) in enumerate(selected):
            occupancy = unpack_occupancy([row["occupancy"]], len(parent.sites))[0]
            shared = {
                "config_id": row["config_id"],
                "task": task,
                "copy": copy,
                "target_temperature_K": params["task"].get("temperature_K"),
                "level_of_theory": engine.level_of_theory,
            }
            trajectory = labelled(
                engine,
                task,
                params["task"],
                configuration_atoms(parent, occupancy),
                _seed(params, row["config_id"], task, copy),
                once=partial(finished.once, f"{row['config_id']}-{copy}", shared),
            )
            rows += label_rows(trajectory, shared)
            progress.update(
                number + 1,
                len(selected),
                "configurations",
                f"{len(rows)} frames"
                + ("" if trajectory.completed else f"; {trajectory.reason}"),
            )
            if stop() and number + 1 < len(selected):
                raise Interrupted(
                    f"asked to stop with {number + 1} of {len(selected)} configurations "
                    "done; the next attempt goes on from there"
                )
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=[structure, configurations],
        equivalence=params["crystal"]["equivalence"],
    )
    write_table(output, LABELS, rows, provenance)
    finished.remove()
    with suppress(OSError):  # it stays where something is left in it
        Path(params["scratch"]).rmdir()


def _seed(params: Mapping[str, Any], config_id: str, task: str, copy: int) -> int:
    """Return a seed of the configuration, copy and temperature, never of the chunk."""
    name = f"{params['seed']}/{config_id}/{task}" + (f"/{copy}" if copy else "")
    temperature_K = params["task"].get("temperature_K")
    return zlib.crc32((name + (f"/{temperature_K:g}K" if temperature_K else "")).encode())
