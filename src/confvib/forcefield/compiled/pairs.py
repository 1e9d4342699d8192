"""Every pair of neighbours once: a flat list of fixed capacity, with overflow as data."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from numpy.typing import ArrayLike, NDArray

from confvib.forcefield.neighbors import image_shifts_for


@dataclass(frozen=True)
class PairCandidates:
    """All pairs that could be neighbours in a cell: Q pairs of atoms, C with images.

    Attributes:
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        inverse: Inverse of the cell [1/Å], ``(3, 3)``.
        cutoff_A: Cutoff radius [Å].
        pairs: First and second atom of every pair of different atoms, ``(2, Q)``.
        images: Translations to try after wrapping, ``(M, 3)``.
        atoms: First and second atom of every candidate, ``(2, C)``: pairs times images,
            then atoms with images of themselves.
        pair: Pair of each candidate, ``(C,)``; Q for an atom and its own image.
        translations: Translation of each candidate after wrapping, ``(3, C)``.
    """

    cell: NDArray[np.float64]
    inverse: NDArray[np.float64]
    cutoff_A: float
    pairs: NDArray[np.int32]
    images: NDArray[np.int32]
    atoms: NDArray[np.int32]
    pair: NDArray[np.int32]
    translations: NDArray[np.int32]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PairList:
    """Neighbour pairs in P slots, used ones first.

    Both directed edges of a pair share one slot: whatever depends on the distance or on
    the symmetric invariants is evaluated once for the two.

    Attributes:
        first: First atom, ``(P,)`` int32; unused slots hold atom 0 twice and carry no
            weight, so that they can disturb no other atom.
        second: Second atom, ``(P,)`` int32.
        shifts: Lattice translation S in the dtype of the positions, ``(3, P)``: the pair
            vector is R_second - R_first + S @ cell.
        used: True in used slots, ``(P,)``.
        count: Number of pairs found, int32; more than P is an overflow.
    """

    first: Array
    second: Array
    shifts: Array
    used: Array
    count: Array

    @property
    def overflow(self) -> Array:
        """Whether pairs were lost; nothing computed from the list may then be used."""
        return self.count > self.first.shape[0]


def pair_candidates(n_atoms: int, cell: ArrayLike, cutoff_A: float) -> PairCandidates:
    """Enumerate the pairs of a cell, smaller than twice the cutoff or not.

    Args:
        n_atoms: Atoms per cell.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        cutoff_A: Cutoff radius [Å].

    Returns:
        The candidates.

    Raises:
        ModelError: The cell is singular or the cutoff is not positive.
    """
    images = image_shifts_for(cell, cutoff_A)
    rows = np.asarray(cell, dtype=np.float64)
    pairs = np.stack(np.triu_indices(n_atoms, 1)).astype(np.int32)
    n_pairs, n_images = pairs.shape[1], len(images)
    # S and -S are the two directions of one self pair: the list of images is symmetric
    # about its middle, zero. The length of S does not depend on the positions.
    half = images[n_images // 2 + 1 :]
    own = half[np.linalg.norm(half @ rows, axis=1) < cutoff_A]
    selves = np.repeat(np.arange(n_atoms, dtype=np.int32), len(own))
    pair = np.repeat(np.arange(n_pairs, dtype=np.int32), n_images)
    return PairCandidates(
        cell=rows,
        inverse=np.linalg.inv(rows).astype(np.float64),
        cutoff_A=cutoff_A,
        pairs=pairs,
        images=images,
        atoms=np.concatenate([pairs[:, pair], np.stack([selves, selves])], axis=1),
        pair=np.concatenate([pair, np.full(len(selves), n_pairs, np.int32)]),
        translations=np.concatenate(
            [np.tile(images.T, n_pairs), np.tile(own.T, n_atoms)], axis=1
        ),
    )


def pair_lengths_A(
    positions: NDArray[np.float64], candidates: PairCandidates
) -> NDArray[np.float64]:
    """Measure all candidates on the host.

    Args:
        positions: Cartesian positions [Å], ``(N, 3)``.
        candidates: Result of :func:`pair_candidates`.

    Returns:
        Lengths [Å], ``(C,)``.
    """
    c = candidates
    first, second = c.pairs
    apart = positions[second] - positions[first]
    wraps = -np.round(apart @ c.inverse)
    nothing = np.zeros((1, 3))  # the vector of an atom to itself
    apart, wraps = np.append(apart, nothing, axis=0), np.append(wraps, nothing, axis=0)
    translations = (wraps[c.pair] + c.translations.T) @ c.cell
    return np.linalg.norm(apart[c.pair] + translations, axis=1)


def pair_list(positions: Array, candidates: PairCandidates, *, capacity: int) -> PairList:
    """List all pairs closer than the cutoff; pure, jittable, vmappable.

    A distance that is not finite counts as inside, so that a broken configuration gives
    a non-finite energy and never a plausible one.

    Args:
        positions: Cartesian positions [Å], wrapped or not, ``(N, 3)``.
        candidates: Result of :func:`pair_candidates`.
        capacity: Number P of slots, static.

    Returns:
        The list; check its ``overflow``.
    """
    c = candidates
    dtype = positions.dtype
    if not c.pair.size:  # one atom in a large cell
        return _no_pairs(capacity, dtype)
    # One array per component: a last axis of three defeats a processor's vector units.
    columns = list(jax.lax.stop_gradient(positions).T)
    first, second = jnp.asarray(c.pairs)
    apart = [column[second] - column[first] for column in columns]
    wraps = [-jnp.round(part) for part in row_times(apart, c.inverse)]
    wrapped = [a + b for a, b in zip(apart, row_times(wraps, c.cell), strict=True)]
    images = jnp.asarray(c.images @ c.cell, dtype)
    vectors = [part[:, None] + images[:, axis] for axis, part in enumerate(wrapped)]
    inside = ~(squared_length(vectors) >= c.cutoff_A**2).ravel()
    n_self = c.pair.size - inside.size
    found = jnp.concatenate([inside, jnp.ones(n_self, bool)])  # (C,)

    # A pair goes to the slot that the running count gives it; surplus pairs are dropped.
    count = jnp.cumsum(found, dtype=jnp.int32)
    slots = jnp.where(found, count - 1, capacity)
    every = jnp.arange(found.size, dtype=jnp.int32)
    kept = jnp.zeros(capacity, jnp.int32).at[slots].set(every, mode="drop")
    used = jnp.arange(capacity, dtype=jnp.int32) < count[-1]

    atoms = jnp.where(used, jnp.asarray(c.atoms)[:, kept], 0)
    pair = jnp.asarray(c.pair)[kept]
    rounded = [jnp.append(wrap, jnp.zeros(1, dtype))[pair] for wrap in wraps]
    shifts = jnp.stack(rounded) + jnp.asarray(c.translations, dtype)[:, kept]
    return PairList(
        first=atoms[0],
        second=atoms[1],
        shifts=jnp.where(used, shifts, 0),
        used=used,
        count=count[-1],
    )


def _no_pairs(capacity: int, dtype: DTypeLike) -> PairList:
    nothing = jnp.zeros(capacity, jnp.int32)
    return PairList(
        first=nothing,
        second=nothing,
        shifts=jnp.zeros((3, capacity), dtype),
        used=jnp.zeros(capacity, bool),
        count=jnp.int32(0),
    )


def pair_vectors(
    positions: Array, pairs: PairList, cell: NDArray[np.float64]
) -> list[Array]:
    """Evaluate R_second - R_first + S @ cell, differentiable in the positions.

    Args:
        positions: Cartesian positions [Å], ``(N, 3)``.
        pairs: The pairs.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.

    Returns:
        The x, y and z components [Å], ``(P,)`` each; without meaning in unused slots.
    """
    translations = row_times(list(pairs.shifts), cell)
    return [
        column[pairs.second] - column[pairs.first] + translation
        for column, translation in zip(positions.T, translations, strict=True)
    ]


def row_times(components: Sequence[Array], matrix: NDArray[np.float64]) -> list[Array]:
    """Multiply row vectors, given by components, with a constant matrix.

    Args:
        components: Three arrays of one shape.
        matrix: Constant matrix, ``(3, 3)``.

    Returns:
        Three arrays of the same shape and dtype.
    """
    scalar = components[0].dtype.type
    x, y, z = components
    return [
        x * scalar(column[0]) + y * scalar(column[1]) + z * scalar(column[2])
        for column in matrix.T
    ]


def squared_length(components: Sequence[Array]) -> Array:
    """Add the squares of the three components of vectors."""
    x, y, z = components
    return x**2 + y**2 + z**2
