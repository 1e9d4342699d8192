"""The stand-in keeps VASP's file interface, as pymatgen reads it, and its physics."""

import numpy as np
import pytest
from fake_vasp_runs import (
    ANDERSEN,
    MASSES_AMU,
    NVE,
    RAMP,
    RELAXATION,
    assert_same_places,
    read,
    steps_of,
    truth,
)
from pymatgen.io.vasp.inputs import Poscar
from pymatgen.io.vasp.outputs import Oszicar, Outcar, Xdatcar

from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV

TASKS = {"relaxation": RELAXATION, "nve": NVE, "ramp": RAMP, "andersen": ANDERSEN}


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
    temperatures = 2 * kinetic / (3 * 8 - 3) / BOLTZMANN_EV_PER_K
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
    expected_eV = 1.5 * 8 * BOLTZMANN_EV_PER_K * 400
    standard_error_eV = expected_eV * np.sqrt(2 / 24 / 60)
    assert abs(mean_eV - expected_eV) < 4 * standard_error_eV
