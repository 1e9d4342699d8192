"""One molecular-dynamics run to a row of the ``dynamics`` table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confvib.dynamics.basin import Quench
from confvib.dynamics.molecular import MolecularDynamics
from confvib.dynamics.state import Status
from confvib.errors import ThermodynamicsError
from confvib.stages.hops import HopCounter
from confvib.stages.relaxed_cells import RelaxedCells
from confvib.stages.vibrations import Run, analysed
from confvib.tables.contracts import DYNAMICS

FAILED = (Status.NAN, Status.OVERFLOW, Status.DIVERGED)
"""How runs end that have nothing to analyse."""


@dataclass(frozen=True)
class Batch:
    """What is known of a batch of runs.

    Attributes:
        runs: The runs.
        hops: What was seen while they ran.
        look_interval_fs: Time between two looks.
        quenched: Where they ended.
    """

    runs: MolecularDynamics
    hops: HopCounter
    look_interval_fs: float
    quenched: Quench


def dynamics_row(
    cells: RelaxedCells,
    config_id: str,
    batch: Batch,
    index: int,
    params: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe one run.

    Args:
        cells: The chunk.
        config_id: Configuration of the run.
        batch: The batch it was in.
        index: Its place there.
        params: Parameters of the rule.

    Returns:
        The row; null where a run has failed or its analysis was refused.
    """
    runs = batch.runs
    status = Status.from_code(int(runs.status[index]))
    row = {
        **left_out({"config_id": config_id}, params),
        "status": status.value,
        "reason": "" if status is Status.OK else status.sentence,
    }
    if status in FAILED:
        return row
    run = Run.of(runs, index, cells.numbers, cells.volume_A3)
    row |= {
        "temperature_measured_K": run.temperature_measured_K,
        "drift_eV_per_atom_per_ps": float(runs.drift_eV_per_atom_ps[index]),
        **_basin(batch, index),
    }
    try:
        row |= analysed(run, params["temperature_K"], params["settings"])
    except ThermodynamicsError as error:
        row |= {"status": Status.FAILED.value, "reason": f"analysis refused: {error}"}
    return row


def left_out(row: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a cell whose relaxation gave nothing to start from."""
    return {
        **dict.fromkeys(column.name for column in DYNAMICS.columns),
        "config_id": row["config_id"],
        "temperature_K": params["temperature_K"],
        "protocol": params["settings"]["protocol"],
        "status": Status.FAILED.value,
        "reason": f"not attempted; the relaxation ended with {row.get('status')!r}",
    }


def _basin(batch: Batch, index: int) -> dict[str, Any]:
    """Say whether a run stayed where it began: its hops, its ends, their quenches."""
    quenched = batch.quenched
    hops, moved = int(batch.hops.n_hops[index]), int(batch.hops.n_moved[index])
    elsewhere = quenched.status[index] == Status.LEFT_BASIN.code
    return {
        "n_hops": hops,
        "hop_look_interval_fs": batch.look_interval_fs,
        "n_moved": moved,
        "quench_energy_difference_eV": _known(quenched.energy_difference_eV[index]),
        "quench_displacement_max_A": _known(quenched.displacement_max_A[index]),
        "left_basin": bool(hops or moved or elsewhere),
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
