"""A small campaign of another material, from CIF to report: run, change, kill, resume."""

import os
import signal
import subprocess
import time

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from confvib.tables.contracts import CONFIGURATIONS, DYNAMICS, HARMONIC, RELAXED
from confvib.tables.parquet import file_metadata, read_table
from confvib.tables.thermodynamics_contracts import THERMODYNAMICS
from confvib.tables.training_contracts import SWEEP

pytestmark = pytest.mark.slow

REDUCTION = {
    "reduce_thermodynamics": 1,
    "plot_free_energies": 3,
    "render_gibbs_table": 1,
    "all": 1,
}
MD_MODEL = {"train_potential": 1, "evaluate_potential": 1, "plot_parity": 1}
DATASET = {"assemble_dataset": 1, "render_dataset": 1}
CHANGES = {
    "reduction alone": (
        {"thermodynamics": {"bootstrap_samples": 30}},
        REDUCTION,
    ),
    "one more MD temperature": (
        {"dynamics": {"temperatures_K": [300, 600]}},
        REDUCTION | {"sample_dynamics": 2, "average_spectra": 1, "plot_pdos": 1},
    ),
    "Hessians": (
        {"harmonic": {"fmax_eV_per_A": 5e-4}},
        REDUCTION | {"compute_normal_modes": 2, "average_spectra": 1, "plot_pdos": 1},
    ),
    "relaxation": (
        {"relaxation": {"fmax_eV_per_A": 0.05}},
        REDUCTION
        | {
            "relax_configurations": 2,
            "compute_normal_modes": 2,
            "sample_dynamics": 2,
            "average_spectra": 1,
            "plot_pdos": 1,
        },
    ),
    "training of the MD force field": (
        {"potentials": {"md": {"training": {"max_epochs": 4}}}},
        MD_MODEL | {"plot_history": 1, "all": 1},
    ),
    "rule of splitting": (
        {"potentials": {"md": {"dataset": {"split": "configuration"}}}},
        MD_MODEL | {"plot_history": 1, "render_dataset": 1, "all": 1},
    ),
    "bound of a data set": (
        {"potentials": {"md": {"dataset": {"max_force_eV_per_A": 100.0}}}},
        MD_MODEL | DATASET | {"plot_history": 1, "all": 1},
    ),
    "heating labels": (
        {"labels": {"heating": {"n_steps": 70}}},
        MD_MODEL | DATASET | {"label_configurations": 1, "plot_history": 1, "all": 1},
    ),
    "a larger sample": (
        {"sets": {"6_8": {"sample": 3, "chunks": 3}}},
        REDUCTION
        | {
            "relax_configurations": 1,
            "compute_normal_modes": 1,
            "sample_dynamics": 1,
            "average_spectra": 1,
            "plot_pdos": 1,
        },
    ),
    "batch sizes": (
        {"relaxation": {"batch_size": 1}, "dynamics": {"batch_size": 1}},
        {},
    ),
}


SETS = "results/toy/configurations/6_8.parquet"


def test_a_set_can_be_drawn(workflow, tmp_path):
    run = workflow(tmp_path)
    run.run(SETS)
    everything = read_table(tmp_path / SETS, CONFIGURATIONS)
    assert everything["represents"].to_pylist() == [1.0] * 3
    run.run(SETS, changes={"sets": {"6_8": {"draw": 1, "sample": 1, "chunks": 1}}})
    drawn = read_table(tmp_path / SETS, CONFIGURATIONS)
    assert drawn["represents"].to_pylist() == [3.0]
    assert drawn["occupancy"].to_pylist()[0] in everything["occupancy"].to_pylist()
    assert "drawn uniformly from 3 distinct by symmetry" in file_metadata(drawn)["note"]


def test_a_set_can_be_imported(workflow, tmp_path):
    run = workflow(tmp_path)
    run.run(SETS)
    everything = read_table(tmp_path / SETS, CONFIGURATIONS)
    table = tmp_path / "imported.parquet"
    pq.write_table(everything.slice(1), table)
    changes = {"sets": {"6_8": {"imported": str(table)}}}
    run.run(SETS, changes=changes)
    assert read_table(tmp_path / SETS, CONFIGURATIONS).equals(everything.slice(1))
    # Its content counts, not its date.
    os.utime(table)
    assert run.plan(changes, SETS) == {}
    pq.write_table(everything.slice(2), table)
    assert run.plan(changes, SETS) == {"enumerate_configurations": 1}


def tables(workflow, kind, schema):
    paths = sorted((workflow.folder / "results/toy" / kind).rglob("*.parquet"))
    return [read_table(path, schema) for path in paths]


def test_every_stage_delivers(toy):
    assert all(table.num_rows for table in tables(toy, "relaxed", RELAXED))
    for table in tables(toy, "harmonic", HARMONIC):
        assert table["status"].to_pylist() == ["ok"]
        assert max(table["sum_rule_residual"].to_pylist()) < 1e-10
    for table in tables(toy, "dynamics", DYNAMICS):
        assert table["status"].to_pylist() == ["ok"]
        # 3N - 3 modes, and energy conservation over the run.
        assert table["raw_area"].to_pylist() == pytest.approx([27.0], rel=2e-2)
        assert abs(table["drift_eV_per_atom_per_ps"].to_pylist()[0]) < 1e-3


def test_thermodynamics_is_complete_and_says_where_it_comes_from(toy):
    path = toy.folder / "results/toy/thermodynamics/6_8.parquet"
    table = read_table(path, THERMODYNAMICS)
    found = {
        tuple(row.values())
        for row in table.select(["convention", "level", "temperature_K"]).to_pylist()
    }
    levels = [("conf", 300), ("conf", 900), ("conf+harmonic", 300)]
    levels += [("conf+harmonic", 900), ("conf+md", 300)]
    assert found == {
        (convention, *level)
        for convention in ("canonical", "published")
        for level in levels
    }
    assert pc.all(pc.is_finite(table["G_eV_per_atom"])).as_py()
    metadata = file_metadata(table)
    assert metadata["schema"] == THERMODYNAMICS.tag
    assert len(metadata["config_hash"]) == 16
    assert "dynamics/6_8/300K/0001.parquet" in metadata["inputs"]


def test_a_second_run_has_nothing_to_do(toy):
    assert toy.plan() == {}


@pytest.mark.parametrize(("changes", "stale"), CHANGES.values(), ids=CHANGES)
def test_a_change_reruns_exactly_what_depends_on_it(toy, changes, stale):
    assert toy.plan(changes) == stale


def test_touching_an_input_reruns_nothing(toy):
    path = toy.folder / "results/toy/configurations/6_8.parquet"
    before = path.stat()
    try:
        path.touch()
        assert toy.plan() == {}
    finally:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_report_holds_figures_and_table(toy):
    toy.run("--report", "report.html")
    text = (toy.folder / "report.html").read_text()
    for name in (
        "parity_relax.svg",
        "energies_6_8_conf.svg",
        "pdos_6_8.svg",
        "table.html",
    ):
        assert name in text


def test_a_killed_campaign_resumes_to_the_same_numbers(workflow, toy, tmp_path):
    again = workflow(tmp_path)
    running = subprocess.Popen(
        again.command("--cores", "2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    relaxed = tmp_path / "results/toy/relaxed/6_8/0000.parquet"
    while not relaxed.exists():
        assert running.poll() is None, "ended before it was killed"
        time.sleep(0.2)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    again.run("--unlock")
    again.run("--cores", "2")
    for kind in ("configurations", "relaxed", "harmonic", "dynamics"):
        for path in sorted((toy.folder / "results/toy" / kind).rglob("*.parquet")):
            twin = tmp_path / path.relative_to(toy.folder)
            assert read_columns(twin) == read_columns(path), path
    path = "results/toy/thermodynamics/6_8.parquet"
    assert read_columns(tmp_path / path) == read_columns(toy.folder / path)


def read_columns(path):
    # Text, because NaN must equal NaN; provenance (host, time) differs and is metadata.
    return str(pq.read_table(path).to_pylist())


SWEEP_TARGETS = ("learning_curve", "degrees_sweep", "selection_gain")


def test_the_sweeps_are_targets_of_their_own(toy):
    toy.run(*SWEEP_TARGETS)
    points = {
        "learning_curve": [(6, [1, 2], "random"), (12, [1, 2], "random")],
        "degrees_sweep": [(12, [0], "random"), (12, [1, 2], "random")],
        "selection_gain": [(6, [1, 2], "random"), (6, [1, 2], "farthest_point")],
    }
    for sweep, expected in points.items():
        path = toy.folder / f"results/toy/sweeps/{sweep}.parquet"
        rows = [
            row for row in read_table(path, SWEEP).to_pylist() if row["split"] == "test"
        ]
        found = [(row["n_train"], row["degrees"], row["selection"]) for row in rows]
        assert found == expected
        assert len({row["n_frames"] for row in rows}) == 1
    figures = toy.folder / "results/toy/figures"
    for name in ("learning_curve.svg", "degrees_sweep.html", "selection_gain.svg"):
        assert (figures / name).stat().st_size > 0
    assert toy.plan(None, *SWEEP_TARGETS) == {}


def test_a_sweep_that_is_not_configured_says_so(workflow, tmp_path):
    answer = workflow(tmp_path).run(
        "degrees_sweep", changes={"degrees_sweep": None}, check=False
    )
    assert answer.returncode == 1
    assert "the configuration has no section 'degrees_sweep'" in answer.stderr
