"""What a surrogate learns from: values of the computed rows, features of all rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.configuration import unpack_occupancy
from confvib.crystal.correlations import correlations
from confvib.stages.population import Level, Population, read_population
from confvib.stages.selection import parent_of
from confvib.tables.contracts import CONFIGURATIONS
from confvib.tables.parquet import read_table
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
        population: Of the set.
        config_ids: All eligible rows, length n.
        counts: Their cluster counts, shape ``(n, K)``.
        diameters_A: Diameters of the clusters, 0 for points [Å], shape ``(K,)``.
    """

    population: Population
    config_ids: list[str]
    counts: NDArray[np.int64]
    diameters_A: NDArray[np.float64]

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
    population = read_population(inputs, params["expected"], params["equivalence"])
    parent = parent_of(structure, params["crystal"])
    occupancy = _occupancy(inputs, params["expected"], len(parent.sites))
    config_ids = list(population.multiplicity)
    found = correlations(
        parent,
        pair_cutoff_A=settings["pair_cutoff_A"],
        triplet_cutoff_A=settings["triplet_cutoff_A"],
    )
    counts = found.counts(np.array([occupancy[key] for key in config_ids]))
    return Subject(population, config_ids, counts, found.diameters_A)


def _occupancy(
    inputs: Mapping[str, Sequence[str]],
    expected: Mapping[str, Sequence[str]],
    n_sites: int,
) -> dict[str, NDArray[np.bool_]]:
    found: dict[str, NDArray[np.bool_]] = {}
    for path, key in zip(
        inputs["configurations"], expected["configurations"], strict=True
    ):
        table = read_table(path, CONFIGURATIONS, key)
        bits = unpack_occupancy(table["occupancy"].to_pylist(), n_sites)
        found |= dict(zip(table["config_id"].to_pylist(), bits, strict=True))
    return found


def targets(population: Population, settings: Mapping[str, Any]) -> Iterator[Target]:
    """Yield what the levels of the section ask for, temperature by temperature.

    Args:
        population: Of the set.
        settings: The section.
    """
    levels = settings["levels"]
    for temperature_K in settings["temperatures_K"]:
        if "conf" in levels:
            level = population.conf(temperature_K)
            yield _of_level("energy", level, level.energy_eV)
        if "conf+harmonic" in levels:
            level = population.conf_harmonic(temperature_K)
            free = level.free_energy_eV
            yield _of_level("harmonic", level, free - level.energy_eV)
            yield _of_level("energy+harmonic", level, free)
    if "conf+md" in levels:
        for temperature_K in sorted(population.dynamics):
            yield _anharmonic(population, temperature_K)


def _of_level(quantity: str, level: Level, value_eV: NDArray[np.float64]) -> Target:
    return Target(
        quantity,
        level.temperature_K,
        level.config_ids,
        value_eV,
        np.zeros_like(value_eV),
    )


def _anharmonic(population: Population, temperature_K: float) -> Target:
    """Return A_MQ(md) - A_H of the rows that have both, with the error of the runs."""
    md = population.conf_md(temperature_K)
    harmonic = population.conf_harmonic(temperature_K)
    known = dict(zip(harmonic.config_ids, harmonic.free_energy_eV, strict=True))
    both = [row for row, key in enumerate(md.config_ids) if key in known]
    keys = [md.config_ids[row] for row in both]
    noise = np.zeros(len(both)) if md.sigma_eV is None else md.sigma_eV[both]
    return Target(
        "anharmonic",
        temperature_K,
        keys,
        md.free_energy_eV[both] - np.array([known[key] for key in keys]),
        noise,
    )
