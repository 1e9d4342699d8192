"""Molecular dynamics of a batch of cells: heat bath, then constant energy, sampled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics import segments
from confvib.dynamics.checkpoint import Checkpoint
from confvib.dynamics.evaluation import BatchMode, require_batch, require_positive
from confvib.dynamics.record import Observer, Record
from confvib.dynamics.segments import Cells, Engine, Physics
from confvib.dynamics.state import Bounds, EnergyFn, Progress, Status
from confvib.dynamics.velocities import degrees_of_freedom
from confvib.errors import DynamicsError
from confvib.units import BOLTZMANN_EV_PER_K

_FORMAT = 2
"""Number of the layout of a save; another one would not be understood."""


class Protocol(StrEnum):
    """How a run reaches its temperature.

    thermalised: velocities at 2T, since a relaxed crystal lends half of its kinetic
    energy to the potential; a Langevin heat bath at T; zero momentum; production at
    constant energy.

    published_2025: velocities at T on the relaxed crystal and constant energy from the
    first step, as in the paper. Equipartition leaves such a run at about T/2.
    """

    THERMALISED = "thermalised"
    PUBLISHED_2025 = "published_2025"


@dataclass(frozen=True)
class MolecularDynamicsSettings:
    """Choose protocol and lengths of a run.

    Attributes:
        protocol: How the run reaches its temperature.
        temperature_K: Temperature [K].
        timestep_fs: Time step [fs].
        equilibration_fs: Time in the heat bath [fs]; 0 with published_2025.
        production_fs: Time at constant energy [fs], a multiple of the sampling time.
        friction_per_fs: Friction of the heat bath [1/fs].
        sample_interval: Steps between samples.
        segment_steps: Steps between two visits of the host.
    """

    protocol: Protocol
    temperature_K: float
    timestep_fs: float
    equilibration_fs: float
    production_fs: float
    friction_per_fs: float = 0.01
    sample_interval: int = 1
    segment_steps: int = 500


@dataclass(frozen=True)
class MolecularDynamics:
    """Hold the production runs of a batch. Samples after a failure are NaN.

    Attributes:
        velocities: [Å/fs], shape (B, S, N, 3), float32; sample k is taken
            (k + 1) `sample_spacing_fs` after the start of production.
        potential_eV: Potential energy [eV per cell], shape (B, S), float64.
        kinetic_eV: Kinetic energy [eV per cell], shape (B, S), float64.
        sample_spacing_fs: Time between samples [fs].
        initial_positions: Start of the whole run [Å], shape (B, N, 3).
        final_positions: Last credible positions, unwrapped [Å], shape (B, N, 3).
        temperature_K: Mean kinetic temperature of production [K], shape (B,).
        drift_eV_per_atom_ps: Slope of the total energy [eV/atom/ps], shape (B,).
        status: Status codes: ok, wrong_temperature, diverged, overflow, nan, shape (B,).
    """

    velocities: np.ndarray
    potential_eV: np.ndarray
    kinetic_eV: np.ndarray
    sample_spacing_fs: float
    initial_positions: np.ndarray
    final_positions: np.ndarray
    temperature_K: np.ndarray
    drift_eV_per_atom_ps: np.ndarray
    status: np.ndarray


def run_md(  # noqa: PLR0913 - what runs, and what goes on around it
    energy_fn: EnergyFn,
    positions: np.ndarray | jax.Array,
    masses_amu: np.ndarray,
    keys: jax.Array,
    settings: MolecularDynamicsSettings,
    *,
    bounds: Bounds | None = None,
    batch_mode: BatchMode | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    stop: Callable[[], bool] | None = None,
    observer: Observer | None = None,
) -> MolecularDynamics:
    r"""Run every cell of a batch and sample its velocities at constant energy.

    A thermalised run is refused its label, status wrong_temperature, when

    .. math:: |\langle T \rangle - T| > 3 \sqrt{2 / 3N}\, T

    An energy function that works in float32 may be given positions in float64: forces
    then cost what they cost in float32, and the integration does not round.

    A run that was interrupted or killed goes on from its last save. It ends bit for bit
    where an undisturbed one does, on the same device type and software and if the energy
    function gives the same bits twice. What is saved stays until the caller removes it,
    when the results are safe.

    Args:
        energy_fn: Energy of one cell.
        positions: Relaxed cells [Å], shape (B, N, 3); they are integrated in their dtype.
        masses_amu: Masses [amu], shape (N,), positive.
        keys: One random key per cell, shape (B,), from `configuration_key`.
        settings: Protocol, temperature and lengths.
        bounds: Where a cell counts as diverged; None takes the defaults.
        batch_mode: One program or one cell after the other; None suits the device.
        progress: Called between segments with (steps done, steps in all).
        checkpoint: Where to save between segments and to go on from; its key must cover
            the energy function and the observer, all else is added to it. None saves
            nothing.
        stop: Asked after every segment whether to save and end.
        observer: Looks at the start and at the end of every segment.

    Returns:
        Samples, averages and status of every cell.

    Raises:
        DynamicsError: Shapes do not fit or a setting makes no sense.
        Interrupted: `stop` said so; the run is saved if there is a checkpoint.

    Source:
        docs/formulation.md#molecular-dynamics; paper section 5.3 for published_2025.
    """
    positions = jnp.asarray(positions)
    require_batch(positions)
    _check_rows(positions, masses_amu, keys)
    n_bath, n_samples = _lengths(settings)
    n_total = n_bath + n_samples * settings.sample_interval
    mode = batch_mode or BatchMode.for_device()
    engine = Engine(energy_fn, mode)
    scalar = positions.dtype.type
    physics = Physics(
        jnp.asarray(masses_amu, positions.dtype),
        jnp.asarray(settings.timestep_fs, positions.dtype),
        jnp.asarray(settings.temperature_K, positions.dtype),
        jnp.asarray(settings.friction_per_fs, positions.dtype),
        bounds or Bounds(),
    )
    if checkpoint is not None:
        words = np.asarray(jax.random.key_data(keys))
        checkpoint = checkpoint.narrowed(
            _FORMAT,
            settings,
            physics.bounds,
            mode,
            np.asarray(masses_amu),
            words,
            np.asarray(positions),
            observer is not None,
        )
    record = Record(n_samples, positions, checkpoint, observer)
    thermal = settings.protocol is Protocol.THERMALISED
    first = scalar((2 if thermal else 1) * settings.temperature_K)
    cells, n_done = record.resume(keys) or (
        segments.start(engine, positions, keys, physics, first),
        0,
    )
    if observer is not None and n_done == 0:
        observer.look(np.asarray(positions))

    def look_in(cells: Cells, done: int) -> None:
        jax.block_until_ready(cells.status)
        if progress is not None:
            progress(done, n_total)
        record.between_segments(cells, done, n_total, stop)

    for done, n_steps in _pieces(n_done, n_bath, settings.segment_steps):
        cells = segments.thermalise(engine, cells, physics, done, n_steps)
        look_in(cells, done + n_steps)
    if thermal and n_done <= n_bath:
        cells = segments.stop_drift(cells, masses_amu)
    interval = settings.sample_interval
    per_segment = max(1, settings.segment_steps // interval)
    n_sampled = max(0, n_done - n_bath) // interval
    for done, count in _pieces(n_sampled, n_samples, per_segment):
        cells, samples = segments.produce(engine, count, interval, cells, physics)
        record.put(samples)
        look_in(cells, n_bath + (done + count) * interval)
    return _summary(record, np.asarray(positions), cells, settings)


def _pieces(start: int, total: int, size: int) -> Iterator[tuple[int, int]]:
    for first in range(start, total, size):
        yield first, min(size, total - first)


def _summary(
    samples: Record,
    initial: np.ndarray,
    cells: Cells,
    settings: MolecularDynamicsSettings,
) -> MolecularDynamics:
    n_atoms = initial.shape[1]
    spacing = settings.timestep_fs * settings.sample_interval
    per_kelvin = 0.5 * degrees_of_freedom(n_atoms) * BOLTZMANN_EV_PER_K
    temperature = samples.kinetic_eV.mean(axis=1) / per_kelvin
    status = np.array(cells.status)
    if settings.protocol is Protocol.THERMALISED:
        tolerance = 3 * np.sqrt(2 / (3 * n_atoms)) * settings.temperature_K
        wrong = np.abs(temperature - settings.temperature_K) > tolerance
        status[(status == Status.OK.code) & wrong] = Status.WRONG_TEMPERATURE.code
    return MolecularDynamics(
        velocities=samples.velocities,
        potential_eV=samples.potential_eV,
        kinetic_eV=samples.kinetic_eV,
        sample_spacing_fs=spacing,
        initial_positions=initial,
        final_positions=np.asarray(cells.point.positions),
        temperature_K=temperature,
        drift_eV_per_atom_ps=_slope_per_fs(samples, spacing) * 1000 / n_atoms,
        status=status,
    )


def _slope_per_fs(samples: Record, spacing_fs: float) -> np.ndarray:
    """Return the least-squares slope of the total energy [eV/fs], shape (B,)."""
    total = samples.potential_eV + samples.kinetic_eV
    times = spacing_fs * np.arange(total.shape[1])
    times -= times.mean()
    # Not by a matrix product: its bits depend on the place of a row among the others.
    return (total * times).sum(axis=1) / (times**2).sum()


def _check_rows(positions: jax.Array, masses: np.ndarray, keys: jax.Array) -> None:
    n_cells, n_atoms, _ = positions.shape
    if keys.shape != (n_cells,):
        raise DynamicsError(f"keys have shape {keys.shape}; expected {(n_cells,)}")
    masses = np.asarray(masses)
    if masses.shape != (n_atoms,) or not (masses > 0).all():
        raise DynamicsError(
            f"masses_amu are {masses}; expected {n_atoms} positive numbers"
        )


def _lengths(settings: MolecularDynamicsSettings) -> tuple[int, int]:
    """Return the steps in the heat bath and the number of samples."""
    require_positive(
        {
            "temperature_K": settings.temperature_K,
            "timestep_fs": settings.timestep_fs,
            "production_fs": settings.production_fs,
            "friction_per_fs": settings.friction_per_fs,
            "sample_interval": settings.sample_interval,
            "segment_steps": settings.segment_steps,
        }
    )
    published = settings.protocol is Protocol.PUBLISHED_2025
    if settings.equilibration_fs < 0 or (published and settings.equilibration_fs):
        raise DynamicsError(
            f"equilibration_fs is {settings.equilibration_fs}; expected "
            + ("0 with published_2025" if published else ">= 0")
        )
    spacing = settings.timestep_fs * settings.sample_interval
    n_bath = _whole("equilibration_fs", settings.equilibration_fs, settings.timestep_fs)
    n_samples = _whole("production_fs", settings.production_fs, spacing)
    if n_samples < 2:
        raise DynamicsError(f"production gives {n_samples} sample; expected at least 2")
    return n_bath, n_samples


def _whole(name: str, time_fs: float, unit_fs: float) -> int:
    count = round(time_fs / unit_fs)
    if abs(count * unit_fs - time_fs) > 1e-6 * unit_fs:
        raise DynamicsError(f"{name} is {time_fs}; expected a multiple of {unit_fs} fs")
    return count
