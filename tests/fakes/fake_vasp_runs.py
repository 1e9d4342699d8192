"""Calculations of the stand-in for VASP, set up and read as a driver would."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.lj import LennardJones
from fake_potcars import potcar_text
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar
from pymatgen.io.vasp.outputs import Vasprun

FAKE_VASP = Path(__file__).with_name("fake_vasp.py")
LENNARD_JONES = {"epsilon": 0.3, "sigma": 1.9, "rc": 4.0}
MASSES_AMU = np.repeat([6.94, 15.999], 4)[:, None]
SYMBOLS = {"Li": ("Li_sv", 3.0), "O": ("O", 6.0)}
COMMON = {"ENCUT": 500, "NELM": 20, "ISMEAR": 0, "EDIFF": 1e-5}
RELAXATION = COMMON | {"IBRION": 2, "NSW": 40, "EDIFFG": -0.01}
NVE = COMMON | {"IBRION": 0, "SMASS": -3, "POTIM": 1.0, "NSW": 8, "TEBEG": 300}
RAMP = NVE | {"SMASS": -1, "TEBEG": 100, "TEEND": 500, "NSW": 8}
ANDERSEN = NVE | {"MDALGO": 1, "ANDERSEN_PROB": 0.4, "SMASS": 0, "RANDOM_SEED": "7 0 0"}


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
