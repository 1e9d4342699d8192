"""The smallest distance in a cell against ASE's neighbour list."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from confvib.crystal.closest_pair import closest_pair_distances_A


def by_ase(cell, positions):
    atoms = Atoms("H" * len(positions), positions=positions, cell=cell, pbc=True)
    reach = np.linalg.norm(cell, axis=1).min() + 1e-6  # an atom's own image is there
    return neighbor_list("d", atoms, reach).min()


@pytest.mark.parametrize("n_atoms", [1, 2, 3, 8, 33])
@pytest.mark.parametrize("skew", [0.0, 0.3, 2.5])
def test_any_cell_and_number_of_atoms(n_atoms, skew):
    rng = np.random.default_rng(n_atoms)
    cells = np.diag([4.0, 5.0, 7.0]) + skew * rng.uniform(-1, 1, size=(12, 3, 3))
    positions = rng.uniform(-2, 3, size=(12, n_atoms, 3)) @ cells
    expected = [by_ase(*each) for each in zip(cells, positions, strict=True)]
    found = closest_pair_distances_A(cells, positions)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_atoms_on_one_place_and_broken_frames():
    cells = np.tile(5.0 * np.eye(3), (4, 1, 1))
    positions = np.random.default_rng(0).uniform(0, 5, size=(4, 6, 3))
    positions[0, 3] = positions[0, 5] + [5.0, -10.0, 0.0]
    positions[1, 2, 1] = np.nan
    cells[2, 1] = cells[2, 0]
    found = closest_pair_distances_A(cells, positions)
    assert found[0] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(found[1:3]).all()
    assert found[3] == pytest.approx(by_ase(cells[3], positions[3]))
