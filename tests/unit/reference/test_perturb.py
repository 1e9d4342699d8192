"""Random displacements: bounded, uniform in length, seeded, never wrapped."""

import numpy as np
import pytest

from confvib.errors import LabelError
from confvib.reference.perturb import perturbed


def test_displacements_are_bounded_and_uniform_in_length(cubic_llzo):
    before = cubic_llzo.positions.copy()
    moved = perturbed(cubic_llzo, 0.2, 3)
    np.testing.assert_array_equal(cubic_llzo.positions, before)
    np.testing.assert_array_equal(moved.numbers, cubic_llzo.numbers)
    vectors = moved.positions - before
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths.max() <= 0.2
    # Uniform in [0, 0.2]: mean 0.1, standard error 0.2 / sqrt(12 * 192) = 0.004.
    assert lengths.mean() == pytest.approx(0.1, abs=0.0125)
    assert np.abs(vectors.mean(axis=0)).max() < 0.02


def test_atoms_outside_the_cell_stay_where_they_are(lithium_oxide):
    atoms = lithium_oxide.copy()
    atoms.positions += [-20.0, 3.0, 50.0]
    displacement = perturbed(atoms, 0.1, 0).positions - atoms.positions
    assert np.linalg.norm(displacement, axis=1).max() <= 0.1


def test_the_seed_decides(lithium_oxide):
    first = perturbed(lithium_oxide, 0.1, 1).positions
    np.testing.assert_array_equal(first, perturbed(lithium_oxide, 0.1, 1).positions)
    assert np.abs(first - perturbed(lithium_oxide, 0.1, 2).positions).max() > 0.01


def test_wrong_arguments_are_refused(lithium_oxide):
    with pytest.raises(LabelError, match=r"^distance_A is 0\.0, expected a length > 0$"):
        perturbed(lithium_oxide, 0.0, 1)
    with pytest.raises(LabelError, match=r"^seed is -1, expected an integer >= 0$"):
        perturbed(lithium_oxide, 0.1, -1)
