"""Runs between a reference crystal and the real one, all couplings in one program."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics import thermostat, verlet
from confvib.dynamics.evaluation import BatchMode, fault, over_batch, require_positive
from confvib.dynamics.lbfgs import largest_norm
from confvib.dynamics.reference_crystal import HarmonicCoupling, ReferenceCrystal
from confvib.dynamics.state import Bounds, EnergyFn, PhasePoint, Progress, Status
from confvib.dynamics.velocities import maxwell_boltzmann
from confvib.errors import DynamicsError
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class CouplingSettings:
    """Choose temperature and lengths of the runs.

    Attributes:
        temperature_K: Temperature of the heat bath [K].
        timestep_fs: Time step [fs].
        equilibration_fs: Time that is not sampled [fs].
        sampling_fs: Time that is [fs].
        friction_per_fs: Friction of the heat bath [1/fs].
        sample_interval: Steps between samples.
        segment_samples: Samples between two visits of the host.
    """

    temperature_K: float
    timestep_fs: float
    equilibration_fs: float
    sampling_fs: float
    friction_per_fs: float
    sample_interval: int = 5
    segment_samples: int = 100

    def n_samples(self) -> tuple[int, int]:
        """Return the numbers of samples that are thrown away and kept.

        Raises:
            DynamicsError: A value is not positive, or fewer than 8 samples are kept.
        """
        require_positive(
            {
                "temperature_K": self.temperature_K,
                "timestep_fs": self.timestep_fs,
                "equilibration_fs": self.equilibration_fs,
                "sampling_fs": self.sampling_fs,
                "friction_per_fs": self.friction_per_fs,
                "sample_interval": self.sample_interval,
                "segment_samples": self.segment_samples,
            }
        )
        spacing_fs = self.timestep_fs * self.sample_interval
        kept = round(self.sampling_fs / spacing_fs)
        if kept < 8:
            raise DynamicsError(
                f"sampling_fs is {self.sampling_fs:g}, {kept} samples {spacing_fs:g} fs "
                "apart; expected at least 8"
            )
        return round(self.equilibration_fs / spacing_fs), kept


@dataclass(frozen=True)
class CoupledRuns:
    """Hold runs of W = L couplings times K seeds, as (L, K). After a failure NaN.

    Attributes:
        difference_eV: U - U_0 [eV per cell], shape (L, K, S).
        mapped_eV: The same with the harmonic part of its noise removed; equal mean.
        visited_positions: Positions at every visit of the host, the last one at the end,
            centre of mass moved back [Å], shape (L, K, V, N, 3).
        status: Status codes: ok, diverged, overflow, nan, shape (L, K).
    """

    difference_eV: np.ndarray
    mapped_eV: np.ndarray
    visited_positions: np.ndarray
    status: np.ndarray


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Walker:
    point: PhasePoint
    coupling: jax.Array
    field: jax.Array
    noise_key: jax.Array
    status: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Physics:
    crystal: ReferenceCrystal
    masses_amu: jax.Array
    timestep_fs: jax.Array
    temperature_K: jax.Array
    friction_per_fs: jax.Array
    bounds: Bounds


def sample_couplings(
    energy_fn: EnergyFn,
    crystal: ReferenceCrystal,
    couplings: np.ndarray,
    harmonic: HarmonicCoupling,
    keys: jax.Array,
    settings: CouplingSettings,
    *,
    batch_mode: BatchMode | None = None,
    progress: Progress | None = None,
) -> CoupledRuns:
    r"""Sample U - U_0 where both energies are mixed.

    .. math:: U_\lambda = (1 - \lambda) U_0 + \lambda U

    in the heat bath of the thermalised protocol. No energy depends on the centre of mass,
    which the bath moves like one free atom of mass M: averages are those of a crystal
    whose centre is at rest.

    The mapped series subtracts :math:`X \cdot \nabla U_\lambda - k_BT \operatorname{tr}
    X`, whose mean vanishes for every linear field X of the displacements. With the field
    of `harmonic_coupling` it takes all noise from a harmonic crystal and the harmonic
    part of the noise from any other.

    Args:
        energy_fn: Energy U of one cell.
        crystal: The reference U_0; the runs start on its sites.
        couplings: Values of λ in (0, 1), shape (L,).
        harmonic: Fields of the mapped series.
        keys: Random keys, shape (L, K): one run each.
        settings: Temperature and lengths.
        batch_mode: One program or one run after the other; None suits the device.
        progress: Called between segments with (samples done, samples in all).

    Returns:
        Series of every run, and where it was from time to time.

    Raises:
        DynamicsError: Shapes do not fit or a setting makes no sense.

    Source:
        Frenkel and Ladd, J. Chem. Phys. 81, 3188 (1984); docs/formulation.md#integration.
    """
    couplings = np.asarray(couplings, np.float64)
    if keys.ndim != 2 or couplings.shape != keys.shape[:1]:
        raise DynamicsError(
            f"couplings have shape {couplings.shape}, keys {keys.shape}; expected (L,) "
            "and (L, K)"
        )
    if not ((couplings > 0) & (couplings < 1)).all():
        raise DynamicsError(f"couplings are {couplings}; expected values in (0, 1)")
    n_first, n_kept = settings.n_samples()
    mode = batch_mode or BatchMode.for_device()
    crystal = jax.tree.map(jnp.asarray, crystal)
    scalar = crystal.positions.dtype.type
    physics = _Physics(
        crystal,
        jnp.asarray(crystal.masses_amu),
        scalar(settings.timestep_fs),
        scalar(settings.temperature_K),
        scalar(settings.friction_per_fs),
        Bounds(),
    )
    each = keys.shape[1]
    walkers = _start(
        energy_fn,
        mode,
        jnp.repeat(jnp.asarray(couplings, scalar), each),
        jnp.repeat(jnp.asarray(harmonic.fields, scalar), each, axis=0),
        keys.reshape(-1),
        physics,
    )
    parts, visits = [], []
    for done, count in _pieces(n_first, n_kept, settings.segment_samples):
        walkers, samples = _segment(
            energy_fn, mode, count, settings.sample_interval, walkers, physics, done
        )
        parts.append(np.asarray(samples))
        away = jax.vmap(crystal.displacements)(walkers.point.positions)
        visits.append(np.asarray(away + crystal.positions))
        if progress is not None:
            progress(done + count, n_first + n_kept)
    series = np.concatenate(parts, axis=1)[:, n_first:].reshape(*keys.shape, -1, 2)
    kT_eV = BOLTZMANN_EV_PER_K * settings.temperature_K
    zero_mean = series[..., 1] - kT_eV * harmonic.divergence[:, None, None]
    return CoupledRuns(
        difference_eV=series[..., 0],
        mapped_eV=series[..., 0] - zero_mean,
        visited_positions=np.stack(visits, 1).reshape(*keys.shape, len(visits), -1, 3),
        status=np.asarray(walkers.status).reshape(keys.shape),
    )


def _pieces(n_first: int, n_kept: int, size: int) -> list[tuple[int, int]]:
    total = n_first + n_kept
    return [(first, min(size, total - first)) for first in range(0, total, size)]


def _coupled(
    energy_fn: EnergyFn, crystal: ReferenceCrystal, coupling: jax.Array
) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """Return the mixed energy; `coupling` is traced, so one program serves all."""

    def mixed(positions: jax.Array) -> tuple[jax.Array, jax.Array]:
        real, overflow = energy_fn(positions)
        mixture = (1 - coupling) * crystal.energy(positions) + coupling * real
        return mixture, overflow

    return mixed


@partial(jax.jit, static_argnums=(0, 1))
def _start(
    energy_fn: EnergyFn,
    mode: BatchMode,
    couplings: jax.Array,
    fields: jax.Array,
    keys: jax.Array,
    physics: _Physics,
) -> _Walker:
    def one(coupling: jax.Array, field: jax.Array, key: jax.Array) -> _Walker:
        crystal = physics.crystal
        # At 2T: a crystal at rest lends half of its kinetic energy to the potential.
        drawn = maxwell_boltzmann(
            jax.random.fold_in(key, 0),
            physics.masses_amu,
            2 * physics.temperature_K,
            like=jnp.asarray(crystal.positions),
        )
        energy = _coupled(energy_fn, crystal, coupling)
        point = verlet.init(energy, jnp.asarray(crystal.positions), drawn)
        code = fault(point.potential_eV, point.forces_eV_per_A, point.overflow)
        return _Walker(point, coupling, field, jax.random.fold_in(key, 1), code)

    return over_batch(one, mode, couplings, fields, keys)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _segment(
    energy_fn: EnergyFn,
    mode: BatchMode,
    n_samples: int,
    interval: int,
    walkers: _Walker,
    physics: _Physics,
    first_sample: jax.Array | int,
) -> tuple[_Walker, jax.Array]:
    def one(walker: _Walker) -> tuple[_Walker, jax.Array]:
        crystal = physics.crystal
        energy = _coupled(energy_fn, crystal, walker.coupling)

        def advance(step: jax.Array, walker: _Walker) -> _Walker:
            key = jax.random.fold_in(walker.noise_key, step)
            bath = (key, physics.temperature_K, physics.friction_per_fs)
            after = thermostat.step(
                energy, walker.point, physics.masses_amu, physics.timestep_fs, bath
            )
            return _judged(physics, walker, after)

        def sample(walker: _Walker, number: jax.Array) -> tuple[_Walker, jax.Array]:
            first = number * interval
            walker = jax.lax.fori_loop(first, first + interval, advance, walker)
            point = walker.point
            u = crystal.displacements(point.positions).reshape(-1)
            reference = crystal.energy(point.positions)
            difference = (point.potential_eV - reference) / walker.coupling
            virial = -(walker.field @ u) @ point.forces_eV_per_A.reshape(-1)
            ok = walker.status == Status.OK.code
            return walker, jnp.where(ok, jnp.stack([difference, virial]), jnp.nan)

        numbers = first_sample + jnp.arange(n_samples)
        return jax.lax.scan(sample, walker, numbers)

    return over_batch(one, mode, walkers)


def _judged(physics: _Physics, walker: _Walker, after: PhasePoint) -> _Walker:
    """Return the walker after a step, or where it stood if the step is not credible."""
    before = walker.point
    code = fault(after.potential_eV, after.forces_eV_per_A, after.overflow)
    leap = largest_norm(after.positions - before.positions) > physics.bounds.step_A
    away = largest_norm(physics.crystal.displacements(after.positions))
    lost = leap | (away > physics.bounds.displacement_A)
    code = jnp.where((code == Status.OK.code) & lost, Status.DIVERGED.code, code)
    status = jnp.where(
        walker.status == Status.OK.code, code.astype(jnp.int8), walker.status
    )
    point = jax.tree.map(partial(jnp.where, status == Status.OK.code), after, before)
    return replace(walker, point=point, status=status)
