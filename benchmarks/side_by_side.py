"""What the benchmarks beside mlff share: atoms, parameters, its process, taking turns.

Codes are timed in turn within one run, because the load of a shared machine changes from
minute to minute; then ratios hold where times do not.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np
from ase.io import read
from ase.neighborlist import neighbor_list

from confvib.forcefield.mlff_leaves import mlff_paths
from confvib.forcefield.model import TrainedModel, flat_parameters, initial_parameters
from confvib.forcefield.network import So3kratesSettings

BENCHMARKS = Path(__file__).resolve().parent
STRUCTURE = BENCHMARKS.parent / "resources/structures/t-LLZO.cif"
RESULTS = BENCHMARKS / "results"
CUTOFF_A = 5.0

TUNING = (
    "XLA_FLAGS",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_MAX_",
    "MALLOC_TRIM_THRESHOLD_",
)
"""Variables that change timings; all codes run with the same."""


@dataclass
class Timed:
    """A code that can be run again and again; a run returns seconds, wall time first."""

    name: str
    run: Callable
    seconds: list = field(default_factory=list)

    def least(self):
        """Return the smallest of every column of all runs so far."""
        return np.min(self.seconds, axis=0)

    def median(self):
        """Return the median of every column of all runs so far."""
        return np.median(self.seconds, axis=0)


def take_turns(codes, repeats):
    """Run all codes, one after the other, so many times."""
    for _ in range(repeats):
        for code in codes:
            code.seconds.append(code.run())


def seconds_of(call, n_calls=1):
    """Return wall and processor time of a call, the mean of so many."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(n_calls):
        jax.block_until_ready(call())
    return (
        (time.perf_counter() - wall) / n_calls,
        (time.process_time() - cpu) / n_calls,
    )


def rattled(n_frames):
    """Return numbers, cell and frames of 192-atom LLZO, every atom moved by 0.05 Å."""
    atoms = read(STRUCTURE)
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.05, size=(n_frames, len(atoms), 3))
    return atoms.numbers, atoms.cell.array, atoms.positions + noise


def random_model(layers):
    """Parameters as they are drawn for training, biases too, for forces near 1 eV/Å."""
    settings = So3kratesSettings(layers=layers, cutoff_A=CUTOFF_A)
    rng = np.random.default_rng(0)

    def moved(leaf):
        noise = 0.1 * rng.normal(size=leaf.shape) if leaf.ndim == 1 else 0.0
        return (np.asarray(leaf) + noise).astype(np.float32)

    parameters = jax.tree.map(moved, initial_parameters(settings, jax.random.key(0)))
    parameters["embedding"]["embedding"] *= np.float32(0.6)
    return TrainedModel(settings, parameters, np.zeros(100), (3, 8, 40, 57), "b", "b")


def network_arrays(settings):
    """Describe a network the way the scripts in mlff's environment read it."""
    return {
        "network_F": settings.features,
        "network_T": settings.layers,
        "network_h": settings.heads,
        "network_r_cut": settings.cutoff_A,
        "network_degrees": settings.degrees,
    }


def leaf_arrays(model):
    """Return the parameters under mlff's names."""
    flat = flat_parameters(model.parameters)
    paths = mlff_paths(model.settings)
    return {f"leaf/{names[0]}": flat[own] for own, names in paths.items()}


def batch_arrays(numbers, cell, frames):
    """Return frames and their padded edges under mlff's names."""
    edges = []
    for positions in frames:
        atoms = read(STRUCTURE)
        atoms.positions = positions
        edges.append(neighbor_list("ijS", atoms, CUTOFF_A))
    most = max(len(each[0]) for each in edges)

    def padded(number, value, dtype):
        arrays = [each[number] for each in edges]
        widths = [
            [(0, most - len(array))] + [(0, 0)] * (array.ndim - 1) for array in arrays
        ]
        rows = zip(arrays, widths, strict=True)
        filled = [np.pad(row, width, constant_values=value) for row, width in rows]
        return np.stack(filled).astype(dtype)

    n_frames = len(frames)
    return {
        "R": frames.astype(np.float32),
        "z": np.tile(numbers.astype(np.int32), (n_frames, 1)),
        "unit_cell": np.tile(cell.astype(np.float32), (n_frames, 1, 1)),
        "idx_i": padded(0, -1, np.int32),
        "idx_j": padded(1, -1, np.int32),
        "cell_offset": padded(2, 0, np.float32),
        "node_mask": np.ones((n_frames, len(numbers)), bool),
    }


class Worker:
    """A script of the folder mlff, running in mlff's environment on the processor.

    Args:
        arguments: Parsed arguments of :func:`add_mlff_arguments`.
        script: Name of the script; it prints a line when it is ready.
        *words: Arguments of the script.
    """

    def __init__(self, arguments, script, *words):
        path = os.pathsep.join([arguments.mlff_path, str(BENCHMARKS)])
        self._process = subprocess.Popen(  # noqa: S603 - a script beside this one
            [arguments.mlff, "-W", "ignore", BENCHMARKS / "mlff" / script, *words],
            env=os.environ | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if not self._process.stdout.readline():
            raise SystemExit(f"{script} failed in mlff's environment")

    def ask(self, question=""):
        """Write a line and return the numbers of the answer."""
        self._process.stdin.write(f"{question}\n")
        self._process.stdin.flush()
        return tuple(map(float, self._process.stdout.readline().split()))

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.wait()


def add_mlff_arguments(parser):
    """Add the arguments that say where mlff is."""
    parser.add_argument("--mlff", help="Python of an environment with mlff")
    parser.add_argument("--mlff-path", default="", help="its PYTHONPATH")


def machine():
    """Describe what runs, and the variables that change timings."""
    device = jax.local_devices()[0].device_kind
    tuning = [f"{name}={os.environ[name]}" for name in TUNING if name in os.environ]
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, JAX {jax.__version__} on "
        f"{device}; {' '.join(tuning) or 'no tuning'}"
    )


def head_of(columns):
    """Return the two lines that begin a table."""
    return [f"| {' | '.join(columns)} |", f"|{'--:|' * len(columns)}"]


def save(name, about, lines, measured):
    """Write a table and the raw numbers behind it to the folder of results."""
    RESULTS.mkdir(exist_ok=True)
    table = "\n".join([about, "", *lines])
    (RESULTS / f"{name}.md").write_text(f"{table}\n")
    content = json.dumps({"about": about, "measured": measured}, indent=1)
    (RESULTS / f"{name}.json").write_text(f"{content}\n")
