"""What energy and forces of one crystal cost: mlff, the plain model, the compiled one.

Atoms are 192-atom t-LLZO, every atom moved by 0.05 Å, about 8,600 directed edges; the
network is the paper's (F = 132, 4 heads, degrees {1,2,3}, cutoff 5 Å, T = 2 and 3) with
random parameters, in float32. All codes evaluate the same parameters and positions, in
turn within one run, because the load of a shared machine changes from minute to minute.
CPU time is summed over cores; errors are against the plain model in float64.

    python benchmarks/inference.py                          # this code alone
    python benchmarks/inference.py --mlff /path/to/python   # and mlff, in its environment

benchmarks/mlff/README.md says how to set that environment up. ``--mlff-path`` is put into
its PYTHONPATH, where mlff is used from its sources. On a GPU the same script takes larger
batches and adds the share of the card's bandwidth that the program's traffic amounts to.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ase.io import read
from ase.neighborlist import neighbor_list

from confvib.dynamics.evaluation import BatchMode, over_batch
from confvib.forcefield.compiled.compiler import compile_model
from confvib.forcefield.mlff_leaves import mlff_paths
from confvib.forcefield.model import TrainedModel, flat_parameters, initial_parameters
from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.network import So3kratesSettings
from confvib.forcefield.potential import force_fn, so3krates_energy_fn

ROOT = Path(__file__).resolve().parents[1]
STRUCTURE = ROOT / "resources/structures/t-LLZO.cif"
WORKER = ROOT / "benchmarks/mlff/inference.py"
RESULTS = ROOT / "benchmarks/results"
CUTOFF_A = 5.0
CAPACITY_MARGIN = 6

CALLS = 3
"""Timed calls of a turn, after one that is not: caches are then as in a trajectory."""

BANDWIDTH_TB_PER_S = {"V100": 0.90, "A100": 2.04, "H100": 3.35, "H200": 4.8}
"""Peak memory bandwidth by what the name of a card holds."""

COLUMNS = (
    "T",
    "B",
    "code",
    "wall ms",
    "median",
    "CPU ms",
    "median",
    "x wall",
    "x CPU",
    "error eV/Å",
    "scratch MB",
)
MORE_COLUMNS = ("cells steps/s", "share of bandwidth")

TUNING = (
    "XLA_FLAGS",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_MAX_",
    "MALLOC_TRIM_THRESHOLD_",
)
"""Variables that change timings; all codes run with the same."""


@dataclass
class Timed:
    """A code that can be run again and again; a run returns wall and CPU seconds."""

    name: str
    run: Callable
    error_eV_per_A: float = float("nan")
    scratch_MB: float = float("nan")
    bytes_moved: float = float("nan")
    seconds: list = field(default_factory=list)


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


def rattled(n_systems):
    atoms = read(STRUCTURE)
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.05, size=(n_systems, len(atoms), 3))
    return atoms.numbers, atoms.cell.array, atoms.positions + noise


def exact_forces(model, numbers, cell, frames, capacity):
    energy_fn = so3krates_energy_fn(
        model, numbers, cell, capacity=capacity, dtype=jnp.float64
    )
    evaluate = jax.jit(force_fn(energy_fn))
    results = [evaluate(frame) for frame in frames]
    assert not any(overflow for _, _, overflow in results)
    return np.array([forces for _, forces, _ in results])


def ours(name, energy_fn, frames, exact):
    evaluate = force_fn(energy_fn)
    positions = jnp.asarray(frames, jnp.float32)
    mode = BatchMode.for_device()
    if len(frames) == 1:
        program, argument = jax.jit(evaluate), positions[0]
    else:
        program = jax.jit(lambda rows: over_batch(evaluate, mode, rows))
        argument = positions
    compiled = program.lower(argument).compile()
    _, forces, flags = compiled(argument)
    assert not np.any(flags)

    def run():
        jax.block_until_ready(compiled(argument))
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(CALLS):
            jax.block_until_ready(compiled(argument))
        return (
            (time.perf_counter() - wall) / CALLS,
            (time.process_time() - cpu) / CALLS,
        )

    return Timed(
        name,
        run,
        np.abs(np.asarray(forces, np.float64) - exact).max(),
        compiled.memory_analysis().temp_size_in_bytes / 1e6,
        (compiled.cost_analysis() or {}).get("bytes accessed", float("nan")),
    )


class Mlff:
    """mlff in its own environment, for all batch sizes of one network."""

    def __init__(self, arguments, model, numbers, cell, frames, folder):
        systems, forces = Path(folder) / "systems.npz", Path(folder) / "forces.npy"
        write_systems(model, numbers, cell, frames, systems)
        self.worker = subprocess.Popen(  # noqa: S603 - the script beside this one
            [arguments.mlff, "-W", "ignore", WORKER, systems, forces],
            env=os.environ | {"PYTHONPATH": arguments.mlff_path, "JAX_PLATFORMS": "cpu"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.worker.stdout.readline() == "ready\n"
        self.forces = np.load(forces)

    def timed(self, size, exact):
        """Return the code for the first systems."""

        def run():
            self.worker.stdin.write(f"{size} {CALLS}\n")
            self.worker.stdin.flush()
            return tuple(map(float, self.worker.stdout.readline().split()))

        return Timed("mlff", run, np.abs(self.forces[:size] - exact).max())

    def close(self):
        """End the process."""
        self.worker.stdin.close()
        self.worker.wait()


def write_systems(model, numbers, cell, frames, file):
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

    settings, n_systems = model.settings, len(frames)
    flat = flat_parameters(model.parameters)
    leaves = {
        f"leaf/{paths[0]}": flat[own] for own, paths in mlff_paths(settings).items()
    }
    np.savez(
        file,
        R=frames.astype(np.float32),
        z=np.tile(numbers.astype(np.int32), (n_systems, 1)),
        unit_cell=np.tile(cell.astype(np.float32), (n_systems, 1, 1)),
        idx_i=padded(0, -1, np.int32),
        idx_j=padded(1, -1, np.int32),
        cell_offset=padded(2, 0, np.float32),
        node_mask=np.ones((n_systems, len(numbers)), bool),
        network_F=settings.features,
        network_T=settings.layers,
        network_h=settings.heads,
        network_r_cut=settings.cutoff_A,
        network_degrees=settings.degrees,
        **leaves,
    )


def lines_of(codes, layers, size, peak_TB_per_s):
    """Describe all codes of one batch; ratios are of the same statistic of mlff."""
    base = next((code for code in codes if code.name == "mlff"), None)
    for code in codes:
        wall, cpu = np.array(code.seconds).T
        ratios = ["", ""]
        if base is not None:
            ratios = [
                f"{np.median(theirs) / np.median(ours):.2f}"
                for theirs, ours in zip(
                    np.array(base.seconds).T, (wall, cpu), strict=True
                )
            ]
        cells = [
            f"{layers}",
            f"{size}",
            code.name,
            *(
                f"{1e3 * value / size:.2f}"
                for value in (wall.min(), np.median(wall), cpu.min(), np.median(cpu))
            ),
            *ratios,
            f"{code.error_eV_per_A:.1e}",
            "" if np.isnan(code.scratch_MB) else f"{code.scratch_MB / size:.0f}",
        ]
        if peak_TB_per_s:
            moved_TB_per_s = code.bytes_moved / np.median(wall) / 1e12
            cells += [
                f"{size / np.median(wall):.0f}",
                f"{100 * moved_TB_per_s / peak_TB_per_s:.0f} %",
            ]
        yield f"| {' | '.join(cells)} |"


def codes_of(model, numbers, cell, frames, mlff):
    """Prepare all codes for every batch size up to the number of frames."""
    capacity = neighbor_capacity(
        frames, cell=cell, cutoff_A=CUTOFF_A, margin=CAPACITY_MARGIN
    )
    exact = exact_forces(model, numbers, cell, frames, capacity)
    plain = so3krates_energy_fn(
        model, numbers, cell, capacity=capacity, dtype=jnp.float32
    )
    start = time.perf_counter()
    compiled = compile_model(
        model, numbers, cell, dtype=jnp.float32, capacity=capacity, frames=frames
    )
    seconds = time.perf_counter() - start
    print(f"built in {seconds:.1f} s; {compiled.summary}", flush=True)

    def prepare(size):
        part, expected = frames[:size], exact[:size]
        codes = [mlff.timed(size, expected)] if mlff else []
        return [
            *codes,
            ours("plain", plain, part, expected),
            ours("compiled", compiled.energy_fn, part, expected),
        ]

    return prepare


def measure(layers, arguments, sizes, peak_TB_per_s):
    """Yield a line of the table and its raw seconds for each code and batch."""
    model = random_model(layers)
    numbers, cell, frames = rattled(max(sizes))
    with tempfile.TemporaryDirectory() as folder:
        mlff = None
        if arguments.mlff:
            mlff = Mlff(arguments, model, numbers, cell, frames, folder)
        prepare = codes_of(model, numbers, cell, frames, mlff)
        for size in sizes:
            codes = prepare(size)
            for _ in range(max(5, arguments.repeats // size)):
                for code in codes:
                    code.seconds.append(code.run())
            lines = lines_of(codes, layers, size, peak_TB_per_s)
            for code, line in zip(codes, lines, strict=True):
                raw = {"layers": layers, "systems": size, "code": code.name}
                yield line, raw | {"wall_and_cpu_s": code.seconds}
        if mlff:
            mlff.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mlff", help="Python of an environment with mlff")
    parser.add_argument("--mlff-path", default="", help="its PYTHONPATH")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--systems", type=int, nargs="+", help="batch sizes")
    parser.add_argument("--save", help="name of the result, for example inference_H100")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    device = jax.local_devices()[0]
    on_gpu = device.platform == "gpu"
    sizes = arguments.systems or ([1, 8, 32, 128] if on_gpu else [1, 4])
    names = [name for name in BANDWIDTH_TB_PER_S if name in device.device_kind]
    peak_TB_per_s = BANDWIDTH_TB_PER_S[names[0]] if names else 0.0
    columns = COLUMNS + MORE_COLUMNS * bool(names)
    tuning = [f"{name}={os.environ[name]}" for name in TUNING if name in os.environ]
    about = (
        f"{platform.machine()}, {os.cpu_count()} cores, JAX {jax.__version__} on "
        f"{device.device_kind}; {' '.join(tuning) or 'no tuning'}. Times are per system: "
        "least and median; x is the ratio of medians to mlff. "
        f"Load at the start {os.getloadavg()[0]:.1f}"
    )
    lines = [f"| {' | '.join(columns)} |", f"|{'--:|' * len(columns)}"]
    print("\n".join([about, *lines]), flush=True)
    raws = []
    for layers in arguments.layers:
        for line, raw in measure(layers, arguments, sizes, peak_TB_per_s):
            lines.append(line)
            raws.append(raw)
            print(line, flush=True)
    about = f"{about}, at the end {os.getloadavg()[0]:.1f}."
    if arguments.save:
        RESULTS.mkdir(exist_ok=True)
        table = "\n".join([about, "", *lines])
        (RESULTS / f"{arguments.save}.md").write_text(f"{table}\n")
        content = json.dumps({"about": about, "measured": raws}, indent=1)
        (RESULTS / f"{arguments.save}.json").write_text(f"{content}\n")


if __name__ == "__main__":
    main()
