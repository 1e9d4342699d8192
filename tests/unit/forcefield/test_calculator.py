import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_stress

from confvib.errors import ModelError
from confvib.forcefield.calculator import PotentialCalculator, so3krates_calculator
from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.potential import force_fn, so3krates_energy_fn, without_table


def spring(atoms):
    centre = jnp.asarray(atoms.cell).sum(axis=0) / 2
    return without_table(lambda x: jnp.sum((x - centre) ** 2))


def test_energy_and_forces_are_those_of_the_energy_function(
    model, numbers, cell, positions
):
    atoms = Atoms(numbers, positions, cell=cell, pbc=True)
    atoms.calc = so3krates_calculator(model, jnp.float64)
    fn = so3krates_energy_fn(model, numbers, cell, capacity=60, dtype=jnp.float64)
    energy_eV, forces, _ = jax.jit(force_fn(fn))(positions)
    assert abs(atoms.get_potential_energy() - energy_eV) < 1e-11
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-11)


def test_stress_is_the_slope_of_the_energy_and_obeys_ases_sign(
    model, numbers, cell, positions
):
    atoms = Atoms(numbers, positions, cell=cell, pbc=True)
    atoms.calc = so3krates_calculator(model, jnp.float64)
    energy_eV, forces = atoms.get_potential_energy(), atoms.get_forces()
    numerical = calculate_numerical_stress(atoms, eps=1e-5)
    np.testing.assert_allclose(atoms.get_stress(), numerical, atol=1e-7)
    assert np.abs(numerical).max() > 1e-3
    assert abs(atoms.get_potential_energy() - energy_eV) < 1e-11
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-11)


def test_a_potential_without_stress_says_so():
    atoms = Atoms("H", [[1.0, 1.0, 1.0]], cell=4 * np.eye(3), pbc=True)
    atoms.calc = PotentialCalculator(spring)
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_a_new_cell_builds_a_new_function():
    atoms = Atoms("H", [[1.0, 1.0, 1.0]], cell=np.diag([4.0, 2.0, 2.0]), pbc=True)
    atoms.calc = PotentialCalculator(spring)
    assert atoms.get_potential_energy() == 1.0
    atoms.set_cell(np.diag([6.0, 2.0, 2.0]))
    assert atoms.get_potential_energy() == 4.0
    np.testing.assert_array_equal(atoms.get_forces(), [[4.0, 0.0, 0.0]])


def test_a_crowded_structure_gets_a_wider_table(model):
    cutoff_A = model.settings.cutoff_A
    loose = Atoms("Li8", np.outer(np.arange(8), [3.0, 0, 0]), cell=30 * np.eye(3))
    loose.pbc = True
    crowded = loose.copy()
    crowded.positions = 0.3 * loose.positions
    cell = np.asarray(loose.cell)
    need = neighbor_capacity(crowded.positions, cell=cell, cutoff_A=cutoff_A, margin=0)
    calculator = so3krates_calculator(model, jnp.float64)
    loose.calc = calculator
    loose.get_potential_energy()
    loose.positions = crowded.positions
    fn = so3krates_energy_fn(model, loose.numbers, cell, capacity=need, dtype=jnp.float64)
    expected, overflow = jax.jit(fn)(crowded.positions)
    assert not overflow
    assert need == 7  # alone, an end of the row at 3 Å has one neighbour and a margin
    assert abs(loose.get_potential_energy() - expected) < 1e-11


def test_overflow_that_stays_and_open_boundaries_are_errors():
    def always_full(_atoms):
        return lambda x: (jnp.sum(x), jnp.ones((), bool))

    atoms = Atoms("LiO", [[0, 0, 0], [2, 0, 0]], cell=5 * np.eye(3), pbc=True)
    atoms.calc = PotentialCalculator(always_full)
    with pytest.raises(ModelError, match=r"neighbour table overflows for LiO"):
        atoms.get_potential_energy()
    atoms.calc = PotentialCalculator(spring)
    atoms.pbc = [True, True, False]
    with pytest.raises(ModelError, match=r"periodic .* pbc = \[True, True, False\]"):
        atoms.get_potential_energy()
