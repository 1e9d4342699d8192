import ase
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from confvib.errors import ModelError
from confvib.forcefield.compiled.pairs import (
    pair_candidates,
    pair_lengths_A,
    pair_list,
    pair_vectors,
)

CUTOFF_A = 4.0


def found_pairs(positions, cell, capacity, cutoff_A=CUTOFF_A):
    candidates = pair_candidates(len(positions), cell, cutoff_A)

    @jax.jit
    def build(positions):
        pairs = pair_list(positions, candidates, capacity=capacity)
        return pairs, pair_vectors(positions, pairs, candidates.cell)

    pairs, vectors = build(jnp.asarray(positions))
    return pairs, np.stack(vectors, axis=1)


def both_directions(pairs, vectors):
    """Directed edges as sortable rows: centre, neighbour, vector to six digits."""
    used = np.asarray(pairs.used)
    first, second = np.asarray(pairs.first)[used], np.asarray(pairs.second)[used]
    vectors = vectors[used]
    rows = np.concatenate(
        [
            np.column_stack([first, second, vectors]),
            np.column_stack([second, first, -vectors]),
        ]
    )
    return sorted(map(tuple, np.round(rows, 6) + 0.0))


@pytest.mark.parametrize(
    "scale",
    [1.0, 0.75, 2.2],
    ids=["smaller than twice the cutoff", "smaller than the cutoff", "large"],
)
def test_pairs_are_those_of_ase(positions, cell, scale):
    moved = scale * positions + 3 * cell[0] - 2 * cell[2]  # not wrapped into the cell
    atoms = ase.Atoms("H10", positions=moved, cell=scale * cell, pbc=True)
    first, second, vectors = neighbor_list("ijD", atoms, CUTOFF_A)
    rows = np.round(np.column_stack([first, second, vectors]), 6) + 0.0
    pairs, ours = found_pairs(moved, scale * cell, 1200)
    assert not pairs.overflow
    assert int(pairs.count) == len(first) / 2
    assert both_directions(pairs, ours) == sorted(map(tuple, rows))
    lengths = pair_lengths_A(moved, pair_candidates(10, scale * cell, CUTOFF_A))
    assert np.sum(lengths < CUTOFF_A) == int(pairs.count)


def test_one_atom_is_its_own_neighbour_in_a_small_cell_only():
    pairs, vectors = found_pairs(np.zeros((1, 3)), 3.0 * np.eye(3), 20, cutoff_A=4.5)
    lengths = np.linalg.norm(vectors[np.asarray(pairs.used)], axis=1)
    # 6 faces at 3 Å and 12 edges at 3 sqrt 2 Å, one of each ±S.
    np.testing.assert_allclose(np.sort(lengths), [3.0] * 3 + [np.sqrt(18.0)] * 6)
    alone, _ = found_pairs(np.zeros((1, 3)), 30.0 * np.eye(3), 20)
    assert int(alone.count) == 0
    assert not alone.used.any()


def test_overflow_is_data_and_unused_slots_are_inert(positions, cell):
    exact = int(found_pairs(positions, cell, 400)[0].count)
    tight, _ = found_pairs(positions, cell, exact)
    assert not tight.overflow
    short, _ = found_pairs(positions, cell, exact - 1)
    assert short.overflow
    roomy, _ = found_pairs(positions, cell, exact + 7)
    assert np.asarray(roomy.used).sum() == exact
    for unused in (roomy.first, roomy.second, roomy.shifts.T):
        np.testing.assert_array_equal(np.asarray(unused)[exact:], 0)


def test_a_distance_that_is_not_finite_counts_as_inside(positions, cell):
    broken = 2.2 * positions
    broken[3] = np.nan
    pairs, _ = found_pairs(broken, 2.2 * cell, 400)
    ends = np.stack([pairs.first, pairs.second])[:, np.asarray(pairs.used)]
    assert np.sum(ends == 3) >= 9


def test_a_singular_cell_is_refused():
    with pytest.raises(ModelError, match="must enclose a volume"):
        pair_candidates(2, np.ones((3, 3)), CUTOFF_A)
