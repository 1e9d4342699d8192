"""From chunks to the sums of every set, level, temperature and convention."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.stages.levels import ChunkLevels, Level, keys_of
from confvib.stages.reduction_chunks import read_chunks
from confvib.stages.set_facts import SetFacts
from confvib.stages.sums import CanonicalSums, PublishedSums, Tally
from confvib.thermo.resamples import resample_counts


@dataclass
class Running:
    """Sums of one convention over the chunks so far, and the count of their rows.

    Chunks merge pairwise like a binary counter, so that a row takes part in few merges.

    Attributes:
        kind: What sums over the rows of a chunk.
        tally: Rows so far.
    """

    kind: type[CanonicalSums] | type[PublishedSums]
    tally: Tally = field(default_factory=Tally)
    _pending: list[tuple[int, Any]] = field(default_factory=list)

    def add(
        self, level: Level, counts: NDArray[np.uint8], n_atoms: int, n_selected: int
    ) -> None:
        """Take in a chunk.

        Args:
            level: Its usable rows.
            counts: How often each resample takes each of them.
            n_atoms: Atoms per cell.
            n_selected: Rows of the chunk, usable or not.
        """
        self.tally.add(level, n_selected)
        if not len(level.config_ids):
            return
        sums: Any = self.kind.of(level, counts, n_atoms)
        size = 1
        while self._pending and self._pending[-1][0] <= size:
            n_chunks, before = self._pending.pop()
            sums, size = before.merged(sums), size + n_chunks
        self._pending.append((size, sums))

    def total(self) -> Any:
        """Return the sums of all chunks, of this kind; None if no row entered."""
        parts = [sums for _, sums in self._pending]
        return reduce(lambda one, other: one.merged(other), parts) if parts else None


@dataclass
class OfSet:
    """The two conventions of one set at one level and temperature."""

    canonical: Running = field(default_factory=lambda: Running(CanonicalSums))
    published: Running = field(default_factory=lambda: Running(PublishedSums))

    def add(self, level: Level, chunk: ChunkLevels, counts: NDArray[np.uint8]) -> None:
        """Take in a chunk.

        Args:
            level: Its usable rows.
            chunk: All of it.
            counts: How often each resample takes each usable row.
        """
        self.canonical.add(level, counts, chunk.n_atoms, chunk.n_selected)
        chosen = level.representative
        self.published.add(
            level.only(chosen),
            counts[chosen],
            chunk.n_atoms,
            chunk.n_selected_representatives,
        )


LevelKey = tuple[str, float]
"""Level and temperature [K]."""


@dataclass(frozen=True)
class Settings:
    """What a reduction sums.

    Attributes:
        temperatures_K: Of ``conf`` and ``conf+harmonic``; ``conf+md`` is where runs are.
        bootstrap_samples: Resamples behind the standard errors.
        seed: Seed of the resamples.
    """

    temperatures_K: Sequence[float]
    bootstrap_samples: int
    seed: int


@dataclass(frozen=True)
class Reduction:
    """Everything a reduction has summed.

    Attributes:
        facts: The sets, by name.
        n_atoms: Atoms per cell.
        sums: By level and temperature, then by set.
    """

    facts: Mapping[str, SetFacts]
    n_atoms: int
    sums: Mapping[LevelKey, Mapping[str, OfSet]]


def sum_levels(
    inputs: Mapping[str, Sequence[str]],
    expected: Mapping[str, Sequence[str]],
    facts: Mapping[str, SetFacts],
    settings: Settings,
) -> Reduction:
    """Read chunk after chunk and sum.

    Args:
        inputs: Paths by kind.
        expected: The hashes they must carry.
        facts: The sets, by name.
        settings: What to sum.

    Raises:
        TableError: As read_chunks.
    """
    sums: dict[LevelKey, dict[str, OfSet]] = {}
    n_atoms = 0
    for tables in read_chunks(inputs, expected):
        if not tables.set_name:
            continue
        chunk = ChunkLevels(tables, facts[tables.set_name])
        n_atoms = n_atoms or chunk.n_atoms
        ids = tables.relaxed["config_id"].to_pylist()
        counts = resample_counts(keys_of(ids), settings.bootstrap_samples, settings.seed)
        row_of = {key: row for row, key in enumerate(ids)}
        for level in _levels(chunk, sorted(tables.dynamics), settings.temperatures_K):
            rows = [row_of[key] for key in level.config_ids]
            sets = sums.setdefault((level.name, level.temperature_K), {})
            sets.setdefault(tables.set_name, OfSet()).add(level, chunk, counts[rows])
    return Reduction(facts, n_atoms, sums)


def _levels(
    chunk: ChunkLevels, md_K: Sequence[float], temperatures_K: Sequence[float]
) -> Iterator[Level]:
    """Yield the levels: conf and conf+harmonic anywhere, conf+md where MD was run."""
    for temperature_K in temperatures_K:
        yield chunk.conf(temperature_K)
    yield from chunk.conf_harmonic(temperatures_K)
    for temperature_K in md_K:
        yield chunk.conf_md(temperature_K)
