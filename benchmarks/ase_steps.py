"""Steps of ASE with any calculator, timed. Runs here and in mlff's environment."""

import resource
import time

import numpy as np
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet
from ase.optimize import LBFGS

MAX_STEP_A = 1e-3
"""Longest move of an atom in a step of a relaxation [Å]. A network with random parameters
has no crystal to relax: atoms would run together, and neighbours overflow."""


def used():
    """Return wall time [s], processor time [s] and page faults of this process so far."""
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return np.array([time.perf_counter(), time.process_time(), faults])


class AseSteps:
    """Dynamics and relaxation of one cell, always from the same start.

    Args:
        calculator: ASE calculator.
        system: Arrays: numbers (N,), cell (3, 3) [Å], positions (N, 3) [Å] and
            velocities (N, 3) [Å/fs].
    """

    def __init__(self, calculator, system):
        self.system = system
        self.atoms = Atoms(
            system["numbers"], system["positions"], cell=system["cell"], pbc=True
        )
        self.atoms.calc = calculator

    def started(self, task):
        """Put the atoms back and return a function that takes so many steps."""
        self.atoms.positions = self.system["positions"]
        self.atoms.set_velocities(self.system["velocities"] / units.fs)
        if task == "relaxation":
            optimiser = LBFGS(self.atoms, logfile=None, maxstep=MAX_STEP_A)
            return lambda n_steps: optimiser.run(fmax=0.0, steps=n_steps)
        return VelocityVerlet(self.atoms, timestep=units.fs).run

    def time(self, task, untimed, n_steps):
        """Return the cost of a step after some that do not count; see :func:`used`."""
        go_on = self.started(task)
        go_on(untimed)
        before = used()
        go_on(n_steps)
        return (used() - before) / n_steps

    def forces(self):
        """Return the forces at the start [eV/Å]."""
        self.atoms.positions = self.system["positions"]
        return self.atoms.get_forces()

    def end(self, n_steps):
        """Return where so many steps of dynamics end [Å]."""
        self.started("dynamics")(n_steps)
        return self.atoms.positions.copy()
