"""Did a run stay in the basin of its minimum? Quench its two ends and compare."""

from dataclasses import dataclass

import jax
import numpy as np

from confvib.dynamics.evaluation import Slots
from confvib.dynamics.relax import OnRest, relax
from confvib.dynamics.state import EnergyFn, Status
from confvib.errors import DynamicsError

ELSEWHERE_A = 0.3
"""Displacement from which a quenched cell is another minimum [Å]."""


@dataclass(frozen=True)
class Quench:
    """Hold where the last frames of a batch of runs belong, NaN where a quench failed.

    Attributes:
        energy_difference_eV: E(end) - E(start), both quenched [eV per cell], shape (B,).
        displacement_max_A: Largest distance of an atom between the two, rigid translation
            removed [Å], shape (B,).
        status: Status codes: ok, left_basin or those of the relaxation, shape (B,).
    """

    energy_difference_eV: np.ndarray
    displacement_max_A: np.ndarray
    status: np.ndarray


def quench(
    energy_fn: EnergyFn,
    starts: np.ndarray | jax.Array,
    last_frames: np.ndarray | jax.Array,
    *,
    fmax_eV_per_A: float,
    max_steps: int,
    slots: Slots | None = None,
    on_rest: OnRest | None = None,
) -> Quench:
    """Relax both ends of runs alike and say which runs left the basin they began in.

    The start is quenched too: the threshold of a relaxation leaves a cell short of its
    minimum, and only what was treated alike can be compared.

    An atom that exchanged its place with one of its kind has left the basin as well: the
    vibrational spectrum of such a run is not that of one minimum.

    Args:
        energy_fn: Energy of one cell.
        starts: Cells from which the runs started [Å], shape (B, N, 3).
        last_frames: Last frames, unwrapped [Å], shape (B, N, 3).
        fmax_eV_per_A: Threshold of both relaxations [eV/Å].
        max_steps: Most steps of each.
        slots: How many cells are on the device at once; None: all.
        on_rest: Called whenever a relaxation has ended; what it raises ends the quench.

    Returns:
        Energy differences, displacements and status.

    Raises:
        DynamicsError: Shapes differ or a setting makes no sense.
    """
    starts, last_frames = np.asarray(starts), np.asarray(last_frames)
    if starts.shape != last_frames.shape:
        raise DynamicsError(
            f"starts have shape {starts.shape}, last_frames {last_frames.shape}; "
            "expected the same"
        )
    found = relax(
        energy_fn,
        np.concatenate([starts, last_frames]),
        fmax_eV_per_A=fmax_eV_per_A,
        max_steps=max_steps,
        slots=slots,
        on_rest=on_rest,
    )
    start, end = np.split(np.asarray(found.positions, np.float64), 2)
    shift = end - start
    shift -= shift.mean(axis=1, keepdims=True)
    displacement = np.linalg.norm(shift, axis=2).max(axis=1)
    difference = np.diff(np.split(np.asarray(found.energy_eV, np.float64), 2), axis=0)[0]
    start_status, end_status = np.split(found.status, 2)
    ok = Status.OK.code
    status = np.where(start_status == ok, end_status, start_status)
    good = status == ok
    elsewhere = good & (displacement > ELSEWHERE_A)
    return Quench(
        np.where(good, difference, np.nan),
        np.where(good, displacement, np.nan),
        np.where(elsewhere, Status.LEFT_BASIN.code, status).astype(np.int8),
    )
