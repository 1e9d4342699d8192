"""Everything that was computed of one set, in memory: for what needs all rows at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from confvib.stages.levels import ChunkLevels, Level
from confvib.stages.reduction_chunks import ChunkTables, read_chunks
from confvib.stages.set_facts import SetFacts, set_facts
from confvib.thermo.sampling import sampling_weights


@dataclass(frozen=True)
class ComputedSet:
    """The computed rows of one set.

    Attributes:
        facts: Of the set, computed or not.
        tables: What was computed, chunk by chunk.
    """

    facts: SetFacts
    tables: Sequence[ChunkTables]

    @cached_property
    def _chunks(self) -> list[ChunkLevels]:
        return [ChunkLevels(each, self.facts) for each in self.tables]

    @property
    def n_atoms(self) -> int:
        """Atoms per cell."""
        return self._chunks[0].n_atoms

    @property
    def temperatures_K(self) -> list[float]:
        """Temperatures of the runs."""
        return sorted(self.tables[0].dynamics) if self.tables else []

    def conf(self, temperature_K: float) -> Level:
        """Static energies of the relaxed cells."""
        return _joined([each.conf(temperature_K) for each in self._chunks])

    def conf_harmonic(self, temperature_K: float) -> Level:
        """E_i + F_q of the normal modes."""
        return _joined([each.conf_harmonic([temperature_K])[0] for each in self._chunks])

    def conf_md(self, temperature_K: float) -> Level:
        """Free energies of the runs."""
        return _joined([each.conf_md(temperature_K) for each in self._chunks])

    def weights(self, multiplicity: Sequence[int]) -> NDArray[np.float64]:
        """Return how many arrangements each of some rows, drawn at random, stands for.

        Args:
            multiplicity: Of these rows.
        """
        return sampling_weights(
            multiplicity,
            design="orbits",
            n_orbits=self.facts.n_orbits,
            n_microstates=self.facts.n_microstates,
        )


def read_computed_set(
    inputs: Mapping[str, Sequence[str]],
    expected: Mapping[str, Sequence[str]],
    equivalence: str,
) -> ComputedSet:
    """Read the tables of one set.

    Args:
        inputs: Paths by kind; a kind that is empty or absent is not read.
        expected: The hashes they must carry.
        equivalence: ``symmetry`` or ``pair_distances``.

    Raises:
        TableError: As set_facts and read_chunks.
    """
    (facts,) = set_facts(
        inputs["configurations"], expected["configurations"], equivalence
    ).values()
    return ComputedSet(facts, [c for c in read_chunks(inputs, expected) if c.set_name])


def _joined(levels: Sequence[Level]) -> Level:
    """Return the rows of several chunks, one at least, as one level."""
    parts = [level.arrays() for level in levels]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return replace(levels[0], **arrays)
