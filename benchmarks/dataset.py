"""What the paper's data set costs: time and memory of checking and splitting it.

95,271 made-up frames of 192 atoms in label tables, as many as relaxations of the default
campaign, go through the rule assemble_dataset; then a training's 4,000 + 1,000 frames and
its 700 test frames are read, and the frames that farthest points would be chosen from
are passed through once. Every line is a process of its own. What was read before there
were data sets, all tables at once, is in the second part (in memory).

    python benchmarks/dataset.py

Memory is the largest resident set; "imports" is that of a process that has only loaded
the libraries.
"""

import io
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from confvib.tables.contracts import LABELS
from confvib.tables.provenance import Provenance

RESULTS = Path(__file__).resolve().parent / "results/dataset.txt"
N_FRAMES, N_ATOMS, N_TABLES, N_CONFIGURATIONS = 95_271, 192, 128, 4_493
EDGE_A = 13.0
SPLIT = {"n_train": 4000, "n_valid": 1000, "n_test": 700, "seed": 2025}
BOUNDS = {"max_force_eV_per_A": 50.0, "min_distance_A": 0.5, "duplicates": "drop"}


def write_tables(folder):
    """Each configuration keeps its sites; its frames are displacements of them."""
    metadata = {"confvib.schema": LABELS.tag, **Provenance("labels").metadata()}
    schema = LABELS.arrow().with_metadata(metadata)
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(n) / n for n in (8, 6, 4)]), -1)
    sites = grid.reshape(-1, 3) * EDGE_A
    bounds = np.linspace(0, N_FRAMES, N_TABLES + 1).astype(int)
    for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
        n = stop - start
        configuration = np.arange(start, stop) * N_CONFIGURATIONS // N_FRAMES
        positions = sites + 0.1 * rng.normal(size=(n, N_ATOMS, 3))
        forces = rng.normal(size=(n, N_ATOMS, 3))
        positions[1] = positions[0]  # in every table a duplicate,
        forces[2, 0] = 60.0  # a frame with a large force
        positions[3, 0] = positions[3, 1] + 0.1  # and one with two atoms on one place
        values = {
            "config_id": [f"12_44-{each:08d}" for each in configuration],
            "task": ["relaxation"] * n,
            "copy": [0] * n,
            "frame": np.arange(start, stop),
            "numbers": lists(np.tile(np.repeat([3, 8, 40, 57], 48), (n, 1))),
            "cell": lists(np.tile(EDGE_A * np.eye(3).ravel(), (n, 1))),
            "positions": lists(positions),
            "energy_eV": rng.normal(-1680.0, 1.0, n),
            "forces_eV_per_A": lists(forces),
            "converged": [True] * n,
            "level_of_theory": ["x"] * n,
            "corrections": [""] * n,
            "status": ["ok"] * n,
            "reason": [""] * n,
        }
        table = pa.table(
            [
                pa.array(values.get(field.name, [None] * n), field.type)
                for field in schema
            ],
            schema=schema,
        )
        pq.write_table(table, folder / f"{number:04d}.parquet", compression="zstd")


def lists(values):
    flat = np.reshape(values, (len(values), -1))
    offsets = np.arange(len(flat) + 1, dtype=np.int32) * flat.shape[1]
    return pa.ListArray.from_arrays(offsets, flat.ravel())


def labels_of(folder):
    return [str(path) for path in sorted(folder.glob("[0-9]*.parquet"))]


def imports(_folder):
    from confvib.stages import assemble_dataset, labelled_frames  # noqa: F401

    return ""


def assemble(folder):
    from confvib.stages.assemble_dataset import assemble_dataset
    from confvib.stages.job import Progress

    log = io.StringIO()
    labels = labels_of(folder)
    expected = {"labels": ["labels"] * len(labels)}
    assemble_dataset(
        labels,
        str(folder / "dataset.parquet"),
        {"bounds": BOUNDS, "config_hash": "dataset", "expected": expected},
        Progress("dataset", log),
    )
    return log.getvalue().splitlines()[-1].partition("] ")[2]


def opened(folder):
    from confvib.stages.labelled_frames import DataSet

    labels = labels_of(folder)
    expected = {"labels": ["labels"] * len(labels), "dataset": "dataset"}
    return DataSet(str(folder / "dataset.parquet"), labels, expected)


def split_and_read(folder, by):
    from confvib.stages.labelled_frames import split_of
    from confvib.training.configuration_split import share_configurations

    data = opened(folder)
    rows = split_of(data.configurations, {**SPLIT, "by": by, "held_out": "next"})
    parts = [data.frames(part) for part in (rows.train, rows.valid, rows.test)]
    learned = np.concatenate([rows.train, rows.valid])
    seen = share_configurations(data.configurations, rows.test, learned).sum()
    return f"{[len(part) for part in parts]} frames, {seen} test frames seen"


def by_frame(folder):
    return split_and_read(folder, "frame")


def by_configuration(folder):
    return split_and_read(folder, "configuration")


def pass_through(folder):
    data = opened(folder)
    rows = np.random.default_rng(0).permutation(len(data))
    n_frames = sum(len(frames) for _, frames in data.batches(rows, 16))
    return f"{n_frames} frames in random order, 16 at a time"


def in_memory(folder):
    """What every training did before: all tables as one, then all frames."""
    from confvib.tables.parquet import read_table
    from confvib.training.dataset import Frames
    from confvib.training.split import split_at, split_rows

    table = pa.concat_tables(
        read_table(path, LABELS, "labels").replace_schema_metadata()
        for path in labels_of(folder)
    )
    table = table.filter(pa.array(table["status"].to_numpy() == "ok"))

    def stacked(key, *shape):
        column = table[key].combine_chunks()
        values = column.flatten() if shape else column
        return values.to_numpy(zero_copy_only=False).reshape(table.num_rows, *shape)

    frames = Frames(
        numbers=stacked("numbers", -1),
        cells=stacked("cell", 3, 3),
        positions=stacked("positions", -1, 3),
        energies_eV=stacked("energy_eV"),
        forces_eV_per_A=stacked("forces_eV_per_A", -1, 3),
    )
    split = split_at(frames, split_rows(len(frames), **SPLIT))
    return f"{[len(part) for part in (split.train, split.valid, split.test)]} frames"


CASES = (imports, assemble, by_frame, by_configuration, pass_through, in_memory)


def run(case, folder):
    started, cpu = time.perf_counter(), time.process_time()
    said = case(Path(folder))
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    # Not ru_maxrss, which begins with what the process that started this one had.
    peak = int(status.partition("VmHWM:")[2].split()[0])
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - started,
                "cpu": time.process_time() - cpu,
                "MB": peak / 1024,
                "said": said,
            }
        )
    )


def child(case, folder):
    answer = subprocess.run(  # noqa: S603
        [sys.executable, __file__, case, folder],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout.splitlines()[-1])


def measure():
    with tempfile.TemporaryDirectory() as folder:
        child("write_tables", folder)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        head = (
            f"{platform.machine()}, {os.cpu_count()} cores; {N_FRAMES:,} frames of "
            f"{N_ATOMS} atoms in {N_TABLES} label tables, {size / 1e9:.2f} GB"
        )
        columns = f"{'case':<18}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}  what"
        lines = [head, columns]
        for case in CASES:
            found = child(case.__name__, folder)
            lines.append(
                f"{case.__name__.replace('_', ' '):<18}{found['wall']:>8.1f}"
                f"{found['cpu']:>8.1f}{found['MB']:>9.0f}  {found['said']}".rstrip()
            )
            print(lines[-1], flush=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(globals()[sys.argv[1]], sys.argv[2])
    else:
        measure()
