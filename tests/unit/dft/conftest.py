"""A VASP installation made of nothing: a program, a POTCAR library, a cell."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones

from confvib.dft.deadline import Deadline
from confvib.dft.engine import VaspEngine
from confvib.dft.settings import VaspSettings
from confvib.errors import Interrupted
from confvib.reference.engine import DynamicsTask, HeatingTask, RelaxationTask

LENNARD_JONES = {"epsilon": 0.3, "sigma": 1.9, "rc": 4.0}
FAKE_VASP = Path(__file__).parents[2] / "fakes/fake_vasp.py"
# Only the layout of a POTCAR; the numbers mean nothing.
POTCAR = """  {title}
   1.00000000000000
 parameters from PSCTR are:
   VRHFIN ={element}: made up
   LEXCH  = PE
   TITEL  = {title}
   POMASS = {mass:8.3f}; ZVAL   =    1.000    mass and valenz
   ENMAX  =  100.000; ENMIN  =   75.000 eV
 END of PSCTR-controll parameters
 local part
   1.0 2.0 3.0
 End of Dataset
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Make a POTCAR library of Li and O, one in each layout, and point pymatgen at it."""
    root = tmp_path / "potcars"
    folder = root / "POT_GGA_PAW_PBE_54"
    (folder / "O_GW").mkdir(parents=True)
    lithium = POTCAR.format(title="PAW_PBE Li_sv_GW 01Jan2000", element="Li", mass=6.94)
    oxygen = POTCAR.format(title="PAW_PBE O_GW 01Jan2000", element="O", mass=15.999)
    (folder / "POTCAR.Li_sv_GW").write_text(lithium)
    (folder / "O_GW" / "POTCAR").write_text(oxygen)
    monkeypatch.setenv("PMG_VASP_PSP_DIR", str(root))
    return folder


@pytest.fixture
def values():
    """Return settings as a configuration would give them."""
    return {
        "command": f"'{sys.executable}' '{FAKE_VASP}'",
        "incar": {"ENCUT": 500, "PREC": "Accurate", "EDIFF": "1e-5", "ISMEAR": 0},
        "potcar_functional": "PBE_54",
        "potcar_symbols": {"Li": "Li_sv_GW", "O": "O_GW"},
        "kpoints": [1, 1, 1],
        "ediffg": 1e-4,
        "poll_s": 0.05,
    }


@pytest.fixture
def settings(values):
    return VaspSettings.from_mapping(values)


@pytest.fixture(autouse=True)
def potential(monkeypatch):
    """Let VASP compute what it says it computes, and nothing go wrong."""
    for name in ("FAKE_VASP", "FAKE_VASP_ONCE", "FAKE_VASP_STEP_S", "FAKE_VASP_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FAKE_VASP_LJ", json.dumps(LENNARD_JONES))


@pytest.fixture
def make_engine(settings, library, tmp_path):
    """Make engines whose settings differ from the usual ones as told."""

    def make(deadline=None, **changes):
        changed = replace(settings, **changes)
        return VaspEngine(changed, tmp_path / "scratch", tmp_path / "kept", deadline)

    return make


@pytest.fixture
def engine(make_engine):
    return make_engine()


@pytest.fixture
def cell() -> Atoms:
    """Return eight displaced atoms, Li and O alternating: an order POSCAR cannot have."""
    atoms = bulk("Li", "fcc", a=3.0, cubic=True) * (2, 1, 1)
    atoms.symbols[1::2] = "O"
    atoms.positions += np.random.default_rng(7).normal(0, 0.05, atoms.positions.shape)
    atoms.wrap()
    return atoms


@pytest.fixture
def truth():
    """Return energy and forces of a frame, from the potential the fake VASP follows."""

    def evaluate(frame):
        atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=True)
        atoms.calc = LennardJones(**LENNARD_JONES)
        return atoms.get_potential_energy(), atoms.get_forces()

    return evaluate


class StepLog:
    """Count the starts and ionic steps that VASP notes in a file."""

    def __init__(self, path):
        self.path = path

    def lines(self):
        return self.path.read_text().splitlines() if self.path.is_file() else []

    def n_steps(self):
        return sum(line.startswith("step") for line in self.lines())

    def reached(self, n_steps):
        """Return what asks a job to end after so many further steps, like SIGTERM."""
        wanted = self.n_steps() + n_steps
        return Deadline(lambda: self.n_steps() >= wanted)


@pytest.fixture
def log(tmp_path, monkeypatch):
    path = tmp_path / "steps.log"
    monkeypatch.setenv("FAKE_VASP_LOG", str(path))
    return StepLog(path)


@pytest.fixture
def run_folder(tmp_path):
    return tmp_path / "scratch" / "cfg-7"


@pytest.fixture
def label(cell):
    """Carry out a task of any kind under a name."""
    methods = {
        HeatingTask: "heating_frames",
        DynamicsTask: "dynamics_frames",
        RelaxationTask: "relaxation_frames",
    }

    def carry_out(engine, task, run="cfg-7"):
        return getattr(engine, methods[type(task)])(cell, task, run)

    return carry_out


@pytest.fixture
def cut_after(make_engine, label, log, monkeypatch):
    """Ask a job to end after so many further steps; return what it says."""

    def cut(n_steps, task):
        with monkeypatch.context() as patch:
            patch.setenv("FAKE_VASP_STEP_S", "0.08")
            engine = make_engine(log.reached(n_steps), poll_s=0.02)
            with pytest.raises(Interrupted) as caught:
                label(engine, task)
        return str(caught.value)

    return cut
