"""Fixed-width table of periodic neighbours, with overflow as data."""

import itertools
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from confvib.errors import ModelError


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NeighborTable:
    """Neighbours of every atom in K slots, shape letters N atoms, K slots.

    Attributes:
        indices: Neighbour j of slot (i, k), ``(N, K)`` int32; unused slots hold i itself,
            so that a broken atom elsewhere can never reach atom i through padding.
        shifts: Integer lattice translation S of that neighbour, ``(N, K, 3)`` in the
            dtype of the positions: r_ij = R_j - R_i + S @ cell.
        mask: True in used slots, ``(N, K)``.
        overflow: True when an atom has more neighbours than K; the table is then
            incomplete and nothing computed from it may be used.
    """

    indices: Array
    shifts: Array
    mask: Array
    overflow: Array


def cell_heights_A(cell: ArrayLike) -> NDArray[np.float64]:
    """Compute the distances between opposite faces of a cell.

    Args:
        cell: Lattice vectors in rows [Å], ``(3, 3)``.

    Returns:
        Heights along the three reciprocal axes [Å], ``(3,)``.

    Raises:
        ModelError: The cell has the wrong shape, is not finite or has no volume.
    """
    rows = np.asarray(cell, dtype=np.float64)
    if rows.shape != (3, 3) or not np.isfinite(rows).all():
        raise ModelError(f"cell must be a finite (3, 3) array in Å, got {rows.tolist()}")
    volume = abs(np.linalg.det(rows))
    if volume < 1e-6:
        raise ModelError(f"cell must enclose a volume, got {volume:.3g} Å^3")
    return 1.0 / np.linalg.norm(np.linalg.inv(rows), axis=0)


def image_shifts_for(cell: ArrayLike, cutoff_A: float) -> NDArray[np.int32]:
    """List the lattice translations that a sphere of the cutoff can reach.

    Fractional differences are first wrapped to [-1/2, 1/2]; the n-th image along an axis
    of height h is then at least (n - 1/2) h away. A cutoff of at most half the smallest
    height therefore needs the wrapped image alone.

    Args:
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        cutoff_A: Cutoff radius [Å], > 0.

    Returns:
        Integer translations to add to the wrapped image, ``(M, 3)``.

    Raises:
        ModelError: The cell is singular or the cutoff is not positive.
    """
    if not cutoff_A > 0:
        raise ModelError(f"cutoff_A must be > 0 Å, got {cutoff_A}")
    reach = [math.ceil(cutoff_A / h + 0.5) - 1 for h in cell_heights_A(cell)]
    ranges = [range(-n, n + 1) for n in reach]
    return np.array(list(itertools.product(*ranges)), dtype=np.int32)


def neighbor_table(
    positions: Array,
    *,
    cell: Array,
    image_shifts: Array | NDArray[np.int32],
    cutoff_A: float,
    capacity: int,
) -> NeighborTable:
    """Tabulate all neighbours closer than the cutoff; pure, jittable, vmappable.

    A distance that is not finite counts as inside, so that a broken configuration gives
    a non-finite energy and never a plausible one.

    Args:
        positions: Cartesian positions [Å], wrapped or not, ``(N, 3)``.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        image_shifts: Result of :func:`image_shifts_for`, static, ``(M, 3)``.
        cutoff_A: Cutoff radius [Å].
        capacity: Number K of slots per atom, static.

    Returns:
        The table; check its ``overflow``.
    """
    dtype = positions.dtype
    n_atoms = positions.shape[0]
    images = jnp.asarray(image_shifts, dtype=dtype)  # (M, 3)
    cell = jnp.asarray(cell, dtype=dtype)
    positions = jax.lax.stop_gradient(positions)
    difference = positions[None, :, :] - positions[:, None, :]  # (N, N, 3)
    # Pinned: in TF32, the default of some cards, lengths would be wrong by 0.01 Å.
    with jax.default_matmul_precision("highest"):
        wrap = -jnp.round(difference @ jnp.linalg.inv(cell))
        difference = difference + wrap @ cell
        vectors = difference[:, :, None, :] + images @ cell  # (N, N, M, 3)
    inside = ~(jnp.sum(vectors**2, axis=-1) >= cutoff_A**2)
    is_self = jnp.eye(n_atoms, dtype=bool)[:, :, None] & (images == 0).all(axis=-1)
    inside = (inside & ~is_self).reshape(n_atoms, -1)

    # Slot k holds the column where the running count first reaches k + 1: a binary
    # search per slot, with neither a sort nor a scatter.
    count = jnp.cumsum(inside, axis=1, dtype=jnp.int32)  # (N, N M)
    wanted = jnp.arange(1, capacity + 1, dtype=jnp.int32)
    columns = jax.vmap(lambda row: jnp.searchsorted(row, wanted))(count)  # (N, K)
    mask = wanted[None, :] <= count[:, -1:]
    columns = jnp.where(mask, columns, 0)
    own = jnp.arange(n_atoms, dtype=jnp.int32)[:, None]
    neighbor = (columns // images.shape[0]).astype(jnp.int32)
    shifts = wrap[own, neighbor] + images[columns % images.shape[0]]
    return NeighborTable(
        indices=jnp.where(mask, neighbor, own),
        shifts=jnp.where(mask[..., None], shifts, 0),
        mask=mask,
        overflow=jnp.any(count[:, -1] > capacity),
    )


def neighbor_capacity(
    positions: ArrayLike, *, cell: ArrayLike, cutoff_A: float, margin: int = 6
) -> int:
    """Choose a table width that holds the given configurations with room to spare.

    Args:
        positions: Cartesian positions of one or many configurations [Å], ``(N, 3)`` or
            ``(B, N, 3)``.
        cell: Lattice vectors in rows [Å], ``(3, 3)`` for all or ``(B, 3, 3)``.
        cutoff_A: Cutoff radius [Å].
        margin: Slots added to the largest count found, >= 0.

    Returns:
        Largest number of neighbours of any atom, plus the margin.

    Raises:
        ModelError: Positions are not finite or their shape is wrong, or margin < 0.
    """
    frames = np.asarray(positions, dtype=np.float64)
    frames = frames[None] if frames.ndim == 2 else frames
    if frames.ndim != 3 or frames.shape[-1] != 3 or not np.isfinite(frames).all():
        raise ModelError(
            "positions must be finite with shape (N, 3) or (B, N, 3), got shape "
            f"{np.shape(positions)}"
        )
    if margin < 0:
        raise ModelError(f"margin must be >= 0, got {margin}")
    cells = np.broadcast_to(np.asarray(cell, np.float64), (len(frames), 3, 3))
    pairs = zip(frames, cells, strict=True)
    return max(_largest_count(frame, rows, cutoff_A) for frame, rows in pairs) + margin


def _largest_count(frame: NDArray, cell: NDArray, cutoff_A: float) -> int:
    images = image_shifts_for(cell, cutoff_A) @ cell
    difference = frame[None] - frame[:, None]
    difference -= np.round(difference @ np.linalg.inv(cell)) @ cell
    counts = np.zeros(len(frame), dtype=int)
    for image in images:
        inside = np.sum((difference + image) ** 2, axis=-1) < cutoff_A**2
        counts += inside.sum(axis=1) - (np.diag(inside) if not image.any() else 0)
    return int(counts.max())
