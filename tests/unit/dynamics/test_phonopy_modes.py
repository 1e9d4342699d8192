"""phonopy and our Hessian on one crystal."""

import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_masses

from confvib.dynamics.hessian import hessian
from confvib.dynamics.modes import normal_modes
from confvib.dynamics.phonopy_modes import phonopy_modes
from confvib.errors import DynamicsError
from confvib.forcefield.potential import without_table
from confvib.reference.ionic import IonicSettings, ionic_energy_fn
from confvib.thermo.harmonic import harmonic_from_modes

TEMPERATURES_K = np.array([300.0, 900.0])


@pytest.fixture(scope="module")
def lithium_oxide():
    """Antifluorite Li2O with displaced atoms: no symmetry, no minimum, all real."""
    shifts = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    inner = np.array([[x, y, z] for x in (1, 3) for y in (1, 3) for z in (1, 3)]) / 4
    scaled = np.concatenate([shifts, inner])
    cell = np.diag([4.62, 4.62, 4.62])
    atoms = Atoms("O4Li8", scaled_positions=scaled, cell=cell, pbc=True)
    return atoms.numbers, cell, atoms.positions


def test_frequencies_and_thermal_properties_agree(lithium_oxide):
    numbers, cell, positions = lithium_oxide
    energy_fn = without_table(ionic_energy_fn(numbers, cell, settings=IonicSettings()))
    masses = atomic_masses[numbers]
    theirs = phonopy_modes(energy_fn, positions, numbers, masses, cell, TEMPERATURES_K)
    ours = normal_modes(hessian(energy_fn, positions).matrix_eV_per_A2, masses)
    assert ours.frequencies_THz.min() > 1  # a minimum by symmetry
    np.testing.assert_allclose(
        theirs.frequencies_THz, ours.frequencies_THz, rtol=1e-6, atol=1e-5
    )
    thermo = harmonic_from_modes(ours.frequencies_THz, TEMPERATURES_K)
    np.testing.assert_allclose(theirs.free_energy_eV, thermo.free_energy_eV, atol=1e-5)
    np.testing.assert_allclose(
        theirs.entropy_eV_per_K, thermo.entropy_eV_per_K, atol=1e-8
    )


def test_a_missing_package_is_named(lithium_oxide, monkeypatch):
    numbers, cell, positions = lithium_oxide
    monkeypatch.setitem(sys.modules, "phonopy", None)
    with pytest.raises(DynamicsError, match="phonopy is not installed"):
        phonopy_modes(lambda x: x, positions, numbers, numbers, cell, TEMPERATURES_K)


def test_the_extra_names_both_packages():
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    line = next(line for line in project.splitlines() if line.startswith("crosscheck"))
    assert "phonopy" in line
    assert "tidynamics" in line
