"""What a data set says about each frame, and what of it a training reads."""

import re
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from confvib.errors import TableError, TrainingError
from confvib.stages.label_arrays import FRAME_COLUMNS as READ
from confvib.stages.label_arrays import label_batches
from confvib.stages.labelled_frames import DataSet, split_of, training_rows
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import Provenance
from confvib.tables.training_contracts import DATASET, SELECTION
from confvib.training.split import split_rows

SPLIT = {"n_train": 5, "n_valid": 3, "n_test": 4, "seed": 3}
NO_LABEL = dict.fromkeys(("numbers", "cell", "positions", "energy_eV", "forces_eV_per_A"))


def rows_of(path):
    return read_table(path, DATASET, "dataset").to_pylist()


@pytest.fixture
def two_tables(labels):
    labels.write([labels.row("s:0", frame) for frame in range(6)])
    labels.write(
        [
            labels.row("s:1", 0),
            labels.row(
                "s:1", 1, **NO_LABEL, status="failed_label", reason="VASP was killed"
            ),
            labels.row("s:2", 0, task="heating"),
            labels.row("s:2", 1, task="heating", status="unconverged", reason="n"),
            *(labels.row("s:2", frame, task="heating") for frame in range(2, 8)),
        ]
    )
    return labels


def test_every_frame_has_a_row_and_only_good_ones_are_usable(two_tables):
    rows = rows_of(two_tables.assemble())
    assert [(row["source"], row["source_row"]) for row in rows] == [
        *((two_tables.paths[0], k) for k in range(6)),
        *((two_tables.paths[1], k) for k in range(10)),
    ]
    status = [row["status"] for row in rows]
    assert (status[7], status[9]) == ("failed_label", "unconverged")
    assert (rows[7]["reason"], rows[7]["n_atoms"]) == ("VASP was killed", None)
    assert rows[7]["energy_eV_per_atom"] is None
    assert status.count("ok") == 14
    assert two_tables.said == (
        "[data set] 14 of 16 frames usable, left out {'failed_label': 1, "
        "'unconverged': 1}; 0 duplicates"
    )


def test_energy_force_and_distance_are_those_of_the_frame(labels):
    positions = labels.sites.copy()
    positions[3] += [0.0, 0.0, 0.4]  # 2.6 Å from its image above, in a 6 Å cell of 3 Å
    forces = np.zeros((8, 3))
    forces[5] = [3.0, 0.0, -4.0]
    labels.write(
        [
            labels.row(
                "s:0",
                0,
                positions=positions,
                forces_eV_per_A=forces.ravel(),
                energy_eV=-16.0,
            )
        ]
    )
    (row,) = rows_of(labels.assemble())
    assert row["max_force_eV_per_A"] == pytest.approx(5.0)
    assert row["min_distance_A"] == pytest.approx(2.6)
    assert row["energy_eV_per_atom"] == pytest.approx(-2.0)
    assert (row["composition"], row["n_atoms"]) == ("Li4O4", 8)


def test_outliers_name_the_bound_they_broke(labels):
    strong, close = np.zeros((8, 3)), labels.sites.copy()
    strong[2, 1] = 60.0
    close[1] = close[0] + [0.5, 0.0, 0.0]
    nan = np.full((8, 3), np.nan)
    labels.write(
        [
            labels.row("s:0", 0, forces_eV_per_A=strong.ravel()),
            labels.row("s:0", 1, positions=close),
            labels.row("s:0", 2, positions=close, forces_eV_per_A=strong.ravel()),
            labels.row("s:0", 3, forces_eV_per_A=nan.ravel()),
            labels.row("s:0", 4),
        ]
    )
    free = [row["status"] for row in rows_of(labels.assemble())]
    assert free == ["ok", "ok", "ok", "not_finite", "ok"]
    rows = rows_of(labels.assemble(max_force_eV_per_A=50.0, min_distance_A=1.0))
    assert [row["status"] for row in rows] == [
        *["outlier"] * 3,
        "not_finite",
        "ok",
    ]
    force = "the largest force, 60 eV/Å, is above dataset.max_force_eV_per_A = 50"
    distance = "the smallest distance, 0.5 Å, is below dataset.min_distance_A = 1"
    assert [row["reason"] for row in rows] == [
        force,
        distance,
        f"{force}; {distance}",
        "energy, a force, a position or the cell is not a usable number",
        "",
    ]
    # What cannot be compared is not beyond a bound.
    assert rows[3]["max_force_eV_per_A"] is None


def test_duplicates_are_found_across_tables_and_dropped_if_asked(labels):
    first = labels.row("s:0", 0)
    bad = labels.row("s:0", 1, status="unconverged", reason="n")
    labels.write([bad, first, labels.row("s:0", 2)])
    moved = np.reshape(first["positions"], (8, 3)) + np.array([6.0, 0.0, -12.0])
    labels.write(
        [
            labels.row("s:1", 0),
            # Another configuration, another image: still the same atoms.
            labels.row("s:2", 0, positions=moved),
            {**bad, "status": "ok", "reason": ""},
        ]
    )
    rows = rows_of(labels.assemble())
    assert [row["duplicate_of"] for row in rows] == [None, None, None, None, 1, None]
    assert {row["status"] for row in rows[1:]} == {"ok"}
    rows = rows_of(labels.assemble(duplicates="drop"))
    assert rows[4]["status"] == "duplicate"
    assert rows[4]["reason"] == (
        "cell and positions are those of row 1; dataset.duplicates = 'drop'"
    )
    assert [row["status"] for row in rows].count("ok") == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"level_of_theory": "y"},
            "labels have more than one level of theory: ['x', 'y']; one force field "
            "needs one",
        ),
        (
            {
                "numbers": [3],
                "positions": np.zeros((1, 3)),
                "forces_eV_per_A": np.zeros(3),
            },
            "labels have more than one number of atoms: [1, 8]; one force field needs "
            "one",
        ),
    ],
)
def test_labels_of_two_kinds_make_no_data_set(labels, change, message):
    labels.write([labels.row("s:0", 0), labels.row("s:0", 1, **change)])
    with pytest.raises(TrainingError, match=f"^{re.escape(message)}$"):
        labels.assemble()
    assert not (labels.folder / "dataset.parquet").exists()


def test_without_a_usable_frame_the_reasons_are_said(labels):
    failed = {**NO_LABEL, "status": "failed_label", "reason": "no POTCAR"}
    labels.write([labels.row("s:0", 0, **failed), labels.row("s:1", 0, **failed)])
    with pytest.raises(TrainingError) as caught:
        labels.assemble()
    assert str(caught.value) == (
        f"{labels.paths}: none of 2 labelled frames is usable: no POTCAR"
    )


def everything(labels):
    """All usable frames by plain reading, as every training once did it."""
    rows = [
        row for path in labels.paths for row in pa.parquet.read_table(path).to_pylist()
    ]
    return [row for row in rows if row["status"] == "ok"]


def test_default_settings_give_a_training_the_frames_it_always_had(two_tables):
    data = two_tables.dataset()
    rows = training_rows(data, {"split": SPLIT}, None)
    before, usable = split_rows(14, **SPLIT), everything(two_tables)
    for part in ("train", "valid", "test"):
        chosen = getattr(rows, part)
        np.testing.assert_array_equal(chosen, getattr(before, part))
        frames, expected = data.frames(chosen), [usable[row] for row in chosen]
        for mine, name in (
            (frames.positions, "positions"),
            (frames.forces_eV_per_A, "forces_eV_per_A"),
            (frames.cells, "cell"),
            (frames.energies_eV, "energy_eV"),
            (frames.numbers, "numbers"),
        ):
            theirs = np.array([row[name] for row in expected]).reshape(mine.shape)
            np.testing.assert_array_equal(mine, theirs)
        assert [(each["config_id"], each["frame"]) for each in data.identity(chosen)] == [
            (row["config_id"], row["frame"]) for row in expected
        ]


def test_batches_are_the_frames_once_each(two_tables):
    data = two_tables.dataset()
    rows = np.random.default_rng(0).permutation(len(data))[:11]
    whole = data.frames(rows)
    seen = []
    for where, frames in data.batches(rows, 4):
        np.testing.assert_array_equal(frames.positions, whole.positions[where])
        seen.append(len(where))
    assert seen == [4, 4, 3]
    assert data.species() == [3, 8]


def test_a_split_by_configuration_and_a_selection(two_tables):
    data = two_tables.dataset()
    split = {**SPLIT, "n_train": 3, "n_valid": 1, "n_test": 1, "by": "configuration"}
    rows = training_rows(data, {"split": {**split, "held_out": "last", "draw": 0}}, None)
    names = data.configurations
    assert len({*names[rows.train]} & {*names[rows.valid], *names[rows.test]}) == 0
    chosen = [
        {
            "order": order,
            "row": row,
            "config_id": "s",
            "task": "relaxation",
            "copy": 0,
            "frame": 0,
            "distance": 0.0,
            "status": "ok",
            "reason": "",
        }
        for order, row in enumerate((13, 2, 7, 5))
    ]
    path = two_tables.folder / "selection.parquet"
    write_table(path, SELECTION, chosen, Provenance("selection"))
    params = {"split": SPLIT | {"n_train": 3}, "expected": two_tables.expected}
    rows = training_rows(data, params, str(path))
    assert rows.train.tolist() == [13, 2, 7]
    np.testing.assert_array_equal(
        rows.valid, split_of(data.configurations, params["split"]).valid
    )


def test_frames_of_unknown_configurations_are_one_for_each_table(labels):
    labels.write([labels.row(None, frame) for frame in range(3)])
    labels.write([labels.row(None, 0), labels.row("s:0", 0)])
    names = labels.dataset().configurations
    assert len(set(names[:3])) == 1
    assert len({names[0], names[3], names[4]}) == 3


def test_labels_of_another_configuration_are_refused(two_tables):
    path = two_tables.assemble()
    expected = two_tables.expected | {"labels": ["labels", "newer"]}
    data = DataSet(path, two_tables.paths, expected)
    data.frames(np.arange(6))  # of the first table alone
    with pytest.raises(TableError, match="made from configuration 'labels', but"):
        data.frames(np.arange(8))
    with pytest.raises(TrainingError, match="which is not among its label tables"):
        DataSet(path, ["else.parquet"], {**expected, "labels": ["labels"]}).frames(
            np.arange(2)
        )


def peak_bytes(work):
    """Most memory of Python, NumPy and Arrow together while a function runs."""
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] + (pool.max_memory() or 0)
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)


def test_memory_does_not_grow_with_the_number_of_tables(labels):
    """Frames of 512 atoms, 20 kB each: ten times as many take no more memory."""
    rng = np.random.default_rng(0)
    many = {"numbers": [3] * 512, "cell": (30.0 * np.eye(3)).ravel()}

    def write(n_tables):
        for table in range(n_tables):
            labels.write(
                [
                    labels.row(
                        f"s:{table}",
                        frame,
                        positions=rng.uniform(0, 30, size=(512, 3)),
                        forces_eV_per_A=rng.normal(size=1536),
                        **many,
                    )
                    for frame in range(10)
                ]
            )

    def work():
        data = labels.dataset()
        data.frames(np.arange(0, len(data), len(data) // 4)[:4])
        for _ in data.batches(np.arange(len(data)), 4):
            pass

    write(2)
    work()
    few = peak_bytes(work)
    write(18)
    assert len(labels.paths) == 20
    # All frames would be 200 x 28 kB = 5.7 MB more.
    assert peak_bytes(work) < few + 0.5e6


def test_memory_does_not_grow_with_the_length_of_a_table(make_labels, tmp_path):
    rng = np.random.default_rng(0)
    shared = {"numbers": [3] * 128, "cell": (20.0 * np.eye(3)).ravel()}

    def peak(n_frames):
        folder = tmp_path / str(n_frames)
        folder.mkdir()
        labels = make_labels(folder)
        labels.write(
            [
                labels.row(
                    "s:0",
                    frame,
                    positions=rng.uniform(0, 20, size=(128, 3)),
                    forces_eV_per_A=rng.normal(size=384),
                    **shared,
                )
                for frame in range(n_frames)
            ]
        )
        path = labels.paths[0]
        batches = label_batches(path, "labels", READ)
        before = pa.total_allocated_bytes()
        # Not of a pool of its own: what Arrow reads ahead is in the usual one.
        return max(pa.total_allocated_bytes() - before for _ in batches)

    # A row group is the file here: 1,200 frames more are 7 MB more.
    assert peak(2400) < peak(1200) + 1e6
