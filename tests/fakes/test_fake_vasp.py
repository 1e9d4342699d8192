"""The stand-in keeps VASP's file interface, as pymatgen and custodian read it."""

import json
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
from ase.build import bulk
from ase.calculators.lj import LennardJones
from custodian.vasp import handlers
from fake_potcars import potcar_text
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar
from pymatgen.io.vasp.outputs import Oszicar, Outcar, Vasprun, Xdatcar

from confvib.units import KINETIC_EV

FAKE_VASP = Path(__file__).with_name("fake_vasp.py")
LENNARD_JONES = {"epsilon": 0.3, "sigma": 1.9, "rc": 4.0}
MASSES_AMU = np.repeat([6.94, 15.999], 4)[:, None]
# They are made up, so pymatgen's list of POTCARs has none of them.
UNKNOWN_POTENTIALS = pytest.mark.filterwarnings("ignore:POTCAR data with symbol")
SYMBOLS = {"Li": ("Li_sv", 3.0), "O": ("O", 6.0)}
COMMON = {"ENCUT": 500, "NELM": 20, "ISMEAR": 0, "EDIFF": 1e-5}
RELAXATION = COMMON | {"IBRION": 2, "NSW": 40, "EDIFFG": -0.01}
NVE = COMMON | {"IBRION": 0, "SMASS": -3, "POTIM": 1.0, "NSW": 8, "TEBEG": 300}
RAMP = NVE | {"SMASS": -1, "TEBEG": 100, "TEEND": 500, "NSW": 8}
ANDERSEN = NVE | {"MDALGO": 1, "ANDERSEN_PROB": 0.4, "SMASS": 0, "RANDOM_SEED": "7 0 0"}
TASKS = {"relaxation": RELAXATION, "nve": NVE, "ramp": RAMP, "andersen": ANDERSEN}


@pytest.fixture
def cell():
    """Return four Li and four O, displaced, with velocities of no momentum [Å/fs]."""
    atoms = bulk("Li", "fcc", a=3.0, cubic=True) * (2, 1, 1)
    generator = np.random.default_rng(3)
    places = atoms.positions + generator.normal(0, 0.05, (8, 3))
    velocities = generator.normal(0, 0.01, (8, 3))
    velocities -= (MASSES_AMU * velocities).sum(axis=0) / MASSES_AMU.sum()
    structure = Structure(
        Lattice(atoms.cell.array),
        ["Li"] * 4 + ["O"] * 4,
        places,
        coords_are_cartesian=True,
    )
    return structure, velocities


@pytest.fixture
def vasp(tmp_path, monkeypatch, cell):
    """Return a function that runs the stand-in; INCAR as given, POSCAR from ``cell``."""
    monkeypatch.setenv("FAKE_VASP_LJ", json.dumps(LENNARD_JONES))
    for name in ("FAKE_VASP", "FAKE_VASP_ONLY", "FAKE_VASP_ONCE", "FAKE_VASP_STEP_S"):
        monkeypatch.delenv(name, raising=False)

    def run(incar, name="run", poscar=None, *, check=True, **environment):
        folder = inputs(tmp_path / name, incar, cell)
        if poscar is not None:
            shutil.copy(poscar, folder / "POSCAR")
        process = start(folder, **environment)
        code = process.wait(timeout=60)
        assert not check or code == 0, (folder / "vasp.out").read_text()
        return folder if check else (folder, code)

    return run


def inputs(folder, incar, cell):
    structure, velocities = cell
    folder.mkdir(exist_ok=True, parents=True)
    Incar(incar).write_file(folder / "INCAR")
    Kpoints.gamma_automatic((1, 1, 1)).write_file(folder / "KPOINTS")
    moving = velocities.tolist() if incar["IBRION"] == 0 else None
    poscar = Poscar(structure, velocities=moving, sort_structure=False)
    poscar.write_file(folder / "POSCAR")
    texts = (potcar_text(el, *SYMBOLS[el]) for el in poscar.site_symbols)
    (folder / "POTCAR").write_text("".join(texts))
    return folder


def start(folder, **environment):
    """Start the stand-in as custodian does: output to files, in a session of its own."""
    with (
        (folder / "vasp.out").open("w") as out,
        (folder / "std_err.txt").open("w") as err,
    ):
        return subprocess.Popen(
            [sys.executable, FAKE_VASP],
            cwd=folder,
            stdout=out,
            stderr=err,
            start_new_session=True,
            env=os.environ | environment,
        )


def read(folder, **options):
    return Vasprun(
        folder / "vasprun.xml",
        parse_dos=False,
        parse_eigen=False,
        parse_potcar_file=False,
        **options,
    )


def truth(structure):
    """Return energy [eV] and forces [eV/Å] by ASE's Lennard-Jones potential."""
    atoms = Atoms(
        [site.specie.Z for site in structure],
        structure.cart_coords,
        cell=structure.lattice.matrix,
        pbc=True,
        calculator=LennardJones(**LENNARD_JONES),
    )
    return atoms.get_potential_energy(), atoms.get_forces()


def steps_of(folder):
    """Return energies [eV], direct coordinates and kinetic energies [eV] of each step."""
    steps = read(folder, exception_on_bad_xml=False).ionic_steps
    energies = np.array([step["e_fr_energy"] for step in steps])
    places = np.array([step["structure"].frac_coords for step in steps])
    return energies, places, np.array([step.get("kinetic", np.nan) for step in steps])


def assert_same_places(left, right, atol):
    np.testing.assert_allclose((left - right + 0.5) % 1.0, 0.5, atol=atol)


# Xdatcar counts the lines of a file that it leaves open.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("task", TASKS)
def test_every_file_tells_the_same_of_every_step(vasp, task):
    folder = vasp(TASKS[task])
    run, outcar = read(folder), Outcar(folder / "OUTCAR")
    oszicar, xdatcar = Oszicar(folder / "OSZICAR"), Xdatcar(folder / "XDATCAR")
    steps = run.ionic_steps
    assert run.vasp_version.strip() == "6.4.2"
    assert run.potcar_symbols == ["PAW_PBE Li_sv 01Jan2000", "PAW_PBE O 01Jan2000"]
    assert run.parameters["NSW"] == TASKS[task]["NSW"]
    assert run.converged
    assert len(steps) == len(oszicar.ionic_steps) == len(xdatcar.structures) > 3
    outcar.read_pattern(
        {
            "free": r"free  energy   TOTEN  =\s+(\S+)",
            "loops": r"LOOP\+:.+real time\s+(\S+)",
        },
        postprocess=float,
    )
    forces = outcar.read_table_pattern(
        r"TOTAL-FORCE \(eV/Angst\)\s*-+",
        r"\s+" + r"\s+".join([r"(\S+)"] * 6),
        r"-+",
        postprocess=float,
        last_one_only=False,
    )
    for index, step in enumerate(steps):
        energy, expected = truth(step["structure"])
        assert step["e_fr_energy"] == pytest.approx(energy, abs=1e-6)
        np.testing.assert_allclose(step["forces"], expected, atol=1e-5)
        np.testing.assert_allclose(
            np.array(forces[index])[:, 3:], step["forces"], atol=1e-5
        )
        assert outcar.data["free"][index][0] == pytest.approx(step["e_fr_energy"])
        assert oszicar.ionic_steps[index]["F"] == pytest.approx(
            step["e_fr_energy"], rel=1e-6
        )
        assert len(oszicar.electronic_steps[index]) == len(step["electronic_steps"])
        assert_same_places(
            xdatcar.structures[index].frac_coords, step["structure"].frac_coords, 1e-7
        )
        if "kinetic" in step:
            assert oszicar.ionic_steps[index]["E"] == pytest.approx(
                step["e_fr_energy"] + step["kinetic"], rel=1e-6
            )
    assert len(outcar.data["loops"]) == len(steps)
    assert outcar.nelect == 4 * 3.0 + 4 * 6.0
    assert outcar.run_stats["Elapsed time (sec)"] > 0
    assert not outcar.is_stopped


def test_a_relaxation_ends_at_a_minimum(vasp):
    folder = vasp(RELAXATION)
    steps = read(folder).ionic_steps
    largest = np.linalg.norm(steps[-1]["forces"], axis=1).max()
    assert largest < 0.01 < np.linalg.norm(steps[-2]["forces"], axis=1).max()
    assert "reached required accuracy" in (folder / "vasp.out").read_text()
    relaxed = Poscar.from_file(folder / "CONTCAR").structure
    assert_same_places(relaxed.frac_coords, steps[-1]["structure"].frac_coords, 1e-8)


def test_a_relaxation_by_energy_stops_at_its_change(vasp):
    energies, _, _ = steps_of(vasp(RELAXATION | {"EDIFFG": 1e-4}))
    changes = np.abs(np.diff(energies))
    assert changes[-1] < 1e-4 <= changes[:-1].min()


def test_nve_conserves_energy_to_second_order_in_the_time_step(vasp):
    """Compare two time steps over the same 32 fs: a drift would not shrink fourfold."""
    errors = []
    for potim, nsw in ((2.0, 17), (1.0, 33)):
        folder = vasp(NVE | {"POTIM": potim, "NSW": nsw}, name=f"nve-{potim}")
        energies, _, kinetic = steps_of(folder)
        total = energies + kinetic
        assert np.ptp(kinetic) > 0.05
        errors.append(np.ptp(total))
    assert errors[0] < 0.05 * np.ptp(kinetic)
    assert 3 < errors[0] / errors[1] < 5


def test_the_first_kinetic_energy_is_that_of_poscar(vasp, cell):
    _, _, kinetic = steps_of(vasp(NVE))
    expected = 0.5 * KINETIC_EV * (MASSES_AMU * cell[1] ** 2).sum()
    assert kinetic[0] == pytest.approx(expected, rel=1e-6)


def test_a_ramp_has_the_temperatures_of_vasp(vasp):
    _, _, kinetic = steps_of(vasp(RAMP))
    temperatures = 2 * kinetic / (3 * 8 - 3) / 8.617333262e-5
    np.testing.assert_allclose(temperatures, 100 + 400 * np.arange(1, 9) / 8, rtol=1e-6)


@pytest.mark.parametrize("task", ["nve", "ramp", "andersen"])
def test_a_run_continued_from_contcar_is_the_undisturbed_one(vasp, task):
    """Compare to the eight digits of VASP's velocities."""
    incar = TASKS[task]
    energies, places, kinetic = steps_of(vasp(incar, name="whole"))
    halves = {
        "nve": ({"NSW": 3}, {"NSW": 5}),
        "ramp": ({"NSW": 3, "TEEND": 250}, {"NSW": 5, "TEBEG": 250}),
        "andersen": ({"NSW": 3}, {"NSW": 5, "RANDOM_SEED": "7 3 0"}),
    }[task]
    first = vasp(incar | halves[0], name="first")
    second = vasp(incar | halves[1], name="second", poscar=first / "CONTCAR")
    parts = [steps_of(folder) for folder in (first, second)]
    np.testing.assert_allclose(np.concatenate([p[0] for p in parts]), energies, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([p[2] for p in parts]), kinetic, atol=1e-6)
    assert_same_places(np.concatenate([p[1] for p in parts]), places, 1e-7)


def test_contcar_without_its_predictor_block_is_another_run(vasp):
    energies, _, _ = steps_of(vasp(NVE, name="whole"))
    first = vasp(NVE | {"NSW": 3}, name="first")
    bare = first / "BARE"
    blocks = (first / "CONTCAR").read_text().split("\n\n")
    assert len(blocks) == 3
    bare.write_text("\n\n".join(blocks[:2]) + "\n")
    second = vasp(NVE | {"NSW": 5}, name="second", poscar=bare)
    assert np.abs(steps_of(second)[0] - energies[3:]).max() > 1e-4


def test_collisions_draw_from_the_temperature_asked_for(vasp):
    """With every atom hit in every step, 21 free degrees of 24 give (24 / 21) T."""
    incar = ANDERSEN | {"ANDERSEN_PROB": 1.0, "NSW": 60, "TEBEG": 400, "TEEND": 400}
    _, _, kinetic = steps_of(vasp(incar))
    mean_eV = kinetic.mean()
    expected_eV = 1.5 * 8 * 8.617333262e-5 * 400
    standard_error_eV = expected_eV * np.sqrt(2 / 24 / 60)
    assert abs(mean_eV - expected_eV) < 4 * standard_error_eV


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
