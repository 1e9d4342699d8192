"""What the energies of atoms are counted from."""

import numpy as np
import pytest

from confvib.errors import ModelError
from confvib.forcefield.model import energy_shifts_eV

NUMBERS = np.array([[3, 3, 8, 8], [3, 3, 8, 8]])
ENERGIES_EV = np.array([-10.0, -14.0])


def test_the_mean_is_shared_by_all_atoms():
    shifts = energy_shifts_eV(ENERGIES_EV, NUMBERS, {})
    assert shifts[0] == 0.0
    np.testing.assert_allclose(shifts[1:], -3.0)


def test_species_have_their_own_energy_and_the_mean_of_the_rest():
    shifts = energy_shifts_eV(ENERGIES_EV, NUMBERS, {"Li": -1.0, "O": -4.0})
    # What remains is -12 - (-10) = -2 eV on average, over four atoms.
    np.testing.assert_allclose(shifts[[3, 8]], [-1.5, -4.5])
    np.testing.assert_allclose(shifts[NUMBERS].sum(axis=1).mean(), ENERGIES_EV.mean())


def test_half_of_the_species_are_not_enough():
    with pytest.raises(ModelError, match="has Li, but the training frames also have O"):
        energy_shifts_eV(ENERGIES_EV, NUMBERS, {"Li": -1.0})
