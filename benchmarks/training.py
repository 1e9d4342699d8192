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
import tempfile
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from side_by_side import (
    CUTOFF_A,
    RESULTS,
    Timed,
    Worker,
    add_mlff_arguments,
    batch_arrays,
    machine,
    network_arrays,
    rattled,
    seconds_of,
    take_turns,
)

from confvib.forcefield.memory import program_memory
from confvib.forcefield.network import So3kratesSettings
from confvib.training.dataset import Frames, capacity_of, device_batch
from confvib.training.epoch import run_steps
from confvib.training.settings import TrainingSettings
from confvib.training.state import initial_state

HEAD = (
    f"T {'code':28} {'wall/s':>8} {'CPU/s':>8} {'CPU/frame':>9} "
    f"{'x wall':>8} {'x CPU':>8}  memory"
)


@dataclass
class Step(Timed):
    """A code that takes one optimiser step, and what its program needs."""

    note: str = ""


def rattled_frames(n_frames):
    numbers, cell, positions = rattled(n_frames)
    rng = np.random.default_rng(1)
    return Frames(
        numbers=np.tile(numbers, (n_frames, 1)),
        cells=np.tile(cell, (n_frames, 1, 1)),
        positions=positions,
        energies_eV=rng.normal(size=n_frames),
        forces_eV_per_A=rng.normal(scale=0.1, size=positions.shape),
    )


def network_of(layers):
    return So3kratesSettings(layers=layers, cutoff_A=CUTOFF_A)


def ours(frames, layers, microbatch):
    settings = TrainingSettings(
        network=network_of(layers),
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
        return seconds_of(lambda: compiled(carry, batch, index, start, stop))

    step()
    at_once = "" if microbatch is None else f", {microbatch} frame at a time"
    return Step(f"confvib{at_once}", step, note=str(program_memory(compiled)))


def mlff(frames, layers, arguments, folder):
    file = Path(folder) / f"batch_{layers}.npz"
    np.savez(
        file,
        **batch_arrays(frames.numbers[0], frames.cells[0], frames.positions),
        **network_arrays(network_of(layers)),
        E=frames.energies_eV.astype(np.float32)[:, None],
        F=frames.forces_eV_per_A.astype(np.float32),
    )
    worker = Worker(arguments, "training_step.py", file)
    return Step("mlff", worker.ask), worker


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
            code, worker = mlff(frames, layers, arguments, folder)
            codes.append(code)
        take_turns(codes, arguments.repeats)
        if worker:
            worker.close()
    return list(lines_of(codes, layers, arguments.batch))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_mlff_arguments(parser)
    parser.add_argument("--save", help="name of the result, for example training")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 3])
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    about = f"{machine()}; batch of {arguments.batch}"
    lines = [about, HEAD]
    print("\n".join(lines), flush=True)
    for layers in arguments.layers:
        lines += time_layers(layers, arguments)
        print("\n".join(lines[-3:]), flush=True)
    lines.append(f"load at the end {os.getloadavg()[0]:.1f}")
    print(lines[-1])
    if arguments.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{arguments.save}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
