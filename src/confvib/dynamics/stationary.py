"""True minima: tight relaxation, Hessian, and a way down from every saddle."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics.evaluation import BatchMode, Slots, require_batch
from confvib.dynamics.hessian import hessian
from confvib.dynamics.modes import NormalModes, normal_modes
from confvib.dynamics.relax import Relaxation, relax
from confvib.dynamics.state import EnergyFn, Status


@dataclass(frozen=True)
class StationarySettings:
    """Choose how close to a minimum is close enough.

    Attributes:
        fmax_eV_per_A: Threshold of the tight relaxation [eV/Å].
        max_steps: Most steps of each relaxation.
        max_mode_followings: Most descents from saddles.
        imaginary_threshold_THz: Frequencies below this are imaginary [THz], <= 0.
        displacement_A: Length of the push off a saddle, of the farthest atom [Å].
        columns_per_batch: Columns of a Hessian computed at once.
    """

    fmax_eV_per_A: float = 1e-3
    max_steps: int = 2000
    max_mode_followings: int = 2
    imaginary_threshold_THz: float = -0.05
    displacement_A: float = 0.1
    columns_per_batch: int = 32


@dataclass(frozen=True)
class StationaryPoints:
    """Hold the stationary points of a batch, NaN where nothing is known.

    Attributes:
        positions: Positions [Å], shape (B, N, 3).
        energy_eV: Energy [eV per cell], shape (B,).
        fmax_eV_per_A: Largest remaining force on an atom [eV/Å], shape (B,).
        n_steps: Relaxation steps in all, shape (B,).
        frequencies_THz: Frequencies [THz], imaginary ones negative, shape (B, 3N - 3).
        n_imaginary: Imaginary modes left, -1 where there is no Hessian, shape (B,).
        sum_rule_residual: max |Σ_j H_ij| / max |H|, shape (B,).
        asymmetry: max |H - H^T| / max |H| before symmetrising, shape (B,).
        n_mode_followings: Saddles descended from, shape (B,).
        status: Status codes: ok, imaginary_modes or those of the relaxation, shape (B,).
    """

    positions: np.ndarray
    energy_eV: np.ndarray
    fmax_eV_per_A: np.ndarray
    n_steps: np.ndarray
    frequencies_THz: np.ndarray
    n_imaginary: np.ndarray
    sum_rule_residual: np.ndarray
    asymmetry: np.ndarray
    n_mode_followings: np.ndarray
    status: np.ndarray


@dataclass
class _Row:
    """One cell on its way down."""

    positions: np.ndarray
    energy_eV: float
    fmax_eV_per_A: float
    n_steps: int
    status: Status
    modes: NormalModes | None = None
    asymmetry: float = np.nan
    n_followed: int = 0

    @property
    def is_saddle(self) -> bool:
        return (
            self.status is Status.OK
            and self.modes is not None
            and self.modes.n_imaginary > 0
        )


@dataclass(frozen=True)
class _Task:
    """What every step of the search needs."""

    energy_fn: EnergyFn
    masses_amu: np.ndarray
    settings: StationarySettings
    slots: Slots

    def relaxed(self, positions: np.ndarray) -> list[_Row]:
        """Relax any number of cells in the same slots: compiled once."""
        found = relax(
            self.energy_fn,
            positions,
            fmax_eV_per_A=self.settings.fmax_eV_per_A,
            max_steps=self.settings.max_steps,
            slots=self.slots,
        )
        return [_row(found, index) for index in range(len(positions))]

    def analyse(self, row: _Row) -> None:
        """Add the modes to a cell whose relaxation gave a usable point."""
        if row.status not in {Status.OK, Status.UNCONVERGED}:
            return
        block = self.settings.columns_per_batch
        second = hessian(
            self.energy_fn, jnp.asarray(row.positions), columns_per_batch=block
        )
        if not np.isfinite(second.matrix_eV_per_A2).all():
            row.status = Status.NAN
            return
        row.asymmetry = second.asymmetry
        row.modes = normal_modes(
            second.matrix_eV_per_A2,
            self.masses_amu,
            imaginary_threshold_THz=self.settings.imaginary_threshold_THz,
        )


def minimise_to_stationary(
    energy_fn: EnergyFn,
    positions: np.ndarray | jax.Array,
    masses_amu: np.ndarray,
    settings: StationarySettings | None = None,
    *,
    batch_mode: BatchMode | None = None,
) -> StationaryPoints:
    """Relax cells tightly and follow imaginary modes downhill until none is left.

    From a saddle the cell is pushed along its lowest mode, once each way, and relaxed;
    the lower end is kept. What is still imaginary after the last attempt is counted.

    Args:
        energy_fn: Energy of one cell.
        positions: Start [Å], shape (B, N, 3); float64 is what Hessians need.
        masses_amu: Masses [amu], shape (N,).
        settings: Thresholds; None takes the defaults.
        batch_mode: One program or one cell after the other; None suits the device.

    Returns:
        The stationary points with their modes.

    Raises:
        DynamicsError: Shapes do not fit or a setting makes no sense.

    Source:
        docs/formulation.md#relaxation.
    """
    start = np.asarray(positions)
    require_batch(jnp.asarray(start))
    settings = settings or StationarySettings()
    masses = np.asarray(masses_amu, np.float64)
    slots = Slots(len(start), batch_mode or BatchMode.for_device())
    task = _Task(energy_fn, masses, settings, slots)
    rows = task.relaxed(start)
    for row in rows:
        task.analyse(row)
    for _ in range(settings.max_mode_followings):
        saddles = [row for row in rows if row.is_saddle]
        if not saddles:
            break
        _descend(task, saddles)
    return _collect(rows)


def _descend(task: _Task, saddles: Sequence[_Row]) -> None:
    """Replace every saddle by the lower of the two ends of its lowest mode."""
    pushed = []
    for row in saddles:
        assert row.modes is not None
        push = task.settings.displacement_A * row.modes.lowest_mode
        pushed += [row.positions + push, row.positions - push]
    dtype = saddles[0].positions.dtype
    ends = task.relaxed(np.stack(pushed).astype(dtype))
    for row, one, other in zip(saddles, ends[::2], ends[1::2], strict=True):
        row.n_followed += 1
        row.n_steps += one.n_steps + other.n_steps
        usable = [end for end in (one, other) if end.status is Status.OK]
        lower = min(usable, key=lambda end: end.energy_eV, default=None)
        if lower is None or lower.energy_eV >= row.energy_eV:
            continue
        row.positions, row.energy_eV = lower.positions, lower.energy_eV
        row.fmax_eV_per_A = lower.fmax_eV_per_A
        task.analyse(row)


def _row(found: Relaxation, index: int) -> _Row:
    return _Row(
        positions=found.positions[index],
        energy_eV=float(found.energy_eV[index]),
        fmax_eV_per_A=float(found.fmax_eV_per_A[index]),
        n_steps=int(found.n_steps[index]),
        status=Status.from_code(int(found.status[index])),
    )


def _collect(rows: Sequence[_Row]) -> StationaryPoints:
    unknown = np.full(3 * len(rows[0].positions) - 3, np.nan)
    modes = [row.modes for row in rows]
    codes = [Status.IMAGINARY_MODES if row.is_saddle else row.status for row in rows]
    return StationaryPoints(
        positions=np.stack([row.positions for row in rows]),
        energy_eV=np.array([row.energy_eV for row in rows]),
        fmax_eV_per_A=np.array([row.fmax_eV_per_A for row in rows]),
        n_steps=np.array([row.n_steps for row in rows]),
        frequencies_THz=np.stack([m.frequencies_THz if m else unknown for m in modes]),
        n_imaginary=np.array([m.n_imaginary if m else -1 for m in modes]),
        sum_rule_residual=np.array([m.sum_rule_residual if m else np.nan for m in modes]),
        asymmetry=np.array([row.asymmetry for row in rows]),
        n_mode_followings=np.array([row.n_followed for row in rows]),
        status=np.array([status.code for status in codes], np.int8),
    )
