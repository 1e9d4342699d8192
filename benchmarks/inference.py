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
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from side_by_side import (
    CUTOFF_A,
    Timed,
    Worker,
    add_mlff_arguments,
    batch_arrays,
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

from confvib.dynamics.evaluation import BatchMode, over_batch
from confvib.forcefield.compiled.compiler import compile_model
from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.potential import force_fn, so3krates_energy_fn

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


@dataclass
class Evaluator(Timed):
    """A code that evaluates a batch, and how well it does."""

    error_eV_per_A: float = float("nan")
    scratch_MB: float = float("nan")
    bytes_moved: float = float("nan")


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
        return seconds_of(lambda: compiled(argument), CALLS)

    return Evaluator(
        name,
        run,
        error_eV_per_A=np.abs(np.asarray(forces, np.float64) - exact).max(),
        scratch_MB=compiled.memory_analysis().temp_size_in_bytes / 1e6,
        bytes_moved=(compiled.cost_analysis() or {}).get("bytes accessed", float("nan")),
    )


class Mlff:
    """mlff in its own environment, for all batch sizes of one network."""

    def __init__(self, arguments, model, numbers, cell, frames, folder):
        systems, forces = Path(folder) / "systems.npz", Path(folder) / "forces.npy"
        np.savez(
            systems,
            **batch_arrays(numbers, cell, frames),
            **network_arrays(model.settings),
            **leaf_arrays(model),
        )
        self.worker = Worker(arguments, "inference.py", systems, forces)
        self.forces = np.load(forces)

    def timed(self, size, exact):
        """Return the code for the first systems."""
        error = np.abs(self.forces[:size] - exact).max()
        return Evaluator(
            "mlff",
            lambda: self.worker.ask(f"{size} {CALLS}"),
            error_eV_per_A=error,
        )


def lines_of(codes, layers, size, peak_TB_per_s):
    """Describe all codes of one batch; ratios are of the same statistic of mlff."""
    base = next((code.median() for code in codes if code.name == "mlff"), None)
    for code in codes:
        least, median = code.least(), code.median()
        ratios = ["", ""]
        if base is not None:
            ratios = [f"{ratio:.2f}" for ratio in base / median]
        cells = [
            f"{layers}",
            f"{size}",
            code.name,
            *(
                f"{1e3 * value / size:.2f}"
                for value in (least[0], median[0], least[1], median[1])
            ),
            *ratios,
            f"{code.error_eV_per_A:.1e}",
            "" if np.isnan(code.scratch_MB) else f"{code.scratch_MB / size:.0f}",
        ]
        if peak_TB_per_s:
            moved_TB_per_s = code.bytes_moved / median[0] / 1e12
            cells += [
                f"{size / median[0]:.0f}",
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
            take_turns(codes, max(5, arguments.repeats // size))
            lines = lines_of(codes, layers, size, peak_TB_per_s)
            for code, line in zip(codes, lines, strict=True):
                raw = {"layers": layers, "systems": size, "code": code.name}
                yield line, raw | {"wall_and_cpu_s": code.seconds}
        if mlff:
            mlff.worker.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_mlff_arguments(parser)
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
    about = (
        f"{machine()}. Times are per system: "
        "least and median; x is the ratio of medians to mlff. "
        f"Load at the start {os.getloadavg()[0]:.1f}"
    )
    lines = head_of(columns)
    print("\n".join([about, *lines]), flush=True)
    raws = []
    for layers in arguments.layers:
        for line, raw in measure(layers, arguments, sizes, peak_TB_per_s):
            lines.append(line)
            raws.append(raw)
            print(line, flush=True)
    about = f"{about}, at the end {os.getloadavg()[0]:.1f}."
    if arguments.save:
        save(arguments.save, about, lines, raws)


if __name__ == "__main__":
    main()
