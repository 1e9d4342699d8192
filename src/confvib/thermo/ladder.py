"""Energies in order with their weights, for any number of rows in bounded memory.

Order statistics need every row: how the sums grow from the lowest row up, and how few
rows carry the weight. A ladder keeps rows as they are up to a limit that takes in the
largest published sets; beyond it neighbours in energy share a rung, which then counts
several rows.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from confvib.thermo.checks import FloatArray, finite_vector, positive_weights
from confvib.thermo.sampling import boltzmann_probabilities, n_covering

LIMIT = 2**17
"""Rungs kept; twice as many fit before neighbours are joined."""


@dataclass(frozen=True)
class Ladder:
    """Rungs in order of increasing energy.

    Attributes:
        energy_eV: Mean energy of each rung by weight, eV per cell, shape ``(n,)``.
        weight: Sum of its weights, shape ``(n,)``.
        n_rows: Rows on it, shape ``(n,)``.
        limit: Rungs that are kept.
    """

    energy_eV: FloatArray
    weight: FloatArray
    n_rows: FloatArray
    limit: int = LIMIT

    @classmethod
    def of(
        cls, energy_eV: FloatArray, weights: FloatArray, *, limit: int = LIMIT
    ) -> Self:
        """Return the ladder of some rows.

        Args:
            energy_eV: a_i, eV per cell, shape ``(n,)``.
            weights: Microstates each row stands for, > 0, shape ``(n,)``.
            limit: Rungs that are kept.

        Raises:
            ThermodynamicsError: Lengths differ, a value is not finite or not positive.
        """
        energy = finite_vector("energy_eV", energy_eV)
        weight = positive_weights("weights", weights, energy.size)
        return cls(*_ordered(energy, weight, np.ones_like(energy), limit), limit)

    def merged(self, other: Self) -> Self:
        """Return the ladder of the rows of both."""
        rungs = _ordered(
            np.concatenate([self.energy_eV, other.energy_eV]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.n_rows, other.n_rows]),
            self.limit,
        )
        return type(self)(*rungs, self.limit)

    def standing_for(self, factor: float) -> Self:
        """Return the ladder with every weight multiplied by one factor > 0."""
        return type(self)(self.energy_eV, self.weight * factor, self.n_rows, self.limit)

    def n99(self, temperature_K: float) -> int:
        """Return the least number of rows that carry 99 % of the probability.

        Args:
            temperature_K: Temperature > 0.

        Source: docs/formulation.md#sampling.
        """
        p = boltzmann_probabilities(self.energy_eV, self.weight, temperature_K)
        return n_covering(p, n_rows=self.n_rows)


def _ordered(
    energy: FloatArray, weight: FloatArray, n_rows: FloatArray, limit: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sort rungs and, while there are too many, join neighbours that are close.

    Sums of rows, of weights and of weighted energies are kept. The far-apart rungs at the
    bottom, which carry the weight when it is cold, stay single.
    """
    order = np.argsort(energy, kind="stable")
    energy, weight, n_rows = energy[order], weight[order], n_rows[order]
    while energy.size > 2 * limit:
        first = np.arange(0, energy.size - 1, 2)
        gaps = energy[first + 1] - energy[first]
        close = first[gaps <= np.median(gaps)]
        starts = np.delete(np.arange(energy.size), close + 1)
        joint = np.add.reduceat(weight, starts)
        energy = np.add.reduceat(weight * energy, starts) / joint
        weight, n_rows = joint, np.add.reduceat(n_rows, starts)
    return energy, weight, n_rows
