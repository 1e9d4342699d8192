"""Did a run stay in the basin of its minimum? Quench its last frame and compare."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics.evaluation import Slots
from confvib.dynamics.relax import relax
from confvib.dynamics.state import EnergyFn, Status
from confvib.errors import DynamicsError


@dataclass(frozen=True)
class Quench:
    """Hold where the last frames of a batch of runs belong.

    Attributes:
        energy_difference_eV: E(quenched) - E(minimum) [eV per cell], shape (B,).
        displacement_max_A: Largest distance of an atom between quenched cell and minimum,
            rigid translation removed [Å], shape (B,).
        status: Status codes: ok, left_basin or those of the relaxation, shape (B,).
    """

    energy_difference_eV: np.ndarray
    displacement_max_A: np.ndarray
    status: np.ndarray


def quench(
    energy_fn: EnergyFn,
    minima: np.ndarray | jax.Array,
    last_frames: np.ndarray | jax.Array,
    *,
    fmax_eV_per_A: float,
    max_steps: int,
    tolerance_A: float = 0.3,
    slots: Slots | None = None,
) -> Quench:
    """Relax the last frames of runs and say which left the basin of their minimum.

    An atom that exchanged its place with one of its kind has left it too: the vibrational
    spectrum of such a run is not that of one minimum.

    Args:
        energy_fn: Energy of one cell.
        minima: Minima from which the runs started [Å], shape (B, N, 3).
        last_frames: Last frames, unwrapped [Å], shape (B, N, 3).
        fmax_eV_per_A: Threshold of the relaxation, that of the minima [eV/Å].
        max_steps: Most steps of the relaxation.
        tolerance_A: Displacement from which a cell counts as elsewhere [Å].
        slots: How many cells are on the device at once; None: all.

    Returns:
        Energy differences, displacements and status.

    Raises:
        DynamicsError: Shapes differ or a setting makes no sense.
    """
    minima, last_frames = jnp.asarray(minima), jnp.asarray(last_frames)
    if minima.shape != last_frames.shape:
        raise DynamicsError(
            f"minima have shape {minima.shape}, last_frames {last_frames.shape}; "
            "expected the same"
        )
    found = relax(
        energy_fn,
        last_frames,
        fmax_eV_per_A=fmax_eV_per_A,
        max_steps=max_steps,
        slots=slots,
    )
    reference = np.asarray(jax.lax.map(lambda x: energy_fn(x)[0], minima))
    shift = found.positions - np.asarray(minima)
    shift = shift - shift.mean(axis=1, keepdims=True)
    displacement = np.linalg.norm(shift, axis=2).max(axis=1)
    elsewhere = (found.status == Status.OK.code) & (displacement > tolerance_A)
    status = np.where(elsewhere, Status.LEFT_BASIN.code, found.status).astype(np.int8)
    return Quench(found.energy_eV - reference, displacement, status)
