import ase.neighborlist
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase import Atoms

from confvib.errors import ModelError
from confvib.forcefield.neighbors import (
    cell_heights_A,
    image_shifts_for,
    neighbor_capacity,
    neighbor_table,
)

compiled_table = jax.jit(neighbor_table, static_argnames=("cutoff_A", "capacity"))


def table_of(positions, cell, cutoff_A, capacity):
    return compiled_table(
        jnp.asarray(positions),
        cell=jnp.asarray(cell),
        image_shifts=image_shifts_for(cell, cutoff_A),
        cutoff_A=cutoff_A,
        capacity=capacity,
    )


def edges_of(table):
    centre, slot = np.nonzero(np.asarray(table.mask))
    neighbor = np.asarray(table.indices)[centre, slot]
    shift = np.asarray(table.shifts)[centre, slot].astype(int)
    return sorted(zip(centre, neighbor, map(tuple, shift), strict=True))


def ase_edges(positions, cell, cutoff_A):
    atoms = Atoms(np.ones(len(positions)), positions, cell=cell, pbc=True)
    i, j, shift = ase.neighborlist.neighbor_list("ijS", atoms, cutoff_A)
    return sorted(zip(i, j, map(tuple, shift.astype(int)), strict=True))


@pytest.mark.parametrize("cutoff_A", [2.5, 4.0, 7.5])
def test_edges_are_those_of_ase_in_a_small_triclinic_cell(positions, cell, cutoff_A):
    moved = positions + np.array([3, -2, 1]) @ cell  # need not be wrapped
    moved[4] -= 5 * cell[1]
    found = edges_of(table_of(moved, cell, cutoff_A, 120))
    assert len(found) > 10
    assert found == ase_edges(moved, cell, cutoff_A)


def test_one_atom_sees_its_own_images():
    found = edges_of(table_of(np.zeros((1, 3)), 3.0 * np.eye(3), 3.1, 8))
    assert [edge[2] for edge in found] == sorted(
        tuple(sign * row) for row in np.eye(3, dtype=int) for sign in (1, -1)
    )


def test_heights_of_a_sheared_cell():
    cell = np.array([[4.0, 0, 0], [3.0, 4.0, 0], [0, 0, 7.0]])
    # 4 x 4 parallelogram: the faces spanned by (b, c) are 4 * 4 / 5 apart.
    np.testing.assert_allclose(cell_heights_A(cell), [3.2, 4.0, 7.0], rtol=1e-12)


def test_half_the_smallest_height_needs_one_image():
    cell = np.diag([10.0, 12.0, 14.0])
    np.testing.assert_array_equal(image_shifts_for(cell, 5.0), np.zeros((1, 3)))
    assert image_shifts_for(cell, 5.001).shape == (3, 3)
    assert image_shifts_for(cell, 7.001).shape == (27, 3)
    assert image_shifts_for(cell, 15.001).shape == (5 * 3 * 3, 3)


def test_overflow_is_a_flag_and_exact_capacity_is_enough(positions, cell):
    largest = neighbor_capacity(positions, cell=cell, cutoff_A=4.0, margin=0)
    counts = np.bincount([edge[0] for edge in ase_edges(positions, cell, 4.0)])
    assert largest == counts.max()
    assert not table_of(positions, cell, 4.0, largest).overflow
    assert table_of(positions, cell, 4.0, largest - 1).overflow


def test_capacity_is_the_largest_count_of_all_frames_plus_the_margin(positions, cell):
    loose = neighbor_capacity(positions, cell=cell, cutoff_A=3.0, margin=0)
    dense = neighbor_capacity(0.9 * positions, cell=0.9 * cell, cutoff_A=3.0, margin=0)
    assert dense > loose
    both = neighbor_capacity(
        np.stack([positions, 0.9 * positions]),
        cell=np.stack([cell, 0.9 * cell]),
        cutoff_A=3.0,
        margin=5,
    )
    assert both == dense + 5


def test_padding_points_to_the_atom_itself(positions, cell):
    table = table_of(positions, cell, 2.5, 40)
    padding = ~np.asarray(table.mask)
    own = np.broadcast_to(np.arange(10)[:, None], padding.shape)
    assert padding.any()
    np.testing.assert_array_equal(np.asarray(table.indices)[padding], own[padding])
    np.testing.assert_array_equal(np.asarray(table.shifts)[padding], 0.0)


def test_a_broken_atom_is_a_neighbor_of_all_and_never_silently_alone(positions, cell):
    broken = positions.copy()
    broken[3] = np.nan
    table = table_of(broken, cell, 2.0, 9)
    assert np.asarray(table.mask)[3].all()
    reached = np.asarray(table.mask) & (np.asarray(table.indices) == 3)
    assert reached.any(axis=1)[[0, 1, 2, 4, 5, 6, 7, 8, 9]].all()


def test_batch_equals_one_by_one_and_float32_stays_float32(positions, cell):
    frames = np.stack([positions, positions + 0.1, positions[::-1]]).astype(np.float32)
    batched = jax.jit(jax.vmap(lambda frame: table_of(frame, cell, 4.0, 60)))(frames)
    assert batched.shifts.dtype == jnp.float32
    for index, frame in enumerate(frames):
        single = table_of(frame, cell, 4.0, 60)
        for one, many in zip(
            jax.tree.leaves(single), jax.tree.leaves(batched), strict=True
        ):
            np.testing.assert_array_equal(one, many[index])


def test_errors_name_the_value(positions, cell):
    with pytest.raises(ModelError, match=r"cutoff_A must be > 0 Å, got 0.0"):
        image_shifts_for(cell, 0.0)
    with pytest.raises(ModelError, match=r"cell must enclose a volume, got 0 Å\^3"):
        cell_heights_A(np.zeros((3, 3)))
    with pytest.raises(ModelError, match=r"finite \(3, 3\) array in Å, got \[1.0, 2.0\]"):
        cell_heights_A([1.0, 2.0])
    with pytest.raises(ModelError, match=r"got shape \(10, 2\)"):
        neighbor_capacity(positions[:, :2], cell=cell, cutoff_A=4.0)
    with pytest.raises(ModelError, match=r"margin must be >= 0, got -1"):
        neighbor_capacity(positions, cell=cell, cutoff_A=4.0, margin=-1)
