"""What one optimiser step of a training costs, here and in mlff.

Frames are 192-atom t-LLZO with every atom moved by 0.05 Å, the settings those of the
paper (F = 132, 4 heads, degrees {1,2,3}, cutoff 5 Å, batch of 10), float32. All codes are
timed in turn within one run, because the load of a shared machine changes from minute to
minute; of every number the smallest of the repeats counts. CPU time is summed over cores.

    python benchmarks/training.py                          # this code alone
    python benchmarks/training.py --mlff /path/to/python   # and mlff, in its environment

benchmarks/mlff/README.md says how to set that environment up. ``--mlff-path`` is put into
its PYTHONPATH, where mlff is used from its sources.
"""

import argparse
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np
from ase.io import read
from ase.neighborlist import neighbor_list
from confvib.forcefield.memory import program_memory
from confvib.forcefield.network import So3kratesSettings
from confvib.training.dataset import Frames, capacity_of, device_batch
from confvib.training.epoch import run_steps
from confvib.training.settings import TrainingSettings
from confvib.training.state import initial_state

ROOT = Path(__file__).resolve().parents[1]
STRUCTURE = ROOT / "resources/structures/t-LLZO.cif"
WORKER = ROOT / "benchmarks/mlff/training_step.py"
RESULTS = ROOT / "benchmarks/results/training.txt"
CUTOFF_A = 5.0
HEAD = (
    f"T {'code':28} {'wall/s':>8} {'CPU/s':>8} {'CPU/frame':>9} "
    f"{'x wall':>8} {'x CPU':>8}  memory"
)


@dataclass
class Timed:
    """A code whose step can be run again and again; a step returns wall and CPU time."""

    name: str
    step: Callable
    note: str = ""
    seconds: list = field(default_factory=list)

    def least(self):
        """Return the smallest wall and CPU time of all steps so far."""
        return np.min(self.seconds, axis=0)


def rattled_frames(n_frames):
    atoms = read(STRUCTURE)
    rng = np.random.default_rng(0)
    shape = (n_frames, len(atoms), 3)
    return Frames(
        numbers=np.tile(atoms.numbers, (n_frames, 1)),
        cells=np.tile(atoms.cell.array, (n_frames, 1, 1)),
        positions=atoms.positions + rng.normal(scale=0.05, size=shape),
        energies_eV=rng.normal(size=n_frames),
        forces_eV_per_A=rng.normal(scale=0.1, size=shape),
    )


def ours(frames, layers, microbatch):
    settings = TrainingSettings(
        network=So3kratesSettings(layers=layers, cutoff_A=CUTOFF_A),
        batch_size=len(frames),
        microbatch=microbatch,
    )
    capacity = capacity_of(frames, cutoff_A=CUTOFF_A)
    batch = device_batch(
        frames, shifts_eV=np.zeros(100), cutoff_A=CUTOFF_A, capacity=capacity
    )
    state = initial_state(settings, n_steps=1, seed=0)
    carry = (state.parameters, state.moments, state.losses)
    index = np.arange(len(frames), dtype=np.int32)[None]
    start, stop = np.int32(0), np.int32(1)
    compiled = run_steps.lower(settings, None, carry, batch, index, start, stop).compile()

    def step():
        wall, cpu = time.perf_counter(), time.process_time()
        jax.block_until_ready(compiled(carry, batch, index, start, stop))
        return time.perf_counter() - wall, time.process_time() - cpu

    step()
    at_once = "" if microbatch is None else f", {microbatch} frame at a time"
    return Timed(f"confvib{at_once}", step, str(program_memory(compiled)))


def mlff(frames, layers, python, path, folder):
    file = Path(folder) / f"batch_{layers}.npz"
    write_batch(frames, layers, file)
    worker = subprocess.Popen(  # noqa: S603 - the script beside this one
        [python, "-W", "ignore", WORKER, file],
        env=os.environ | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    worker.stdout.readline()

    def step():
        worker.stdin.write("\n")
        worker.stdin.flush()
        return tuple(map(float, worker.stdout.readline().split()))

    return Timed("mlff", step), worker


def write_batch(frames, layers, file):
    edges = []
    for positions in frames.positions:
        atoms = read(STRUCTURE)
        atoms.positions = positions
        edges.append(neighbor_list("ijS", atoms, CUTOFF_A))
    most = max(len(each[0]) for each in edges)

    def padded(number, value, dtype):
        arrays = [each[number] for each in edges]
        widths = [
            [(0, most - len(array))] + [(0, 0)] * (array.ndim - 1) for array in arrays
        ]
        return np.stack(
            [
                np.pad(array, width, constant_values=value)
                for array, width in zip(arrays, widths, strict=True)
            ]
        ).astype(dtype)

    np.savez(
        file,
        R=frames.positions.astype(np.float32),
        z=frames.numbers.astype(np.int32),
        unit_cell=frames.cells.astype(np.float32),
        idx_i=padded(0, -1, np.int32),
        idx_j=padded(1, -1, np.int32),
        cell_offset=padded(2, 0, np.float32),
        node_mask=np.ones(frames.numbers.shape, bool),
        E=frames.energies_eV.astype(np.float32)[:, None],
        F=frames.forces_eV_per_A.astype(np.float32),
        network_F=132,
        network_T=layers,
        network_h=4,
        network_r_cut=CUTOFF_A,
        network_degrees=[1, 2, 3],
    )


def lines_of(codes, layers, n_frames):
    base = next((code for code in codes if code.name == "mlff"), None)
    for code in codes:
        wall, cpu = code.least()
        ratio = f"{'-':>8} {'-':>8}"
        if base is not None:
            ratio = "{:8.2f} {:8.2f}".format(*(base.least() / code.least()))
        yield (
            f"{layers} {code.name:28} {wall:8.2f} {cpu:8.2f} {cpu / n_frames:9.3f} "
            f"{ratio}  {code.note}"
        )


def time_layers(layers, arguments):
    frames = rattled_frames(arguments.batch)
    codes = [ours(frames, layers, None), ours(frames, layers, 1)]
    with tempfile.TemporaryDirectory() as folder:
        worker = None
        if arguments.mlff:
            code, worker = mlff(
                frames, layers, arguments.mlff, arguments.mlff_path, folder
            )
            codes.append(code)
        for _ in range(arguments.repeats):
            for code in codes:
                code.seconds.append(code.step())
        if worker:
            worker.stdin.close()
            worker.wait()
    return list(lines_of(codes, layers, arguments.batch))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mlff", help="Python of an environment with mlff")
    parser.add_argument("--mlff-path", default="", help="its PYTHONPATH")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 3])
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    device = jax.local_devices()[0]
    about = (
        f"{platform.machine()}, {os.cpu_count()} cores, JAX {jax.__version__} on "
        f"{device.device_kind}; batch of {arguments.batch}"
    )
    lines = [about, HEAD]
    print("\n".join(lines), flush=True)
    for layers in arguments.layers:
        lines += time_layers(layers, arguments)
        print("\n".join(lines[-3:]), flush=True)
    lines.append(f"load at the end {os.getloadavg()[0]:.1f}")
    print(lines[-1])
    if arguments.mlff:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
