"""Label jobs with VASP, which a stand-in that follows the ionic potential plays."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from fake_potcars import write_library

from confvib.reference.ionic import IonicCalculator
from confvib.tables.contracts import LABELS
from confvib.tables.parquet import read_table

pytestmark = pytest.mark.slow

FAKE_VASP = Path(__file__).parents[1] / "fakes/fake_vasp.py"
VASP = {
    "labels": {
        "engine": "vasp",
        "vasp": {
            "command": f"'{sys.executable}' '{FAKE_VASP}'",
            "ediffg": -0.1,
            "poll_s": 1,
        },
        "relaxation": {"max_steps": 60},
        "heating": {"start_K": 100, "end_K": 700, "n_steps": 40},
    }
} | {
    stage: {"potential": "relax"}
    for stage in ("relaxation", "harmonic", "dynamics", "crosscheck")
}
SYMBOLS = {"Li": "Li_GW", "La": "La_GW", "Zr": "Zr_sv_GW", "O": "O_GW"}
RELAXATION = "results/toy/labels/relaxation/0000.parquet"
HEATING = "results/toy/labels/heating/0000.parquet"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Offer VASP's pseudopotentials, and let a second start of JAX compile nothing."""
    root = tmp_path_factory.mktemp("vasp")
    write_library(root / "potcars", SYMBOLS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PMG_VASP_PSP_DIR", str(root / "potcars"))
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(root / "jax"))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        for name in ("FAKE_VASP_LJ", "FAKE_VASP_IONIC", "FAKE_VASP", "FAKE_VASP_STEP_S"):
            patch.delenv(name, raising=False)
        yield patch


@pytest.fixture(scope="module")
def labelled(environment, workflow, tmp_path_factory):
    """Label with a VASP that crashes once, in the first of two relaxations."""
    run = workflow(tmp_path_factory.mktemp("labelled"))
    with environment.context() as patch:
        patch.setenv("FAKE_VASP", "crash:3")
        patch.setenv("FAKE_VASP_ONLY", "/relaxation/")
        patch.setenv("FAKE_VASP_ONCE", str(run.folder / "crashed"))
        run.run("--cores", "2", RELAXATION, HEATING, changes=VASP)
    return run


def frames(rows):
    """Yield the atoms of each row, with energy [eV] and forces [eV/Å] of VASP."""
    for row in rows:
        atoms = Atoms(
            row["numbers"],
            np.reshape(row["positions"], (-1, 3)),
            cell=np.reshape(row["cell"], (3, 3)),
            pbc=True,
        )
        yield atoms, row["energy_eV"], np.reshape(row["forces_eV_per_A"], (-1, 3))


def assert_labels_are_the_potentials(rows):
    calculator = IonicCalculator()
    for atoms, energy_eV, forces in frames(rows):
        atoms.calc = calculator
        # vasprun.xml prints eight decimals, of the positions as well.
        assert energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
        np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-5)


def test_labels_by_vasp_are_those_of_its_potential(labelled):
    rows = read_table(labelled.folder / HEATING, LABELS).to_pylist()
    assert [row["frame"] for row in rows] == list(range(41))
    assert {row["status"] for row in rows} == {"ok"}
    assert len({row["level_of_theory"] for row in rows}) == 1
    assert rows[0]["level_of_theory"].startswith("vasp-")
    temperatures = [row["temperature_K"] for row in rows]
    expected = 100 + 600 * np.arange(1, 42) / 41
    np.testing.assert_allclose(temperatures, expected, rtol=1e-4)
    assert_labels_are_the_potentials(rows)


def test_a_crash_costs_the_rest_of_one_relaxation(labelled):
    rows = read_table(labelled.folder / RELAXATION, LABELS).to_pylist()
    crashed, relaxed = dict.fromkeys(row["config_id"] for row in rows)
    of_crashed = [row for row in rows if row["config_id"] == crashed]
    assert [row["status"] for row in of_crashed] == ["ok", "ok", "failed_label"]
    reason = of_crashed[-1]["reason"]
    assert "Job return code is 1" in reason
    assert "SIGSEGV" in reason
    kept = Path(reason.rpartition("Folder kept: ")[2])
    assert (kept / "vasprun.xml").is_file()
    assert labelled.folder in kept.parents
    of_relaxed = [row for row in rows if row["config_id"] == relaxed]
    assert {row["status"] for row in of_relaxed} == {"ok"}
    final = np.reshape(of_relaxed[-1]["forces_eV_per_A"], (-1, 3))
    assert np.linalg.norm(final, axis=1).max() < 0.1
    assert_labels_are_the_potentials(of_crashed[:-1] + of_relaxed)
    assert not list((labelled.folder / "results/toy/scratch").rglob("vasprun.xml"))


def test_a_job_that_was_killed_goes_on_where_it_was(
    labelled, environment, workflow, tmp_path
):
    """Kill Snakemake and the job, not VASP: it has a session of its own and goes on."""
    again = workflow(tmp_path / "again")
    shutil.copytree(labelled.folder, again.folder)
    (again.folder / HEATING).unlink()
    log = tmp_path / "steps"
    with environment.context() as patch:
        patch.setenv("FAKE_VASP_LOG", str(log))
        patch.setenv("FAKE_VASP", "hang:6")
        patch.setenv("FAKE_VASP_ONCE", str(tmp_path / "hung"))
        kill_once(again, HEATING, until=(tmp_path / "hung").exists)
        # As after --unlock, which would cost a start of Snakemake.
        answer = again.run("--nolock", "--cores", "1", HEATING, changes=VASP)
    assert "that a killed job left" in answer.stderr, answer.stderr
    lines = [line.split() for line in log.read_text().splitlines()]
    first, second = [pid for event, pid, _ in lines if event == "start"]
    steps = [(pid, int(number)) for event, pid, number in lines if event == "step"]
    assert steps == [
        *((first, number) for number in range(1, 6)),
        *((second, number) for number in range(1, 37)),
    ]
    undisturbed = read_table(labelled.folder / HEATING, LABELS).to_pylist()
    resumed = read_table(again.folder / HEATING, LABELS).to_pylist()
    assert [without_numbers(row) for row in resumed] == [
        without_numbers(row) for row in undisturbed
    ]
    for name, atol in (("positions", 1e-6), ("energy_eV", 1e-5), ("temperature_K", 1e-3)):
        np.testing.assert_allclose(
            [row[name] for row in resumed], [row[name] for row in undisturbed], atol=atol
        )
    assert_labels_are_the_potentials(resumed)


def kill_once(run, target, until):
    running = subprocess.Popen(
        run.command("--cores", "1", target, changes=VASP),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not until():
        assert running.poll() is None, "ended before it was killed"
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def without_numbers(row):
    """Leave out what VASP prints with eight digits, velocities of CONTCAR among them."""
    rounded = {"positions", "energy_eV", "forces_eV_per_A", "temperature_K"}
    return {name: value for name, value in row.items() if name not in rounded}


def test_a_missing_library_is_one_sentence(labelled, environment):
    changes = VASP | {"labels": VASP["labels"] | {"heating": {"trajectories": 2}}}
    target = HEATING.replace("0000", "0001")
    with environment.context() as patch:
        patch.setenv("PMG_VASP_PSP_DIR", str(labelled.folder / "nowhere"))
        answer = labelled.run("--cores", "1", target, changes=changes, check=False)
    assert answer.returncode == 1
    (told,) = {line for line in answer.stderr.splitlines() if "LabelError" in line}
    assert "PMG_VASP_PSP_DIR is" in told
    assert "nowhere', which is not a directory" in told
    assert "Traceback" not in answer.stderr.partition("LabelError")[0]
