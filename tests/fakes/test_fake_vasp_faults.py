"""The stand-in for VASP stops, is stopped and fails as VASP does."""

import os
import signal
import time

import numpy as np
import pytest
from custodian.vasp import handlers
from fake_vasp_runs import (
    NVE,
    RELAXATION,
    assert_same_places,
    inputs,
    read,
    start,
    steps_of,
    truth,
)
from pymatgen.io.vasp.inputs import Poscar
from pymatgen.io.vasp.outputs import Oszicar, Outcar

# They are made up, so pymatgen's list of POTCARs has none of them.
UNKNOWN_POTENTIALS = pytest.mark.filterwarnings("ignore:POTCAR data with symbol")


def wait_for(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("nothing happened in 8 s")


def test_lstop_ends_after_the_present_step(vasp, tmp_path, cell):
    folder = inputs(tmp_path / "soft", NVE | {"NSW": 100}, cell)
    process = start(folder, FAKE_VASP_STEP_S="0.1", FAKE_VASP_LOG=str(tmp_path / "log"))
    wait_for(
        lambda: (tmp_path / "log").exists() and "step" in (tmp_path / "log").read_text()
    )
    (folder / "STOPCAR").write_text("LSTOP = .TRUE.\n")
    assert process.wait(timeout=10) == 0
    assert not (folder / "STOPCAR").exists()
    assert Outcar(folder / "OUTCAR").is_stopped
    energies, places, _ = steps_of(folder)
    assert 1 <= len(energies) < 20
    second = vasp(NVE | {"NSW": 1}, poscar=folder / "CONTCAR")
    assert np.abs(steps_of(second)[1][0] - places[-1]).max() > 1e-4


def test_labort_ends_in_the_middle_with_unconverged_electrons(vasp, tmp_path, cell):
    folder = inputs(tmp_path / "hard", RELAXATION, cell)
    process = start(folder, FAKE_VASP_STEP_S="0.4")
    wait_for(lambda: "DAV:   1" in (folder / "vasp.out").read_text())
    (folder / "STOPCAR").write_text("LABORT = .TRUE.\n")
    assert process.wait(timeout=10) == 0
    (step,) = read(folder).ionic_steps
    assert len(step["electronic_steps"]) < 4
    assert abs(step["e_fr_energy"] - truth(step["structure"])[0]) > 1e-6
    assert "hard stop was set" in (folder / "OUTCAR").read_text()
    assert "reached required accuracy" not in (folder / "vasp.out").read_text()


def test_an_onlooker_finds_every_finished_step(tmp_path, cell, vasp):
    folder = inputs(tmp_path / "runs/looked-at", NVE, cell)
    process = start(folder, FAKE_VASP="hang:4", FAKE_VASP_LOG=str(tmp_path / "log"))
    wait_for((tmp_path / "pid").exists)
    with pytest.warns(UserWarning, match="XML is malformed"):
        energies, _, _ = steps_of(folder)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(energies) == 3
    assert len(Oszicar(folder / "OSZICAR").ionic_steps) >= 3
    whole = steps_of(vasp(NVE))
    np.testing.assert_array_equal(energies, whole[0][:3])
    following = Poscar.from_file(folder / "CONTCAR").structure.frac_coords
    assert_same_places(following, whole[1][3], 1e-8)
    log = (tmp_path / "log").read_text().splitlines()
    assert log[0] == f"start {process.pid} {folder}"
    assert log[1:] == [f"step {process.pid} {n}" for n in (1, 2, 3)]


CAUGHT = {
    "edddav": (handlers.VaspErrorHandler, {"edddav"}),
    "zbrent:3": (handlers.VaspErrorHandler, {"zbrent"}),
    "say:ERROR in subspace rotation PSSYEVX": (handlers.VaspErrorHandler, {"pssyevx"}),
}


@pytest.mark.parametrize("fault", CAUGHT)
def test_custodian_recognises_the_complaint(vasp, fault):
    handler, errors = CAUGHT[fault]
    folder, code = vasp(RELAXATION, check=False, FAKE_VASP=fault)
    assert code == 1
    found = handler()
    assert found.check(str(folder))
    assert found.errors == errors


@UNKNOWN_POTENTIALS
def test_a_line_search_that_failed_goes_on_once_repaired(vasp):
    folder, _ = vasp(RELAXATION, check=False, FAKE_VASP="zbrent")
    handler = handlers.VaspErrorHandler()
    assert handler.check(str(folder))
    actions = handler.correct(str(folder))["actions"]
    assert {"file": "CONTCAR", "action": {"_file_copy": {"dest": "POSCAR"}}} in actions
    process = start(folder, FAKE_VASP="zbrent")
    assert process.wait(timeout=30) == 0
    assert "reached required accuracy" in (folder / "vasp.out").read_text()


@UNKNOWN_POTENTIALS
def test_custodian_recognises_electrons_that_never_converge(vasp):
    incar = NVE | {"NSW": 13, "NELM": 7}
    folder = vasp(incar, FAKE_VASP="scf")
    assert handlers.NonConvergingErrorHandler().check(str(folder))
    assert handlers.UnconvergedErrorHandler().check(str(folder))
    healthy = vasp(incar, name="healthy")
    assert not handlers.NonConvergingErrorHandler().check(str(healthy))
    assert not handlers.UnconvergedErrorHandler().check(str(healthy))


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        ("crash:3", 1, "SIGSEGV"),
        ("diskfull:3", 1, "severe (38): error during write"),
        ("kill:3", -signal.SIGKILL, ""),
        ("truncated:3", 0, ""),
    ],
)
def test_a_run_cut_in_a_step_keeps_those_before_it(vasp, fault, expected, words):
    folder, code = vasp(NVE, check=False, FAKE_VASP=fault)
    assert code == expected
    assert words in (folder / "std_err.txt").read_text()
    with pytest.warns(UserWarning, match="XML is malformed"):
        energies, _, _ = steps_of(folder)
    assert len(energies) == 2


def test_a_fault_may_be_of_one_folder_and_of_one_attempt(vasp, tmp_path):
    fault = {"FAKE_VASP": "crash:2", "FAKE_VASP_ONLY": "bad", "check": False}
    assert vasp(NVE, name="good", **fault)[1] == 0
    assert vasp(NVE, name="bad", **fault)[1] == 1
    once = fault | {"FAKE_VASP_ONCE": str(tmp_path / "struck")}
    assert [vasp(NVE, name="bad", **once)[1] for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("name", ["INCAR", "POSCAR", "POTCAR", "KPOINTS"])
def test_a_missing_input_is_named(tmp_path, cell, vasp, name):
    folder = inputs(tmp_path / "lacking", NVE, cell)
    (folder / name).unlink()
    assert start(folder).wait(timeout=30) == 1
    assert f"No {name} found, STOPPING" in (folder / "vasp.out").read_text()
    assert not (folder / "vasprun.xml").exists()


def test_potentials_of_other_species_are_refused(tmp_path, cell, vasp):
    folder = inputs(tmp_path / "swapped", NVE, cell)
    lithium, oxygen = (folder / "POTCAR").read_text().split("End of Dataset\n")[:2]
    (folder / "POTCAR").write_text(f"{oxygen}End of Dataset\n{lithium}End of Dataset\n")
    assert start(folder).wait(timeout=30) == 1
    text = (folder / "vasp.out").read_text()
    assert "type information on POSCAR and POTCAR are incompatible" in text
