"""What a surrogate learns from: values of the computed rows, features of all rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.configuration import unpack_occupancy
from confvib.crystal.correlations import correlations
from confvib.stages.levels import ChunkLevels, Level
from confvib.stages.reduction_chunks import read_chunks
from confvib.stages.selection import parent_of
from confvib.stages.set_facts import SetFacts, set_facts
from confvib.tables.contracts import CONFIGURATIONS
from confvib.tables.parquet import read_table
from confvib.thermo.sampling import sampling_weights
from confvib.thermo.surrogate_features import Features


@dataclass(frozen=True)
class Target:
    """Computed values of one quantity at one temperature, eV per cell.

    Attributes:
        quantity: ``energy``, ``harmonic``, ``energy+harmonic`` or ``anharmonic``.
        temperature_K: Temperature.
        config_ids: Computed rows, length t.
        value_eV: Their values, shape ``(t,)``.
        noise_eV: Their standard errors, 0 without noise, shape ``(t,)``.
    """

    quantity: str
    temperature_K: float
    config_ids: list[str]
    value_eV: NDArray[np.float64]
    noise_eV: NDArray[np.float64]

    @property
    def weighs(self) -> bool:
        """Is the value an a_i, that goes into a Boltzmann factor?"""
        return self.quantity in {"energy", "energy+harmonic"}


@dataclass(frozen=True)
class Subject:
    """Every row of a set, computed or not.

    Attributes:
        facts: Of the set.
        chunks: What was computed of it.
        temperatures_K: Of its runs.
        multiplicity: Arrangements of every eligible row, by config_id.
        counts: Cluster counts of every eligible row, shape ``(n, K)``.
        diameters_A: Diameters of the clusters, 0 for points [Å], shape ``(K,)``.
    """

    facts: SetFacts
    chunks: Sequence[ChunkLevels]
    temperatures_K: Sequence[float]
    multiplicity: Mapping[str, int]
    counts: NDArray[np.int64]
    diameters_A: NDArray[np.float64]

    @property
    def config_ids(self) -> list[str]:
        """All eligible rows, length n."""
        return list(self.multiplicity)

    def weights(self, config_ids: Sequence[str]) -> NDArray[np.float64]:
        """Return how many arrangements each of some rows, drawn at random, stands for."""
        return sampling_weights(
            [self.multiplicity[key] for key in config_ids],
            design="orbits",
            n_orbits=self.facts.n_orbits,
            n_microstates=self.facts.n_microstates,
        )

    def rows(self, config_ids: Sequence[str]) -> NDArray[np.intp]:
        """Return the positions of some rows among all."""
        position = {key: number for number, key in enumerate(self.config_ids)}
        return np.array([position[key] for key in config_ids], dtype=np.intp)

    def features(self, rows: NDArray[np.intp] | None = None) -> Features:
        """Return the features of all rows, or of some, standardised over these."""
        counts = self.counts if rows is None else self.counts[rows]
        return Features.standardise(counts, self.diameters_A)


def read_subject(
    structure: str,
    inputs: Mapping[str, Sequence[str]],
    params: Mapping[str, Any],
) -> Subject:
    """Read the tables of a set and count the clusters of every row.

    Args:
        structure: CIF of the parent crystal.
        inputs: As of a reduction; kinds that the levels do not need are empty.
        params: ``settings``, ``crystal``, ``equivalence`` and ``expected`` of the rule.

    Raises:
        TableError: A table is missing, damaged or foreign.
        CrystalError: The crystal or a cutoff is no good.
    """
    settings = params["settings"]
    expected = params["expected"]
    facts = next(
        iter(
            set_facts(
                inputs["configurations"],
                expected["configurations"],
                params["equivalence"],
            ).values()
        )
    )
    parent = parent_of(structure, params["crystal"])
    multiplicity, occupancy = _eligible(inputs, expected, facts, len(parent.sites))
    found = correlations(
        parent,
        pair_cutoff_A=settings["pair_cutoff_A"],
        triplet_cutoff_A=settings["triplet_cutoff_A"],
    )
    tables = [each for each in read_chunks(inputs, expected) if each.set_name]
    return Subject(
        facts=facts,
        chunks=[ChunkLevels(each, facts) for each in tables],
        temperatures_K=sorted(tables[0].dynamics) if tables else [],
        multiplicity=multiplicity,
        counts=found.counts(occupancy),
        diameters_A=found.diameters_A,
    )


def _eligible(
    inputs: Mapping[str, Sequence[str]],
    expected: Mapping[str, Sequence[str]],
    facts: SetFacts,
    n_sites: int,
) -> tuple[dict[str, int], NDArray[np.bool_]]:
    """Return the arrangements and the occupied places of every eligible row."""
    table = read_table(
        inputs["configurations"][0], CONFIGURATIONS, expected["configurations"][0]
    )
    ids = table["config_id"].to_pylist()
    own = dict(zip(ids, table["multiplicity"].to_pylist(), strict=True))
    classes = facts.class_multiplicity
    multiplicity = own if classes is None else dict(classes)
    rows = [row for row, key in enumerate(ids) if key in multiplicity]
    bits = unpack_occupancy(table["occupancy"].take(rows).to_pylist(), n_sites)
    return multiplicity, bits


def targets(subject: Subject, settings: Mapping[str, Any]) -> Iterator[Target]:
    """Yield what the levels of the section ask for, temperature by temperature.

    Args:
        subject: The rows.
        settings: The section.
    """
    levels = settings["levels"]
    for temperature_K in settings["temperatures_K"]:
        if "conf" in levels:
            level = _joined([each.conf(temperature_K) for each in subject.chunks])
            yield _of_level("energy", level, level.energy_eV)
        if "conf+harmonic" in levels:
            level = _harmonic(subject, temperature_K)
            free = level.free_energy_eV
            yield _of_level("harmonic", level, free - level.energy_eV)
            yield _of_level("energy+harmonic", level, free)
    if "conf+md" in levels:
        for temperature_K in subject.temperatures_K:
            yield _anharmonic(subject, temperature_K)


def _harmonic(subject: Subject, temperature_K: float) -> Level:
    return _joined([each.conf_harmonic([temperature_K])[0] for each in subject.chunks])


def _joined(levels: Sequence[Level]) -> Level:
    """Return the rows of several chunks, one at least, as one level."""
    parts = [level.arrays() for level in levels]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return replace(levels[0], **arrays)


def _of_level(quantity: str, level: Level, value_eV: NDArray[np.float64]) -> Target:
    return Target(
        quantity,
        level.temperature_K,
        level.config_ids.tolist(),
        value_eV,
        np.zeros_like(value_eV),
    )


def _anharmonic(subject: Subject, temperature_K: float) -> Target:
    """Return A(md) - A_H of the rows that have both, with the error of the runs."""
    md = _joined([each.conf_md(temperature_K) for each in subject.chunks])
    harmonic = _harmonic(subject, temperature_K)
    known = dict(zip(harmonic.config_ids, harmonic.free_energy_eV, strict=True))
    both = np.array([key in known for key in md.config_ids], dtype=bool)
    keys = md.config_ids[both].tolist()
    return Target(
        "anharmonic",
        temperature_K,
        keys,
        md.free_energy_eV[both] - np.array([known[key] for key in keys]),
        md.sigma_eV[both],
    )
