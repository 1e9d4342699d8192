"""How many slots the pairs of a crystal get, and how many pairs are treated at once."""

import math
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ModelError
from confvib.forcefield.compiled.pair_sum import Incidence, incidence
from confvib.forcefield.compiled.pairs import (
    PairCandidates,
    PairList,
    pair_candidates,
    pair_lengths_A,
)

COUNT_MARGIN = 1.2
"""Pair slots, relative to the largest number of pairs in the frames."""

PAIRS_AT_ONCE = 128
"""Pairs in a block on a processor: for F = 132 what the second-level cache holds."""

_SLOT_STEP = 32


@dataclass(frozen=True)
class PairLayout:
    """Candidates for pairs, slots for those found, and their treatment.

    Attributes:
        candidates: All pairs that could be neighbours.
        capacity: Neighbour slots per atom K.
        n_slots: Slots for pairs P, a multiple of ``at_once``.
        at_once: Pairs in a block; 0 for all, with gathered sums.
        shortest_A: Distance of the closest atoms in the frames [Å]; infinite without.
    """

    candidates: PairCandidates
    capacity: int
    n_slots: int
    at_once: int
    shortest_A: float

    def block(self, pairs: PairList, n_atoms: int) -> int | Incidence:
        """Return what :func:`~confvib.forcefield.compiled.pair_sum.pair_sum` needs."""
        if self.at_once:
            return self.at_once
        return incidence(pairs, n_atoms, self.capacity)


def pair_layout(
    n_atoms: int,
    cell: ArrayLike,
    cutoff_A: float,
    *,
    capacity: int,
    frames: ArrayLike | None,
    at_once: int | None,
) -> PairLayout:
    """Choose the slots of a crystal.

    Args:
        n_atoms: Atoms per cell N.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        cutoff_A: Cutoff radius [Å].
        capacity: Neighbour slots per atom K: there is room for N K / 2 pairs, or for a
            fifth more than the frames have if that is less.
        frames: Configurations of the crystal, ``(B, N, 3)`` [Å].
        at_once: Pairs in a block, 0 for all; None for what suits the device.

    Returns:
        The layout.

    Raises:
        ModelError: The cell is singular, or the frames have another shape.
    """
    candidates = pair_candidates(n_atoms, cell, cutoff_A)
    if at_once is None:
        at_once = PAIRS_AT_ONCE if jax.default_backend() == "cpu" else 0
    n_pairs, shortest_A = n_atoms * capacity / 2, math.inf
    if frames is not None:
        most_pairs, shortest_A = _extent(frames, candidates, n_atoms)
        n_pairs = min(n_pairs, COUNT_MARGIN * most_pairs)
    step = at_once or _SLOT_STEP
    n_slots = max(1, math.ceil(n_pairs / step)) * step
    return PairLayout(candidates, capacity, n_slots, at_once, shortest_A)


def _extent(
    frames: ArrayLike, candidates: PairCandidates, n_atoms: int
) -> tuple[int, float]:
    """Return the largest number of pairs and the shortest distance [Å]."""
    positions = np.asarray(frames, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[1:] != (n_atoms, 3) or not len(positions):
        raise ModelError(
            f"frames must have shape (B, {n_atoms}, 3) with B >= 1, got {positions.shape}"
        )
    lengths = [pair_lengths_A(frame, candidates) for frame in positions]
    cutoff_A = candidates.cutoff_A
    return (
        max(int(np.sum(found < cutoff_A)) for found in lengths),
        min(float(found.min(initial=cutoff_A)) for found in lengths),
    )
