"""A VASP installation made of nothing: a program, a POTCAR library, a cell."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones

from confvib.dft.engine import VaspEngine
from confvib.dft.settings import VaspSettings

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


@pytest.fixture
def engine(settings, library, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VASP_LJ", json.dumps(LENNARD_JONES))
    monkeypatch.delenv("FAKE_VASP", raising=False)
    return VaspEngine(settings, tmp_path / "scratch", tmp_path / "kept")


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
