"""A reference trajectory as rows of the ``labels`` table, and back."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from confvib.reference.engine import Frame, Trajectory

Row = Mapping[str, Any]


def label_rows(trajectory: Trajectory, shared: Row) -> Iterator[dict[str, Any]]:
    """Yield a row for every frame, and one that says why if there should be more.

    Args:
        trajectory: The frames.
        shared: Columns that all rows have in common: ``config_id``, ``task``, ``copy``,
            ``target_temperature_K`` and ``level_of_theory``.
    """
    for number, frame in enumerate(trajectory.frames):
        yield {**shared, "frame": number, **_label(frame)}
    if not trajectory.completed:
        yield {**shared, "frame": len(trajectory.frames), **_failure(trajectory.reason)}


def trajectory_of(rows: Sequence[Row]) -> Trajectory:
    """Return the completed trajectory that rows were made of."""
    return Trajectory(tuple(_frame(row) for row in rows), completed=True)


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


def _frame(row: Row) -> Frame:
    temperature_K = row["temperature_K"]
    return Frame(
        numbers=np.array(row["numbers"], dtype=np.int64),
        cell=np.reshape(row["cell"], (3, 3)),
        positions=np.reshape(row["positions"], (-1, 3)),
        energy_eV=row["energy_eV"],
        forces_eV_per_A=np.reshape(row["forces_eV_per_A"], (-1, 3)),
        temperature_K=math.nan if temperature_K is None else temperature_K,
        converged=row["converged"],
        corrections=row["corrections"],
    )
