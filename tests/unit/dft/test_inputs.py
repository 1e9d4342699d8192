from dataclasses import replace

import numpy as np
import pytest
from ase.constraints import FixAtoms
from ase.units import fs
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

from confvib.dft.inputs import (
    dynamics_inputs,
    heating_inputs,
    relaxation_inputs,
)
from confvib.dft.potcars import read_potcars
from confvib.dft.settings import VaspSettings
from confvib.dft.velocities import thermal_velocities
from confvib.errors import LabelError
from confvib.reference.engine import DynamicsTask, HeatingTask, RelaxationTask
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV

RELAXATION = RelaxationTask(fmax_eV_per_A=0.08, max_steps=150)
HEATING = HeatingTask(start_K=10, end_K=2610, n_steps=5200, timestep_fs=1.0, seed=1)
USER_KEYS = {"ENCUT": 500.0, "PREC": "Accurate", "EDIFF": 1e-5, "ISMEAR": 0}


@pytest.fixture
def potcars(settings, library):
    return read_potcars(settings)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "calculation"
    path.mkdir()
    return path


def test_relaxation_incar(cell, settings, potcars, folder):
    relaxation_inputs(cell, RELAXATION, settings, potcars).write(folder)
    task_keys = {"IBRION": 2, "ISIF": 2, "NSW": 150, "EDIFFG": 1e-4}
    assert dict(Incar.from_file(folder / "INCAR")) == USER_KEYS | task_keys


def test_without_ediffg_the_largest_force_stops_a_relaxation(cell, settings, potcars):
    by_force = replace(settings, ediffg=None)
    inputs = relaxation_inputs(cell, RELAXATION, by_force, potcars)
    assert inputs.incar["EDIFFG"] == -0.08


def test_heating_incar(cell, settings, potcars, folder):
    heating_inputs(cell, HEATING, settings, potcars).write(folder)
    assert dict(Incar.from_file(folder / "INCAR")) == USER_KEYS | {
        "IBRION": 0,
        "MDALGO": 0,
        "SMASS": -1.0,
        "TEBEG": 10.0,
        "TEEND": 2610.0,
        "POTIM": 1.0,
        "NSW": 5201,
        "ISIF": 2,
        "ISYM": 0,
        "NBLOCK": 1,
    }


def test_heating_sets_its_own_time_step_and_symmetry(cell, values, potcars):
    values["incar"] |= {"potim": 0.4, "ISYM": 2}
    settings = VaspSettings.from_mapping(values)
    relaxing = relaxation_inputs(cell, RELAXATION, settings, potcars).incar
    heating = heating_inputs(cell, HEATING, settings, potcars).incar
    assert (relaxing["POTIM"], relaxing["ISYM"]) == (0.4, 2)
    assert (heating["POTIM"], heating["ISYM"]) == (1.0, 0)


def test_kpoints_are_one_gamma_point(cell, settings, potcars, folder):
    relaxation_inputs(cell, RELAXATION, settings, potcars).write(folder)
    kpoints = Kpoints.from_file(folder / "KPOINTS")
    assert kpoints.style == Kpoints.supported_modes.Gamma
    assert kpoints.kpts == [(1, 1, 1)]
    assert tuple(kpoints.kpts_shift) == (0, 0, 0)


def test_poscar_groups_elements_and_potcar_follows(cell, settings, potcars, folder):
    inputs = heating_inputs(cell, HEATING, settings, potcars)
    inputs.write(folder)
    poscar = Poscar.from_file(folder / "POSCAR", check_for_potcar=False)
    assert (poscar.site_symbols, poscar.natoms) == (["Li", "O"], [4, 4])
    np.testing.assert_array_equal(inputs.order, [0, 2, 4, 6, 1, 3, 5, 7])
    written = poscar.structure
    np.testing.assert_allclose(written.lattice.matrix, cell.cell.array, atol=1e-14)
    np.testing.assert_allclose(
        written.cart_coords, cell.positions[inputs.order], atol=1e-13
    )
    np.testing.assert_allclose(
        poscar.velocities, inputs.velocities[inputs.order], rtol=1e-10
    )
    titles = [
        line.split()[-2]
        for line in (folder / "POTCAR").read_text().splitlines()
        if "TITEL" in line
    ]
    assert titles == ["Li_sv_GW", "O_GW"]


def test_velocities_have_the_temperature_and_no_momentum(cell):
    masses = cell.get_masses()
    velocities = thermal_velocities(masses, 750.0, seed=5)
    cell.set_velocities(velocities / fs)
    # ASE counts 3N degrees of freedom; three of them are the cell's momentum.
    n = len(cell)
    assert cell.get_temperature() * n / (n - 1) == pytest.approx(750.0, rel=1e-6)
    np.testing.assert_allclose(masses @ velocities, 0, atol=1e-15)


def test_light_atoms_are_faster_by_the_root_of_the_mass():
    masses = np.repeat([1.0, 16.0], 4000)
    velocities = thermal_velocities(masses, 300.0, seed=2)
    light, heavy = velocities[:4000].std(), velocities[4000:].std()
    assert light / heavy == pytest.approx(4.0, rel=0.03)


def test_one_atom_cannot_be_heated(cell, settings, potcars):
    with pytest.raises(LabelError, match=r"1 atom\(s\) have no temperature"):
        heating_inputs(cell[:1], HEATING, settings, potcars)


def test_cells_that_vasp_would_change_are_refused(cell, settings, potcars):
    left_handed = cell.copy()
    left_handed.set_cell(cell.cell.array[[1, 0, 2]])
    with pytest.raises(LabelError, match=r"volume -54 Å³; VASP expects .*right"):
        relaxation_inputs(left_handed, RELAXATION, settings, potcars)
    cell.set_constraint(FixAtoms([0]))
    with pytest.raises(LabelError, match=r"1 constraint\(s\), expected none"):
        relaxation_inputs(cell, RELAXATION, settings, potcars)


def test_element_without_potcar_is_named(cell, settings, potcars):
    cell.symbols[0] = "Zr"
    with pytest.raises(LabelError, match=r"holds \['Zr'\], for which there is no POTCAR"):
        relaxation_inputs(cell, RELAXATION, settings, potcars)


@pytest.mark.parametrize(
    ("probability", "ensemble"),
    [
        (0.0, {"MDALGO": 0, "SMASS": -3}),
        (0.5, {"MDALGO": 1, "ANDERSEN_PROB": 0.5, "RANDOM_SEED": [5, 0, 0]}),
    ],
)
def test_dynamics_are_microcanonical_or_andersens(
    cell, settings, potcars, probability, ensemble
):
    task = DynamicsTask(320.0, 640.0, 4000, 1.0, 5, collision_probability=probability)
    inputs = dynamics_inputs(cell, task, settings, potcars)
    wanted = ensemble | {"IBRION": 0, "NSW": 4001, "TEBEG": 320, "TEEND": 320}
    assert {key: inputs.incar[key] for key in wanted} == wanted
    masses = cell.get_masses()[:, None]
    kinetic_eV = 0.5 * KINETIC_EV * (masses * inputs.velocities**2).sum()
    freedom = 3 * len(cell) - 3
    assert 2 * kinetic_eV / (freedom * BOLTZMANN_EV_PER_K) == pytest.approx(640.0)
