"""Sums over the configurations of one level at one temperature, chunk by chunk.

What is kept does not grow with the set, but for 16 bytes per row in the search for shared
minima.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from confvib.stages.levels import Floats, Level
from confvib.stages.set_facts import SetFacts
from confvib.thermo.committee import Committee
from confvib.thermo.degeneracy import n_shared_minima
from confvib.thermo.ladder import Ladder
from confvib.thermo.noise import Noise
from confvib.thermo.partition import CanonicalEnsemble, Vibrations, canonical_ensemble
from confvib.thermo.published import PublishedEnsemble, published_ensemble
from confvib.thermo.resamples import Resamples
from confvib.thermo.union import merge_ensembles
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass
class Tally:
    """Which rows entered, and what must be said about them."""

    n_selected: int = 0
    n_used: int = 0
    n_left_basin: int = 0
    covered: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    minima: list[tuple[NDArray[np.uint64], Floats]] = field(default_factory=list)

    def add(self, level: Level, n_selected: int) -> None:
        """Count the rows of a chunk."""
        self.n_selected += n_selected
        self.n_used += len(level.config_ids)
        self.n_left_basin += int(level.left_basin.sum())
        self.covered += float(level.multiplicity.sum())
        self.failures.update(level.failures)
        self.minima.append((level.end_arrangement, level.energy_eV))

    def merged(self, other: Self) -> Self:
        """Return the counts of both."""
        return type(self)(
            n_selected=self.n_selected + other.n_selected,
            n_used=self.n_used + other.n_used,
            n_left_basin=self.n_left_basin + other.n_left_basin,
            covered=self.covered + other.covered,
            failures=self.failures + other.failures,
            minima=self.minima + other.minima,
        )

    def n_shared(self) -> int:
        """Return how many rows fell into the minimum of another one."""
        names, energies = zip(*self.minima, strict=True)
        return n_shared_minima(np.concatenate(names), np.concatenate(energies))


@dataclass(frozen=True)
class CanonicalSums:
    """Per-cell sums with multiplicities; they stand for the rows alone until scaled."""

    ensemble: CanonicalEnsemble
    noise: Noise | None
    resamples: Resamples
    ladder: Ladder
    committee: Committee | None

    @classmethod
    def of(cls, level: Level, counts: NDArray[np.uint8], n_atoms: int) -> "CanonicalSums":
        """Sum over the rows of a level, one at least.

        Args:
            level: Of a chunk.
            counts: How often each resample takes each row, ``(n, R)``.
            n_atoms: Atoms per cell.
        """
        T, weights = level.temperature_K, level.multiplicity
        effective = level.free_energy_eV
        vibrations = Vibrations(
            effective - level.energy_eV,
            level.vibrational_entropy_eV_per_K,
            None if level.is_noisy else level.vibrational_heat_capacity_eV_per_K,
        )
        ensemble = canonical_ensemble(
            level.energy_eV, weights, T, n_atoms=n_atoms, vibrations=vibrations
        )
        # Members are compared over the same rows: those that all of them could score.
        scored = np.isfinite(level.members_eV).all(axis=1)
        has_committee = level.members_eV.shape[1] > 1 and scored.any()
        return cls(
            ensemble=ensemble,
            noise=Noise.of(ensemble, effective, weights, level.sigma_eV)
            if level.is_noisy
            else None,
            resamples=Resamples.none(T, counts.shape[1]).with_rows(
                effective, weights, counts
            ),
            ladder=Ladder.of(effective, weights),
            committee=Committee.of(
                level.members_eV[scored],
                effective[scored],
                weights[scored],
                T,
                n_atoms=n_atoms,
            )
            if has_committee
            else None,
        )

    def merged(self, other: "CanonicalSums") -> "CanonicalSums":
        """Return the sums over the rows of both."""
        union = merge_ensembles(self.ensemble, other.ensemble)
        return CanonicalSums(
            ensemble=union,
            noise=self.noise.merged(other.noise, union)
            if self.noise is not None and other.noise is not None
            else None,
            resamples=self.resamples.merged(other.resamples),
            ladder=self.ladder.merged(other.ladder),
            committee=_merged(self.committee, other.committee),
        )

    def standing_for(self, facts: SetFacts) -> "CanonicalSums":
        """Return what these rows say about the set that they were drawn from."""
        n_rows = self.ensemble.n_configurations
        factor = facts.n_orbits / n_rows
        ensemble = self.ensemble.standing_for(factor)
        kT_eV = BOLTZMANN_EV_PER_K * ensemble.temperature_K
        return CanonicalSums(
            ensemble=ensemble,
            noise=None if self.noise is None else replace(self.noise, ensemble=ensemble),
            resamples=self.resamples.standing_for(
                float(np.log(factor)),
                n_rows / facts.n_orbits,
                (
                    ensemble.log_Z - ensemble.reference_eV / kT_eV,
                    ensemble.reference_eV + ensemble.mean_excess_eV,
                ),
            ),
            ladder=self.ladder.standing_for(factor),
            committee=None
            if self.committee is None
            else self.committee.standing_for(facts.n_orbits),
        )


@dataclass(frozen=True)
class PublishedSums:
    """Per-atom sums of the published convention, every row once."""

    ensemble: PublishedEnsemble
    resamples: Resamples
    ladder: Ladder
    n_atoms: int
    is_noisy: bool

    @classmethod
    def of(cls, level: Level, counts: NDArray[np.uint8], n_atoms: int) -> "PublishedSums":
        """Sum over the rows of a level, one at least; arguments as of CanonicalSums."""
        T, energy = level.temperature_K, level.published_eV
        ones = np.ones_like(energy)
        return cls(
            ensemble=published_ensemble(energy, T, n_atoms=n_atoms),
            resamples=Resamples.none(T, counts.shape[1]).with_rows(
                energy / n_atoms, ones, counts
            ),
            ladder=Ladder.of(energy, ones),
            n_atoms=n_atoms,
            is_noisy=level.is_noisy,
        )

    def merged(self, other: "PublishedSums") -> "PublishedSums":
        """Return the sums over the rows of both."""
        return PublishedSums(
            ensemble=self.ensemble.merged(other.ensemble),
            resamples=self.resamples.merged(other.resamples),
            ladder=self.ladder.merged(other.ladder),
            n_atoms=self.n_atoms,
            is_noisy=self.is_noisy,
        )

    def standing_for(self, facts: SetFacts) -> "PublishedSums":
        """Return the same sums with the sampling error of a part of a set.

        The published sums know no factor for rows that were left out. The published
        vibrational term comes without an error, so that of runs is seen in the scatter of
        the rows alone, of complete sets, too.
        """
        found = self.ensemble
        fraction = found.n_configurations / facts.n_representatives
        kT_eV = BOLTZMANN_EV_PER_K * found.temperature_K
        return replace(
            self,
            resamples=self.resamples.standing_for(
                0.0,
                0.0 if self.is_noisy else fraction,
                (
                    found.log_Z - found.lowest_eV_per_atom / kT_eV,
                    found.average_eV_per_atom,
                ),
            ),
        )


def _merged(first: Committee | None, second: Committee | None) -> Committee | None:
    """Merge two committees; a chunk that none could score adds nothing."""
    if first is None or second is None:
        return first or second
    return first.merged(second)
