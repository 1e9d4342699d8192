"""Label with any ASE calculator: relaxation by LBFGS, molecular dynamics by its MD."""

import math
import os
from collections.abc import Callable, Iterator

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.md.andersen import Andersen
from ase.md.verlet import VelocityVerlet
from ase.optimize import LBFGS

from confvib.errors import LabelError
from confvib.reference.engine import (
    DynamicsTask,
    Frame,
    HeatingTask,
    RelaxationTask,
    Trajectory,
)
from confvib.units import BOLTZMANN_EV_PER_K


class AseEngine:
    """Carry out label tasks with one ASE calculator, made once and kept.

    It implements ``confvib.reference.engine.LabelEngine``. A calculator that raises is
    dropped, so that the next task starts from a fresh one.

    Args:
        calculator_factory: Makes a calculator of energies and forces.
        level_of_theory: Short stable hash of everything that defines its energies.
    """

    def __init__(
        self, calculator_factory: Callable[[], BaseCalculator], level_of_theory: str
    ) -> None:
        self._calculator_factory = calculator_factory
        self._level_of_theory = level_of_theory
        self._calculator: BaseCalculator | None = calculator_factory()

    @property
    def level_of_theory(self) -> str:
        """Return the hash that was given for this calculator."""
        return self._level_of_theory

    def relaxation_frames(
        self,
        atoms: Atoms,
        task: RelaxationTask,
        run: str = "",  # noqa: ARG002 - a calculation begins anew in every attempt
    ) -> Trajectory:
        """Relax the ions at fixed cell by LBFGS.

        Args:
            atoms: Starting geometry; not modified.
            task: Force criterion and step limit.
            run: Not used.

        Returns:
            Every ionic frame, the start first and the minimum last; not completed when
            the step limit came first, the calculator failed, or an energy or force was
            not finite.
        """
        trajectory = self._collect(atoms, lambda working: _relaxation(working, task))
        if not trajectory.completed:
            return trajectory
        forces = trajectory.frames[-1].forces_eV_per_A
        fmax = float(np.linalg.norm(forces, axis=1).max())
        if fmax > task.fmax_eV_per_A:
            reason = (
                f"not relaxed: largest force {fmax:.4g} eV/Å after {task.max_steps} "
                f"steps, expected <= {task.fmax_eV_per_A:g} eV/Å"
            )
            return Trajectory(trajectory.frames, completed=False, reason=reason)
        return trajectory

    def single_point(
        self,
        atoms: Atoms,
        run: str = "",  # noqa: ARG002 - as above
    ) -> Trajectory:
        """Compute one energy and its forces.

        Args:
            atoms: Geometry; not modified.
            run: Not used.

        Returns:
            One frame; not completed when the calculator failed, or a number was not
            finite.
        """
        return self._collect(atoms, lambda _: iter((math.nan,)))

    def heating_frames(
        self,
        atoms: Atoms,
        task: HeatingTask,
        run: str = "",  # noqa: ARG002 - as above
    ) -> Trajectory:
        r"""Run molecular dynamics whose temperature follows a linear ramp exactly.

        .. math:: v \leftarrow v \sqrt{T_s / T_{kin}}, \quad
                  T_{kin} = 2 E_{kin} / [(3N - 3) k_B]

        after every velocity-Verlet step s; Maxwell-Boltzmann start without total
        momentum.

        Args:
            atoms: Starting geometry, at least two atoms; not modified.
            task: Ramp, length, time step and seed.
            run: Not used.

        Returns:
            ``n_steps + 1`` frames with their temperatures, the start first; not
            completed when the calculator failed or an energy or force was not finite.

        Source: Woodcock, Chem. Phys. Lett. 10, 257 (1971), velocity scaling.
        """
        return self._collect(atoms, lambda working: _heating(working, task))

    def dynamics_frames(
        self,
        atoms: Atoms,
        task: DynamicsTask,
        run: str = "",  # noqa: ARG002 - as above
    ) -> Trajectory:
        """Run velocity-Verlet dynamics, with Andersen's collisions where asked for.

        Args:
            atoms: Starting geometry, at least two atoms; not modified.
            task: Temperatures, length, time step, seed and collisions.
            run: Not used.

        Returns:
            ``n_steps + 1`` frames with their temperatures, the start first; not
            completed when the calculator failed or an energy or force was not finite.

        Source: Andersen, J. Chem. Phys. 72, 2384 (1980).
        """
        return self._collect(atoms, lambda working: _dynamics(working, task))

    def _collect(
        self, atoms: Atoms, run: Callable[[Atoms], Iterator[float]]
    ) -> Trajectory:
        frames: list[Frame] = []
        try:
            if self._calculator is None:
                self._calculator = self._calculator_factory()
            working = atoms.copy()
            working.calc = self._calculator
            for temperature_K in run(working):
                # one by one: the frames before a failure are kept
                frames.append(_frame(working, temperature_K))  # noqa: PERF401
        except Exception as failure:  # noqa: BLE001 - any calculator may raise anything
            self._calculator = None
            reason = f"{type(failure).__name__} after {len(frames)} frames: {failure}"
            return Trajectory(tuple(frames), completed=False, reason=reason)
        return Trajectory(tuple(frames), completed=True)


def _relaxation(atoms: Atoms, task: RelaxationTask) -> Iterator[float]:
    # The generator of ASE yields at the start and after every step: no observer needed.
    with LBFGS(atoms, logfile=os.devnull) as optimizer:
        for _ in optimizer.irun(fmax=task.fmax_eV_per_A, steps=task.max_steps):
            yield math.nan


def _heating(atoms: Atoms, task: HeatingTask) -> Iterator[float]:
    ramp_K = np.linspace(task.start_K, task.end_K, task.n_steps + 1)
    yield _thermal_start_K(atoms, ramp_K[0], np.random.default_rng(task.seed))
    dynamics = VelocityVerlet(atoms, timestep=task.timestep_fs * units.fs, logfile=None)
    for target_K in ramp_K[1:]:
        dynamics.step()
        yield _rescaled_K(atoms, target_K)


def _dynamics(atoms: Atoms, task: DynamicsTask) -> Iterator[float]:
    rng = np.random.default_rng(task.seed)
    yield _thermal_start_K(atoms, task.start_K, rng)
    timestep = task.timestep_fs * units.fs
    if task.collision_probability:
        dynamics = Andersen(
            atoms,
            timestep=timestep,
            temperature_K=task.temperature_K,
            andersen_prob=task.collision_probability,
            rng=rng,  # pyright: ignore[reportArgumentType] - any generator does
            logfile=None,
        )
    else:
        dynamics = VelocityVerlet(atoms, timestep=timestep, logfile=None)
    for _ in range(task.n_steps):
        dynamics.step()
        yield _temperature_K(atoms)


def _thermal_start_K(
    atoms: Atoms, temperature_K: float, rng: np.random.Generator
) -> float:
    """Give Maxwell-Boltzmann velocities of no momentum; return the temperature."""
    if len(atoms) < 2:
        raise LabelError(f"{len(atoms)} atom has no temperature, expected at least 2")
    # Maxwell-Boltzmann up to a common factor, which the rescaling sets.
    normal = rng.standard_normal((len(atoms), 3))
    masses_amu = atoms.get_masses()[:, None]
    velocities = normal / np.sqrt(masses_amu)
    drift = np.sum(masses_amu * velocities, axis=0) / np.sum(masses_amu)
    atoms.set_velocities(velocities - drift)
    return _rescaled_K(atoms, temperature_K)


def _rescaled_K(atoms: Atoms, target_K: float) -> float:
    """Scale the velocities to a temperature and return what was reached."""
    momenta = atoms.get_momenta()
    atoms.set_momenta(momenta * math.sqrt(target_K / _temperature_K(atoms)))
    return _temperature_K(atoms)


def _temperature_K(atoms: Atoms) -> float:
    freedom = 3 * len(atoms) - 3  # the total momentum is zero
    return float(2 * atoms.get_kinetic_energy() / (freedom * BOLTZMANN_EV_PER_K))


def _energy_eV(atoms: Atoms) -> float:
    """Return the energy whose derivative the forces are.

    With smeared occupations that is the free energy of the electrons, as it is taken from
    VASP; ASE's potential energy is extrapolated to zero smearing.
    """
    energy_eV = atoms.get_potential_energy()
    assert atoms.calc is not None
    return float(atoms.calc.results.get("free_energy", energy_eV))


def _frame(atoms: Atoms, temperature_K: float) -> Frame:
    forces = np.array(atoms.get_forces(), dtype=np.float64)
    energy_eV = _energy_eV(atoms)
    if not (math.isfinite(energy_eV) and np.isfinite(forces).all()):
        raise LabelError(
            f"energy {energy_eV} eV with {int((~np.isfinite(forces)).sum())} non-finite "
            "force components, expected finite numbers"
        )
    return Frame(
        numbers=atoms.numbers.copy(),
        cell=atoms.cell.array.copy(),
        positions=atoms.positions.copy(),
        energy_eV=energy_eV,
        forces_eV_per_A=forces,
        temperature_K=temperature_K,
    )
