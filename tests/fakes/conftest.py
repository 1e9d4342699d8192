"""Eight atoms, and a stand-in for VASP to compute them."""

import json
import shutil

import numpy as np
import pytest
from ase.build import bulk
from fake_vasp_runs import LENNARD_JONES, MASSES_AMU, inputs, start
from pymatgen.core import Lattice, Structure


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
