"""The engines of the presets, where they are installed, as engines and as labels.

.ci/engines    makes environments with CHGNet and with GPAW, and runs this file in each
"""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from ase.io import write

from confvib.reference.engine import RelaxationTask
from confvib.reference.factory import make_engine
from confvib.stages.enumerate_configurations import enumerate_configurations
from confvib.stages.evaluate_engine import evaluate_engine
from confvib.stages.job import Progress
from confvib.tables.engine_contracts import ENGINE_ENERGIES
from confvib.tables.parquet import read_table

# Of codes that are not ours.
pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).parents[3]
LATTICE_A = 4.08  # of LiH
SMALL = {  # what makes the preset of a large cell one of two atoms
    "chgnet": {},
    "gpaw": {"mode": {"name": "pw", "ecut": 350}, "kpts": [2, 2, 2]},
}
FILES = {"gpaw": ["gpaw_data/setups/Li.PBE.gz", "gpaw_data/setups/H.PBE.gz"]}
STEP_A = 5e-3
TOLERANCE_EV_PER_A = 2e-3


@pytest.fixture(scope="module", params=["chgnet", "gpaw"])
def name(request):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed; it is an extra of confvib")
    return request.param


@pytest.fixture(scope="module")
def settings(name):
    """The section of the preset, for a cell of two atoms."""
    preset = yaml.safe_load((ROOT / f"config/engines/{name}.yaml").read_text())
    section = preset["labels"]["ase"]
    return {
        "engine": "ase",
        "ase": {
            "calculator": section["calculator"],
            "kwargs": section["kwargs"] | SMALL[name],
            "files": FILES.get(name, section["files"]),
        },
    }


@pytest.fixture(scope="module")
def engine(settings):
    return make_engine(settings)


def lithium_hydride(displacement_A=0.0):
    atoms = bulk("LiH", "rocksalt", a=LATTICE_A)
    atoms.positions[1] += [0.3, 0.2, 0.1]
    atoms.positions[1, 0] += displacement_A
    return atoms


def frame(engine, atoms):
    trajectory = engine.relaxation_frames(atoms, RelaxationTask(1e3, 1))
    assert trajectory.reason == ""
    return trajectory.frames[0]


def test_forces_are_the_derivative_of_the_energy(engine):
    up, down = (
        frame(engine, lithium_hydride(sign * STEP_A)).energy_eV for sign in (1, -1)
    )
    found = frame(engine, lithium_hydride()).forces_eV_per_A
    slope = (up - down) / (2 * STEP_A)
    assert abs(slope) > 0.1  # displaced far enough for a force
    assert found[1, 0] == pytest.approx(-slope, abs=TOLERANCE_EV_PER_A)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=TOLERANCE_EV_PER_A)


def test_the_energy_knows_neither_the_origin_nor_the_order_of_atoms(engine):
    atoms = lithium_hydride()
    moved = atoms[[1, 0]]
    moved.positions += LATTICE_A * np.array([0.5, 0.5, 0.0])  # a lattice vector
    energies_eV = [frame(engine, each).energy_eV for each in (atoms, moved)]
    assert energies_eV[1] == pytest.approx(energies_eV[0], abs=2e-4)


def test_the_symmetric_crystal_is_a_minimum_and_a_row(settings, tmp_path):
    cif, table, output = (
        str(tmp_path / n) for n in ("a.cif", "set.parquet", "e.parquet")
    )
    write(cif, bulk("LiH", "rocksalt", a=LATTICE_A))
    crystal = {
        "site_groups": {"H1": "H"},
        "supercell": None,
        "symmetry_tolerance_A": 0.01,
        "distance_rules": [],
        "equivalence": "symmetry",
        "contact_cutoff_A": 2.0,
    }
    progress = Progress("presets", io.StringIO())
    shared = {"crystal": crystal, "seed": 1, "config_hash": "set"}
    drawn = {"counts": {"H1": 1}, "draw": None, "imported": ""}
    enumerate_configurations(cif, table, "LiH", shared | drawn, progress)
    params = shared | {
        "name": "preset",
        "engine": settings,
        "settings": {"relax": True, "fmax_eV_per_A": 0.02, "max_steps": 3},
        "slice": {"of": "sample", "start": 0, "stop": 1},
        "scratch": str(tmp_path),
        "kept": str(tmp_path),
        "restart": str(tmp_path / "restart"),
        "code": "code",
        "expected": {"configurations": "set", "first": ""},
    }
    evaluate_engine(cif, table, [], output, params, {"runtime": 60}, progress)
    rows = read_table(output, ENGINE_ENERGIES).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "ok", "ok"]
    assert {row["n_steps"] for row in rows} == {0}  # forces vanish by symmetry
    other = settings | {"ase": settings["ase"] | {"files": settings["ase"]["files"][:0]}}
    without = make_engine(other)
    (level,) = {row["level_of_theory"] for row in rows}
    assert level != without.level_of_theory
