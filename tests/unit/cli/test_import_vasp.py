"""``confvib import-vasp``: finished runs as labels, and the fate of every run."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from ase.io import read
from typer.testing import CliRunner

from confvib.cli.app import app
from confvib.stages.assemble_dataset import assemble_dataset
from confvib.stages.job import Progress
from confvib.stages.labelled_frames import DataSet
from confvib.tables.contracts import LABELS
from confvib.tables.import_contracts import IMPORTED_RUNS
from confvib.tables.parquet import file_metadata, read_table

DATA = Path(__file__).parents[2] / "data" / "vasp"


def import_vasp(*arguments):
    command = ["import-vasp", *map(str, arguments)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def rows(path):
    return read_table(path, LABELS).to_pylist()


def fates(path):
    report = read_table(path.with_suffix(".runs.parquet"), IMPORTED_RUNS)
    return {row["source"]: row for row in report.to_pylist()}


def moved(atoms, distance_A, seed):
    """Return a geometry with every atom that far from where it was."""
    step = np.random.default_rng(seed).normal(size=atoms.positions.shape)
    step *= distance_A / np.linalg.norm(step, axis=1)[:, None]
    other = atoms.copy()
    other.positions += step
    return other


@pytest.fixture
def silicon(vasp_run, tmp_path):
    """Write a run of two steps; the number decides its geometry."""

    def write(name, seed=0, **options):
        first = moved(bulk("Si", cubic=True), 0.6, seed)
        frames = options.pop("frames", [first, moved(first, 0.02, seed + 1)])
        return vasp_run(tmp_path / "runs" / name, frames, **options)

    return write


NVE = {"IBRION": 0, "SMASS": -3.0, "TEBEG": 300.0}


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def output(tmp_path):
    return tmp_path / "labels.parquet"


def dataset_of(labels, carried):
    """The data set of an imported table, as the workflow makes it."""
    path = str(labels.with_name("dataset.parquet"))
    expected = {"labels": [carried], "dataset": "d"}
    bounds = dict.fromkeys(("max_force_eV_per_A", "min_distance_A"))
    params = {
        "bounds": {**bounds, "duplicates": "keep"},
        "config_hash": "d",
        "expected": expected,
    }
    assemble_dataset([str(labels)], path, params, Progress("data set", io.StringIO()))
    return DataSet(path, [str(labels)], expected)


def test_runs_become_a_table_that_training_reads(silicon, runs, output, vasp_label):
    silicon("a/vasprun.xml", 1)
    silicon("b/vasprun.xml", 2, incar=NVE, kinetic_eV=0.5)
    code, out, err = import_vasp(runs, "--output", output)
    assert code == 0, err
    assert "4 frames to learn from" in out
    found = rows(output)
    assert [(r["config_id"], r["task"], r["frame"]) for r in found] == [
        ("a", "relaxation", 0),
        ("a", "relaxation", 1),
        ("b", "nve", 0),
        ("b", "nve", 1),
    ]
    assert [r["target_temperature_K"] for r in found] == [None, None, 300.0, 300.0]
    assert {r["copy"] for r in found} == {0}
    table = read_table(output, LABELS)
    carried = file_metadata(table)["config_hash"]
    data = dataset_of(output, carried)
    assert data.said() == "4 frames usable"
    frames = data.frames(np.arange(len(data)))
    assert data.configurations.tolist() == ["a", "a", "b", "b"]
    first = moved(bulk("Si", cubic=True), 0.6, 1)
    energy_eV, forces = vasp_label(first)
    assert frames.energies_eV[0] == pytest.approx(energy_eV, abs=1e-7)
    assert np.allclose(frames.forces_eV_per_A[0], forces, atol=1e-7)
    assert np.allclose(frames.positions[0], first.positions, atol=1e-6)
    assert import_vasp(runs, "--output", output)[0] == 1  # it exists
    # Importing again gives the same table under the same hash.
    assert import_vasp(runs, "--output", output, "--force")[0] == 0
    assert read_table(output, LABELS, carried).equals(table)


@pytest.mark.slow
def test_several_processes_make_the_same_table(silicon, runs, output, tmp_path):
    for n in range(5):
        silicon(f"{n}/vasprun.xml", n)
    assert import_vasp(runs, "--output", output)[0] == 0
    shared = tmp_path / "shared.parquet"
    assert import_vasp(runs, "--output", shared, "--jobs", 2)[0] == 0
    assert read_table(shared, LABELS).equals(read_table(output, LABELS))


def test_levels_are_kept_apart(silicon, runs, output):
    silicon("a/vasprun.xml", 1)
    silicon("b/vasprun.xml", 2)
    silicon("c/vasprun.xml", 3, incar={"ENCUT": 520.0})
    code, out, err = import_vasp(runs, "--output", output)
    assert code == 1
    assert "the runs are of 2 levels of theory, which differ in ENCUT 500 / 520" in err
    assert "--level HASH" in err
    assert not output.exists()
    levels = {name: row["level_of_theory"] for name, row in fates(output).items()}
    common, other = levels["a/vasprun.xml"], levels["c/vasprun.xml"]
    assert levels["b/vasprun.xml"] == common != other
    assert common in out
    assert other in out
    code, out, err = import_vasp(
        runs, "--output", output, "--force", "--level", common[:14]
    )
    assert code == 0, err
    assert {row["config_id"] for row in rows(output)} == {"a", "b"}
    fate = fates(output)["c/vasprun.xml"]
    assert fate["status"] == "other_level"
    assert fate["reason"] == f"{other}, not {common}: ENCUT 520 / 500"
    code, out, err = import_vasp(
        runs, "--output", output, "--force", "--level", "vasprun-"
    )
    assert code == 1
    assert "--level vasprun-: begins the hash of 2 levels" in err
    code, out, _ = import_vasp(runs, "--output", output, "--force", "--accept-levels")
    assert code == 0
    assert "the table mixes levels of theory, and training refuses it" in out
    assert {row["level_of_theory"] for row in rows(output)} == {common, other}


def test_every_run_has_a_fate(silicon, runs, output):
    atoms = [moved(bulk("Si", cubic=True), 0.6, seed) for seed in (4, 5, 6)]
    silicon("cut/vasprun.xml", frames=atoms, cut=400)
    whole = silicon("whole/vasprun.xml", 1)
    (runs / "copy").mkdir()
    (runs / "copy" / "vasprun.xml").write_bytes(whole.read_bytes())
    silicon("big/vasprun.xml", frames=[bulk("Si", cubic=True) * (2, 1, 1)])
    silicon("hard/vasprun.xml", 7, n_electronic=60)
    (runs / "old").mkdir()
    (runs / "old" / "OUTCAR").write_text("")
    (runs / "torn").mkdir()
    (runs / "torn" / "vasprun.xml").write_bytes(whole.read_bytes()[:300])
    code, _, err = import_vasp(runs, "--output", output)
    assert code == 1
    assert "the cells are of 2 sizes: 8 (2 runs), 16 (1 runs) atoms" in err
    assert not output.exists()
    code, out, err = import_vasp(runs, "--output", output, "--atoms", 8, "--force")
    assert code == 0, err
    fate = fates(output)
    assert {name: row["status"] for name, row in fate.items()} == {
        "big/vasprun.xml": "other_size",
        "copy/vasprun.xml": "ok",
        "cut/vasprun.xml": "cut",
        "hard/vasprun.xml": "unconverged",
        "old/OUTCAR": "no_vasprun",
        "torn/vasprun.xml": "unreadable",
        "whole/vasprun.xml": "duplicate",
    }
    assert fate["whole/vasprun.xml"]["reason"] == "the same frames as copy/vasprun.xml"
    assert fate["big/vasprun.xml"]["reason"] == "the cell holds 16 atoms, expected 8"
    assert fate["hard/vasprun.xml"]["reason"] == "no frame to learn from: 2 unconverged"
    ends = [row for row in rows(output) if row["status"] == "cut"]
    assert [(row["config_id"], row["frame"]) for row in ends] == [("cut", 2)]
    assert ends[0]["reason"].startswith("cut after 2 ionic steps: ")
    assert ends[0]["energy_eV"] is None
    for status in ("cut", "duplicate", "other_size", "no_vasprun", "unreadable"):
        assert status in out


def test_unconverged_frames_stay_in_the_table_and_are_no_labels(
    silicon, runs, output, vasp_run
):
    path = silicon("a/vasprun.xml", 1)
    text = path.read_text()
    scstep = text[text.index("<scstep>") : text.index("</scstep>") + 10]
    path.write_text(text.replace(scstep, 60 * scstep, 1))
    code, out, err = import_vasp(runs, "--output", output)
    assert code == 0, err
    assert "1 frames to learn from; besides, 1 unconverged" in out
    assert [row["status"] for row in rows(output)] == ["unconverged", "ok"]
    assert [row["converged"] for row in rows(output)] == [False, True]


def test_segments_that_go_on_from_each_other_are_one_configuration(silicon, runs, output):
    frames = [moved(bulk("Si", cubic=True), 0.02 * n, 9) for n in range(60)]
    silicon("a/vasprun.1.xml", frames=frames[:30])
    silicon("a/vasprun.2.xml", frames=frames[30:])
    silicon("a/vasprun.3.xml", frames=[moved(frames[0], 2.0, 1)])
    silicon("b/vasprun.xml.relax1", frames=[frames[2], frames[4]])
    silicon("b/vasprun.xml.relax2", frames=[frames[4], frames[5]])
    assert import_vasp(runs, "--output", output)[0] == 0
    found = {n: (r["config_id"], r["copy"]) for n, r in fates(output).items()}
    assert found == {
        "a/vasprun.1.xml": ("a/vasprun.1.xml", 0),
        "a/vasprun.2.xml": ("a/vasprun.1.xml", 1),
        "a/vasprun.3.xml": ("a/vasprun.3.xml", 0),
        "b/vasprun.xml.relax1": ("b", 0),
        "b/vasprun.xml.relax2": ("b", 1),
    }


@pytest.fixture(scope="session")
def arrangements(toy, toy_table, tmp_path_factory):
    """The three configurations of the toy by their ids."""
    folder = tmp_path_factory.mktemp("arrangements") / "cells"
    command = ("export", toy_table, "--all", "--format", "poscar", "--output", folder)
    assert toy(*command)[0] == 0
    return {path.stem: read(path, format="vasp") for path in sorted(folder.iterdir())}


TOY = Path(__file__).parents[2] / "toy" / "toy.yaml"
CONFIG = ("--config", Path(__file__).parents[3] / "config" / "config.yaml")


def test_runs_are_mapped_onto_the_configurations_of_a_set(
    vasp_run, arrangements, runs, output
):
    for name, atoms in arrangements.items():
        for seed, copy in enumerate(("first", "again")):
            # As another program would: origin moved, oxygens in another order.
            order = [*range(4), *(4 + np.random.default_rng(seed).permutation(6))]
            other = moved(atoms[order], 0.1, seed)
            other.positions += [0.3 * seed, 0.0, 0.1]
            vasp_run(runs / copy / name / "vasprun.xml", [other])
    strange = next(iter(arrangements.values())).copy()
    strange.positions[4] += [0.9, 0.9, 0.0]
    vasp_run(runs / "strange" / "vasprun.xml", [strange])
    code, out, err = import_vasp(
        *(runs, "--output", output, "--set", "6_8"), *CONFIG, "--configfile", TOY
    )
    assert code == 0, err
    fate = fates(output)
    for name in arrangements:
        found = [fate[f"{copy}/{name}/vasprun.xml"] for copy in ("again", "first")]
        assert [row["config_id"] for row in found] == [name, name]
        assert [row["copy"] for row in found] == [0, 1]
        assert {row["mapping"] for row in found} == {""}
    lost = fate["strange/vasprun.xml"]
    assert (lost["config_id"], lost["status"]) == ("strange", "ok")
    assert lost["mapping"].startswith("set 6_8: ")
    assert "7 runs of 4 configurations; 1 runs do not map onto 6_8" in out


def test_runs_at_the_campaigns_level_carry_its_name(
    potcar_library, silicon, runs, output, tmp_path
):
    from confvib.dft.level import level_of_theory
    from confvib.dft.potcars import read_potcars
    from confvib.dft.settings import VaspSettings

    vasp = {
        "command": "vasp",
        "incar": {"ENCUT": 500, "EDIFF": "1E-4", "ALGO": "Fast", "NELM": 60},
        "ediffg": -0.01,
        "potcar_functional": "PBE_54",
        "potcar_symbols": {"Si": "Si", "Li": "Li", "La": "La", "Zr": "Zr", "O": "O"},
        "kpoints": [1, 1, 1],
    }
    base = yaml.safe_load(CONFIG[1].read_text())
    base["labels"]["vasp"] = vasp
    base["crystal"]["structure"] = str(
        CONFIG[1].parents[1] / base["crystal"]["structure"]
    )
    for phase in base.get("phases", {}).values():
        phase["crystal"]["structure"] = str(
            CONFIG[1].parents[1] / phase["crystal"]["structure"]
        )
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(base))
    silicon("a/vasprun.xml", 1)
    silicon("b/vasprun.xml", 2, version="5.4.4")
    silicon("c/vasprun.xml", 3, incar={"LASPH": True})
    code, out, err = import_vasp(
        *(runs, "--output", output, "--config", config, "--level", "vasp-")
    )
    assert code == 0, err
    settings = VaspSettings.from_mapping(vasp)
    own = level_of_theory(settings, read_potcars(settings))
    assert {row["level_of_theory"] for row in rows(output)} == {own}
    assert {row["config_id"] for row in rows(output)} == {"a", "b"}
    assert "the campaign's own" in out
    assert "LASPH T / F" in out


def test_a_missing_library_is_said_and_stops_nothing(silicon, runs, output, monkeypatch):
    from pymatgen.core import SETTINGS

    monkeypatch.delenv("PMG_VASP_PSP_DIR", raising=False)
    monkeypatch.delitem(SETTINGS, "PMG_VASP_PSP_DIR", raising=False)
    silicon("a/vasprun.xml", 1)
    code, out, err = import_vasp(runs, "--output", output, *CONFIG)
    assert code == 0, err
    assert "not compared with the campaign's level of theory: PMG_VASP_PSP_DIR is" in out


def test_real_runs_of_several_levels(output):
    code, _, err = import_vasp(DATA, "--output", output, "--atoms", 4)
    assert code == 0, err
    fate = fates(output)
    assert fate["FeO-5.3.5/vasprun.xml"]["status"] == "ok"
    text = (DATA / "FeO-5.3.5" / "OUTCAR").read_text()
    printed = [
        line.split() for line in re.findall(r"^(?: +-?\d+\.\d+){6}$", text, re.MULTILINE)
    ]
    forces = np.array(printed, dtype=float)[:, 3:]
    assert forces.shape == (12, 3)
    largest = np.linalg.norm(forces, axis=1).max()
    assert fate["FeO-5.3.5/vasprun.xml"]["force_max_eV_per_A"] == pytest.approx(
        largest, abs=1e-5
    )
    code, _, err = import_vasp(DATA, "--output", output, "--atoms", 2, "--force")
    assert code == 1
    assert "IVDW 0 / unknown" in err
    assert "VASP 6.4.2 / 5.3.5" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "labels.csv"), "expected a name that ends in .parquet"),
        (
            ("--output", "l.parquet", "--set", "nothing"),
            "--set nothing: expected one of the campaign's sets",
        ),
    ],
)
def test_mistakes_are_said(silicon, runs, tmp_path, monkeypatch, arguments, message):
    silicon("a/vasprun.xml", 1)
    monkeypatch.chdir(tmp_path)
    config = CONFIG if "--set" in arguments else ()
    code, _, err = import_vasp(runs, *arguments, *config)
    assert code == 1
    assert message in err


def test_a_path_without_runs_is_an_error(tmp_path, output):
    (tmp_path / "empty").mkdir()
    code, _, err = import_vasp(tmp_path / "empty", "--output", output)
    assert code == 1
    assert "none of 0 runs has a frame to learn from" in err
    assert not output.exists()
