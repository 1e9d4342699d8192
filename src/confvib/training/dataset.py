"""Labelled frames: checks, hash, random split and precomputed neighbour tables."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from confvib.errors import TrainingError
from confvib.forcefield.neighbors import (
    NeighborTable,
    image_shifts_for,
    neighbor_capacity,
    neighbor_table,
)


@dataclass(frozen=True)
class Frames:
    """Reference calculations of cells with one number of atoms.

    Attributes:
        numbers: Atomic numbers, ``(B, N)``.
        cells: Lattice vectors in rows [Å], ``(B, 3, 3)``.
        positions: Cartesian positions [Å], ``(B, N, 3)``.
        energies_eV: Total energies [eV/cell], ``(B,)``.
        forces_eV_per_A: Forces [eV/Å], ``(B, N, 3)``.

    Raises:
        TrainingError: Shapes disagree or a value is not finite; the message names both.
    """

    numbers: NDArray
    cells: NDArray
    positions: NDArray
    energies_eV: NDArray
    forces_eV_per_A: NDArray

    def __post_init__(self) -> None:
        shape = np.shape(self.numbers)
        if len(shape) != 2:
            raise TrainingError(f"numbers must have shape (B, N), got {shape}")
        n_frames, n_atoms = shape
        expected = {
            "cells": (n_frames, 3, 3),
            "positions": (n_frames, n_atoms, 3),
            "energies_eV": (n_frames,),
            "forces_eV_per_A": (n_frames, n_atoms, 3),
        }
        for name, wanted in expected.items():
            value = np.asarray(getattr(self, name))
            if value.shape != wanted:
                raise TrainingError(
                    f"{name} must have shape {wanted} like numbers {shape}, "
                    f"got {value.shape}"
                )
            finite = np.isfinite(value).all(axis=tuple(range(1, value.ndim)))
            if not finite.all():
                raise TrainingError(
                    f"{name} is not finite in frames {np.flatnonzero(~finite).tolist()}"
                )

    def __len__(self) -> int:
        return len(self.energies_eV)

    @property
    def n_atoms(self) -> int:
        """Atoms per cell."""
        return int(self.numbers.shape[1])

    def select(self, index: NDArray) -> "Frames":
        """Pick frames in the given order."""
        return Frames(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def content_hash(self) -> str:
        """Hash all numbers that a training sees: SHA-256 in hexadecimal."""
        digest = hashlib.sha256()
        for item in fields(self):
            dtype = np.int64 if item.name == "numbers" else np.float64
            array = np.ascontiguousarray(getattr(self, item.name), dtype=dtype)
            digest.update(f"{item.name} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Batch:
    """Frames on the device, B first in every leaf; energies relative to the shift.

    Attributes:
        numbers: Atomic numbers, ``(B, N)`` int32.
        cells: Lattice vectors [Å], ``(B, 3, 3)`` float32.
        positions: Positions [Å], ``(B, N, 3)`` float32.
        tables: Neighbours within the cutoff at these positions.
        energies_eV: Total energy minus the atomic shifts [eV/cell], ``(B,)`` float32.
        forces_eV_per_A: Forces [eV/Å], ``(B, N, 3)`` float32.
    """

    numbers: Array
    cells: Array
    positions: Array
    tables: NeighborTable
    energies_eV: Array
    forces_eV_per_A: Array


def device_batch(
    frames: Frames, *, shifts_eV: NDArray, cutoff_A: float, capacity: int
) -> Batch:
    """Move frames to the device with their neighbour tables.

    The shift is subtracted in float64: a cell of 1 keV leaves 0.1 meV in float32.

    Args:
        frames: Labelled frames, at least one.
        shifts_eV: Energy shift by atomic number [eV/atom], ``(100,)``.
        cutoff_A: Cutoff radius [Å].
        capacity: Neighbour slots per atom K.

    Returns:
        The batch in float32.

    Raises:
        TrainingError: A table overflows the capacity.
    """
    relative_eV = frames.energies_eV - np.sum(shifts_eV[frames.numbers], axis=1)
    tables = [
        _table(position, cell, cutoff_A, capacity)
        for position, cell in zip(frames.positions, frames.cells, strict=True)
    ]
    overflows = [index for index, table in enumerate(tables) if table.overflow]
    if overflows:
        raise TrainingError(
            f"frames {overflows} have atoms with more than {capacity} neighbours "
            f"within {cutoff_A} Å"
        )
    return Batch(
        numbers=jnp.asarray(frames.numbers, jnp.int32),
        cells=jnp.asarray(frames.cells, jnp.float32),
        positions=jnp.asarray(frames.positions, jnp.float32),
        tables=jax.tree.map(lambda *leaves: jnp.stack(leaves), *tables),
        energies_eV=jnp.asarray(relative_eV, jnp.float32),
        forces_eV_per_A=jnp.asarray(frames.forces_eV_per_A, jnp.float32),
    )


def capacity_of(*parts: Frames, cutoff_A: float) -> int:
    """Find the largest number of neighbours in several sets of frames.

    Args:
        parts: Sets of frames.
        cutoff_A: Cutoff radius [Å].

    Returns:
        Neighbour slots per atom K that hold every frame exactly.
    """
    return max(
        neighbor_capacity(part.positions, cell=part.cells, cutoff_A=cutoff_A, margin=0)
        for part in parts
        if len(part)
    )


def batch_indices(
    n_frames: int, *, batch_size: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Deal shuffled frames into full batches.

    Frames left over when the batch size does not divide their number sit out this epoch;
    the shuffle of the next one brings them back.

    Args:
        n_frames: Number of training frames.
        batch_size: Frames per batch, at most ``n_frames``.
        rng: Source of the shuffle.

    Returns:
        Frame indices, ``(n_frames // batch_size, batch_size)``.
    """
    n_batches = n_frames // batch_size
    order = rng.permutation(n_frames)[: n_batches * batch_size]
    return order.reshape(n_batches, batch_size).astype(np.int32)


def slices(n_frames: int, size: int) -> Iterator[slice]:
    """Cut a range into consecutive slices of at most the given size."""
    for start in range(0, n_frames, size):
        yield slice(start, min(start + size, n_frames))


def _table(
    positions: NDArray, cell: NDArray, cutoff_A: float, capacity: int
) -> NeighborTable:
    images = image_shifts_for(cell, cutoff_A)
    return _jitted_table(
        jnp.asarray(positions, jnp.float32),
        cell=jnp.asarray(cell, jnp.float32),
        image_shifts=jnp.asarray(images),
        cutoff_A=cutoff_A,
        capacity=capacity,
    )


_jitted_table = jax.jit(neighbor_table, static_argnames=("cutoff_A", "capacity"))
