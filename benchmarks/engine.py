"""What a step of dynamics and of relaxation costs: this engine, ASE with our model, mlff.

Atoms are 192-atom t-LLZO, every atom moved by 0.05 Å; networks are the paper's (F = 132,
4 heads, degrees {1,2,3}, cutoff 5 Å) with random parameters: T = 3 for dynamics (velocity
Verlet, 1 fs, constant energy), T = 2 for relaxation (L-BFGS, short steps). Codes:

    confvib          run_md and relax as the stages call them, batches of cells
    ASE + plain      the plain model as an ASE calculator, one cell
    ASE + mlff       mlff's own calculator (mlff.md.mlffCalculator), one cell
    mlff.mdx         mlff's compiled dynamics (mlff.mdx.SimulatorX), one cell

All take their steps from the same start with the same parameters, in turn within one run.
First it is checked that all have the same forces and that a short run of dynamics ends in
the same place, both against ASE with the plain model in float64.

Excluded from the times of a step: compilation, set-up, the first evaluation. In ASE the
steps after the first few are timed. Here it is the difference of a long and a short run,
each the least or the median of its repeats; on a loaded machine the least may come out
above the median. mlff.mdx has no set-up to speak of: all steps of a run count.

    python benchmarks/engine.py                          # without mlff
    python benchmarks/engine.py --mlff /path/to/python   # and mlff, in its environment

benchmarks/mlff/README.md says how to set that environment up; the calculator also needs
the package glp. Page faults depend on the allocator of the C library: compare a run as it
is with one under MALLOC_ARENA_MAX=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8000000000.
"""

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ase.data import atomic_masses
from ase_steps import MAX_STEP_A, AseSteps, used
from side_by_side import (
    Timed,
    Worker,
    add_mlff_arguments,
    head_of,
    leaf_arrays,
    machine,
    network_arrays,
    random_model,
    rattled,
    save,
    seconds_of,
    take_turns,
)

from confvib.dynamics.lbfgs import Lbfgs
from confvib.dynamics.molecular import MolecularDynamicsSettings, Protocol, run_md
from confvib.dynamics.relax import relax
from confvib.dynamics.state import Status
from confvib.dynamics.velocities import maxwell_boltzmann
from confvib.forcefield.calculator import so3krates_calculator
from confvib.forcefield.potential import force_fn
from confvib.stages.potentials import bind_model

LAYERS = {"dynamics": 3, "relaxation": 2}
TEMPERATURE_K = 100.0
WEAKENING = 0.1
CHECK_STEPS = 50
UNTIMED_STEPS = 3
EVALUATIONS = 3

NOTHING = (0.0, 0.0, 0.0)
"""The short series where a step is timed by itself."""

BASE = "ASE + mlff float32"
"""Whom the others are compared with."""

COLUMNS = (
    "task",
    "T",
    "code",
    "B",
    "wall ms",
    "median",
    "CPU ms",
    "median",
    "faults",
    "evaluation ms",
    "cells steps/s",
    "x wall",
    "x CPU",
)


@dataclass
class Stepper(Timed):
    """A code that takes steps.

    A run returns what a short and a long series cost, each as wall time [s], processor
    time [s] and page faults, and the wall time [s] of energy and forces alone. Series of
    a moment without load and of one with it must not be subtracted from each other, so
    statistics come before differences.
    """

    n_cells: int = 1
    n_steps: int = 1
    """By how many steps the two series differ."""

    def least(self):
        """Return the least cost of a step of one cell, and of an evaluation."""
        return self._of_a_step(super().least())

    def median(self):
        """Return the median cost of a step of one cell, and of an evaluation."""
        return self._of_a_step(super().median())

    def _of_a_step(self, costs):
        steps = (costs[3:6] - costs[:3]) / (self.n_steps * self.n_cells)
        return np.append(steps, costs[6])


class Problem:
    """One network, the cells, and where they start."""

    def __init__(self, task, n_cells, arguments):
        self.task, self.steps = task, arguments.steps
        self.precisions = arguments.precisions
        self.model = random_model(LAYERS[task])
        # Weak forces: with random ones of full size atoms run into each other.
        head = self.model.parameters["energy_out"]
        self.model.parameters["energy_out"] = {
            name: np.float32(WEAKENING) * leaf for name, leaf in head.items()
        }
        self.numbers, self.cell, self.frames = rattled(n_cells)
        self.masses_amu = atomic_masses[self.numbers]
        self.keys = jax.random.split(jax.random.key(0), n_cells)
        # run_md draws from its key in this way; the other codes get the same velocities.
        velocities = maxwell_boltzmann(
            jax.random.fold_in(self.keys[0], 0),
            jnp.asarray(self.masses_amu, jnp.float32),
            jnp.float32(TEMPERATURE_K),
            like=jnp.asarray(self.frames[0], jnp.float32),
        )
        self.system = {
            "numbers": self.numbers,
            "cell": self.cell,
            "positions": self.frames[0].astype(np.float32).astype(np.float64),
            "velocities": np.asarray(velocities, np.float64),
        }

    def write(self, file):
        """Write what mlff needs."""
        network = network_arrays(self.model.settings)
        np.savez(file, **self.system, **network, **leaf_arrays(self.model))


class Ours:
    """The engine with the force field that the stages bind."""

    def __init__(self, problem, precision):
        self.problem, self.precision = problem, precision
        self.energy_fn = bind_model(
            problem.model, {}, problem.numbers, problem.cell, problem.frames, precision
        )
        self.evaluate = jax.jit(force_fn(self.energy_fn))

    def starts(self, n_cells):
        """Return the start of the first cells in the precision of the run."""
        return self.problem.frames[:n_cells].astype(np.float32).astype(self.precision)

    def dynamics(self, n_cells, n_steps):
        """Run the first cells and return where they end [Å]."""
        settings = MolecularDynamicsSettings(
            protocol=Protocol.PUBLISHED_2025,
            temperature_K=TEMPERATURE_K,
            timestep_fs=1.0,
            equilibration_fs=0.0,
            production_fs=float(n_steps),
        )
        starts, keys = self.starts(n_cells), self.problem.keys[:n_cells]
        found = run_md(self.energy_fn, starts, self.problem.masses_amu, keys, settings)
        assert (found.status == Status.OK.code).all()  # one that fails stands still
        return found.final_positions

    def relaxation(self, n_cells, n_steps):
        """Take steps that no threshold ends."""
        found = relax(
            self.energy_fn,
            self.starts(n_cells),
            fmax_eV_per_A=1e-12,
            max_steps=n_steps,
            optimiser=Lbfgs(max_step_A=MAX_STEP_A),
        )
        assert (found.n_steps == n_steps).all()

    def stepper(self, n_cells):
        """Return the code for a batch of the first cells."""
        take = getattr(self, self.problem.task)
        start = jnp.asarray(self.starts(1)[0])

        def cost(n_steps):
            before = used()
            take(n_cells, n_steps)
            return used() - before

        def run():
            evaluation, _ = seconds_of(lambda: self.evaluate(start), EVALUATIONS)
            return (*cost(short), *cost(long), evaluation)

        short, long = self.problem.steps
        run()  # compiles
        name = f"confvib {self.precision}"
        return Stepper(name, run, n_cells=n_cells, n_steps=long - short)


def plain_in_ase(problem, precision):
    """Return steps of ASE with the plain model, and the code that they are."""
    calculator = so3krates_calculator(problem.model, jnp.dtype(precision))
    steps = AseSteps(calculator, problem.system)
    positions = problem.system["positions"]

    def evaluation():
        calculator.calculate(steps.atoms, ["energy"], ["positions"])
        return calculator.results["forces"]

    def run():
        timed = steps.time(problem.task, UNTIMED_STEPS, problem.steps[0])
        steps.atoms.positions = positions
        return (*NOTHING, *timed, seconds_of(evaluation, EVALUATIONS)[0])

    return steps, Stepper(f"ASE + plain {precision}", run)


class Mlff:
    """mlff's calculator in one precision."""

    def __init__(self, arguments, problem, precision, folder):
        files = Path(folder) / "system.npz", Path(folder) / f"{precision}.npz"
        problem.write(files[0])
        self.problem, self.precision = problem, precision
        words = (*files, str(CHECK_STEPS), precision)
        self.worker = Worker(arguments, "engine.py", *words)
        self.found = np.load(files[1])

    def stepper(self, name, task):
        """Return the code for one of the worker's tasks."""
        question = f"{task} {UNTIMED_STEPS} {self.problem.steps[0]}"

        def run():
            *timed, neighbors, network = self.worker.ask(question)
            return (*NOTHING, *timed, neighbors + network)

        return Stepper(f"{name} {self.precision}", run)


def agreement(name, forces, end, exact):
    """Say how far forces and the end of a run are from those in float64."""
    (exact_forces, exact_end), largest = exact, np.abs(exact[0]).max()
    error = np.abs(np.asarray(forces, np.float64) - exact_forces).max()
    distance = np.abs(np.asarray(end, np.float64) - exact_end).max()
    return (
        f"{name}: forces within {error:.1e} eV/Å of {largest:.2f}, positions after "
        f"{CHECK_STEPS} fs within {distance:.1e} Å"
    )


def check(problem, ours, in_ase, mlff):
    """Compare all codes with ASE and the plain model in float64."""
    reference, _ = plain_in_ase(problem, "float64")
    exact = reference.forces(), reference.end(CHECK_STEPS)
    moved = np.abs(exact[1] - problem.system["positions"]).max()
    yield f"in float64 atoms move by up to {moved:.2f} Å in {CHECK_STEPS} fs"
    found = in_ase.forces(), in_ase.end(CHECK_STEPS)
    yield agreement("ASE + plain float32", *found, exact)
    found = ours.evaluate(ours.starts(1)[0])[1], ours.dynamics(1, CHECK_STEPS)[0]
    yield agreement(f"confvib {ours.precision}", *found, exact)
    for code in mlff:
        name = f"ASE + mlff {code.precision}"
        yield agreement(name, code.found["forces"], code.found["end"], exact)


def codes_of(problem, sizes, mlff):
    """Prepare all codes of a task; return them and how they agree."""
    ours = [Ours(problem, precision) for precision in problem.precisions]
    in_ase, plain = plain_in_ase(problem, "float32")
    layers = LAYERS[problem.task]
    checks = [f"T = {layers}, {line}" for line in check(problem, ours[0], in_ase, mlff)]
    print("\n".join(checks), flush=True)
    codes = [code.stepper("ASE + mlff", problem.task) for code in mlff]
    if mlff and problem.task == "dynamics":
        codes.append(mlff[0].stepper("mlff.mdx", "compiled"))
    codes += [plain, *(ours[0].stepper(size) for size in sizes)]
    return [*codes, *(code.stepper(1) for code in ours[1:])], checks


def lines_of(codes, task):
    """Describe all codes; ratios are of medians."""
    base = next((code.median() for code in codes if code.name == BASE), None)
    for code in codes:
        least, median = code.least(), code.median()
        ratios = ["", ""]
        if base is not None:
            ratios = [f"{base[k] / median[k]:.2f}" for k in (0, 1)]
        cells = [
            task,
            f"{LAYERS[task]}",
            code.name,
            f"{code.n_cells}",
            *(f"{1e3 * value[k]:.1f}" for k in (0, 1) for value in (least, median)),
            f"{max(median[2], 0):.0f}",
            f"{1e3 * median[3]:.1f}",
            f"{1 / median[0]:.1f}",
            *ratios,
        ]
        yield f"| {' | '.join(cells)} |"


def measure(task, arguments, sizes):
    """Return the lines of a task, how the codes agree, and the raw numbers."""
    problem = Problem(task, max(sizes), arguments)
    with tempfile.TemporaryDirectory() as folder:
        mlff = []
        if arguments.mlff:
            mlff = [
                Mlff(arguments, problem, precision, folder)
                for precision in problem.precisions
            ]
        codes, checks = codes_of(problem, sizes, mlff)
        take_turns(codes, arguments.repeats)
        for code in mlff:
            code.worker.close()
    raw = [
        {
            "task": task,
            "code": code.name,
            "cells": code.n_cells,
            "steps": code.n_steps,
            "costs": code.seconds,
        }
        for code in codes
    ]
    return list(lines_of(codes, task)), checks, raw


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_mlff_arguments(parser)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--precisions",
        nargs="+",
        default=["float32", "float64"],
        help="the first one is checked and run in batches",
    )
    parser.add_argument("--tasks", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--systems", type=int, nargs="+", help="batch sizes")
    parser.add_argument("--steps", type=int, nargs=2, help="of the short and long runs")
    parser.add_argument("--save", help="name of the result, for example engine_H100")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    on_gpu = jax.default_backend() == "gpu"
    sizes = arguments.systems or ([1, 8, 32, 128] if on_gpu else [1, 4])
    arguments.steps = arguments.steps or ([100, 600] if on_gpu else [10, 50])
    about = (
        f"{machine()}. Times are per step of one cell: least and median; faults are "
        "minor page faults per step; evaluation is energy and forces alone, with their "
        f"neighbours; x is the ratio of medians to {BASE}. "
        f"Load at the start {os.getloadavg()[0]:.1f}"
    )
    lines, notes, measured = head_of(COLUMNS), [], []
    print("\n".join([about, *lines]), flush=True)
    for task in arguments.tasks:
        found, checks, raw = measure(task, arguments, sizes)
        print("\n".join(found), flush=True)
        lines += found
        notes += [f"- {line}" for line in checks]
        measured += raw
    about = f"{about}, at the end {os.getloadavg()[0]:.1f}."
    if arguments.save:
        save(arguments.save, about, [*lines, "", *notes], measured)


if __name__ == "__main__":
    main()
