"""One set by two potentials: which rows both computed, and where their ions ended."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.periodic import PeriodicCell
from confvib.stages.population import Level, Population, read_population
from confvib.stages.selection import parent_of, select_rows
from confvib.tables.contracts import CONFIGURATIONS, RELAXED
from confvib.tables.parquet import read_table
from confvib.thermo.partition import Vibrations
from confvib.thermo.roads import boltzmann_weights

Row = dict[str, Any]
Positions = dict[str, NDArray[np.float64]]

GROUPS = ("all", "same_minimum")
"""Every row of both roads, or those whose ions end on one arrangement by both."""


@dataclass(frozen=True)
class Values:
    """What one road gives for some rows at one temperature, eV per cell.

    Attributes:
        energy_eV: Of the relaxed cells, shape ``(n,)``.
        minimum_eV: Of the cells under the Hessians, shape ``(n,)``.
        vibrations: F and S of their modes.
    """

    energy_eV: NDArray[np.float64]
    minimum_eV: NDArray[np.float64]
    vibrations: Vibrations

    def of(self, quantity: str) -> NDArray[np.float64]:
        """Return ``energy``, ``minimum``, ``harmonic`` or ``minimum+harmonic``."""
        if quantity == "energy":
            return self.energy_eV
        if quantity == "minimum":
            return self.minimum_eV
        harmonic = np.asarray(self.vibrations.free_energy_eV)
        return harmonic if quantity == "harmonic" else self.minimum_eV + harmonic


@dataclass(frozen=True)
class Road:
    """All rows of a set by one potential.

    Attributes:
        population: Its tables.
        positions_A: Atoms of the relaxed cells by config_id, shape ``(N, 3)``.
    """

    population: Population
    positions_A: Positions

    def level(self, temperature_K: float) -> Level:
        """Return E + F_harmonic of the rows that have it."""
        return self.population.conf_harmonic(temperature_K)

    def values(self, config_ids: Sequence[str], temperature_K: float) -> Values:
        """Return the values of some rows that have all of them."""
        level = self.level(temperature_K)
        position = {key: number for number, key in enumerate(level.config_ids)}
        rows = [position[key] for key in config_ids]
        minimum = level.energy_eV[rows]
        return Values(
            energy_eV=np.array(
                [self.population.relaxed[key]["energy_eV"] for key in config_ids]
            ),
            minimum_eV=minimum,
            vibrations=Vibrations(
                level.free_energy_eV[rows] - minimum,
                level.vibrational_entropy_eV_per_K[rows],
            ),
        )

    def status(self, config_id: str) -> str:
        """Return ``ok`` or what keeps a row from having a free energy."""
        row = self.population.harmonic.get(config_id)
        return "missing" if row is None else row["status"]

    def arrangement(self, config_id: str) -> str | None:
        """Return what the ions end on; None if they share a position or move again."""
        row = self.population.relaxed[config_id]
        again = self.population.harmonic[config_id]["n_moved"]
        return None if again else row["end_arrangement"]


@dataclass(frozen=True)
class Roads:
    """One set by two potentials.

    Attributes:
        set_name: Name of the set.
        exact: By the reference.
        given: By the force field.
        config_ids: The rows to compare, whether computed or not, length n.
        seen: Those that the force field learned from.
        cell: Nearest images.
        inverse_per_A: From Cartesian to fractional, shape ``(3, 3)``.
    """

    set_name: str
    exact: Road
    given: Road
    config_ids: Sequence[str]
    seen: frozenset[str]
    cell: PeriodicCell
    inverse_per_A: NDArray[np.float64]

    @property
    def n_atoms(self) -> int:
        """Atoms per cell."""
        return self.exact.population.n_atoms

    @cached_property
    def both(self) -> list[str]:
        """Rows with a free energy by both roads."""
        return [
            key
            for key in self.config_ids
            if self.exact.status(key) == self.given.status(key) == "ok"
        ]

    def chosen(self, group: str) -> list[str]:
        """Return the rows of a group."""
        if group == "all":
            return self.both
        return [key for key in self.both if self.same_minimum(key)]

    def same_minimum(self, config_id: str) -> bool:
        """Whether the ions of a row end on one arrangement by both roads."""
        ends = {road.arrangement(config_id) for road in (self.exact, self.given)}
        return len(ends) == 1 and None not in ends

    def weights(self, config_ids: Sequence[str]) -> NDArray[np.float64]:
        """Return how many arrangements each row stands for."""
        return self.exact.population.weights(config_ids)

    def left_out(self) -> str:
        """Count the rows that not both roads have, by road and status."""
        parts = []
        for name, road in (("exact", self.exact), ("force field", self.given)):
            counts = Counter(road.status(key) for key in self.config_ids)
            del counts["ok"]
            if counts:
                said = ", ".join(f"{n} {status}" for status, n in counts.most_common())
                parts.append(f"{name}: {said}")
        return "; ".join(parts)

    def rows(self, temperatures_K: Sequence[float]) -> Iterator[Row]:
        """Yield a row of the ``accuracy_configurations`` table per configuration."""
        weights = self.weights(self.both) if self.both else []
        found = {
            key: {"weight": float(weight)}
            for key, weight in zip(self.both, weights, strict=True)
        }
        for suffix, road in (("", self.exact), ("_given", self.given)):
            for key, columns in self._columns(road, temperatures_K):
                found[key] |= {f"{name}{suffix}": x for name, x in columns.items()}
        blank: Row = {"temperatures_K": list(temperatures_K), "status": "ok", "reason": ""}
        for key in self.config_ids:
            row = blank | {"config_id": key, "seen": key in self.seen}
            if key in found:
                yield row | found[key] | self._ends(key)
            else:
                yield row | self._refusal(key)

    def _columns(
        self, road: Road, temperatures_K: Sequence[float]
    ) -> Iterator[tuple[str, Row]]:
        """Yield what one road says of each row of both."""
        if not self.both:
            return
        weights = self.weights(self.both)
        at = [road.values(self.both, temperature_K) for temperature_K in temperatures_K]
        harmonic = np.array([values.of("harmonic") for values in at])
        probability = np.array(
            [
                boltzmann_weights(values.of("minimum+harmonic"), weights, temperature_K)
                for values, temperature_K in zip(at, temperatures_K, strict=True)
            ]
        )
        for number, key in enumerate(self.both):
            yield (
                key,
                {
                    "energy_eV": float(at[0].energy_eV[number]),
                    "minimum_eV": float(at[0].minimum_eV[number]),
                    "harmonic_eV": harmonic[:, number].tolist(),
                    "probability": probability[:, number].tolist(),
                    "end_arrangement": road.arrangement(key),
                },
            )

    def _ends(self, config_id: str) -> Row:
        apart = self.given.positions_A[config_id] - self.exact.positions_A[config_id]
        distances = self.cell.distances_A(apart @ self.inverse_per_A)
        return {
            "same_minimum": self.same_minimum(config_id),
            "displacement_max_A": float(distances.max()),
            "displacement_rms_A": float(np.sqrt(np.mean(distances**2))),
        }

    def _refusal(self, config_id: str) -> Row:
        roads = (("exact", self.exact), ("force field", self.given))
        bad = [
            (name, road.status(config_id))
            for name, road in roads
            if road.status(config_id) != "ok"
        ]
        reason = "; ".join(f"{name}: {status}" for name, status in bad)
        return {"status": bad[0][1], "reason": reason}


def read_roads(
    structure: str,
    given: Mapping[str, Sequence[str]],
    exact: Mapping[str, Sequence[str]],
    params: Mapping[str, Any],
) -> Roads:
    """Read the tables of both roads.

    Args:
        structure: CIF of the parent crystal.
        given: Paths of the campaign's tables by kind.
        exact: Those of its companion on the reference.
        params: ``settings``, ``crystal``, ``equivalence``, ``seed``, ``n_labelled`` and
            the hashes ``given`` and ``exact`` of the rule.

    Raises:
        TableError: A table is missing, damaged or foreign.
    """
    roads = [
        Road(
            read_population(
                {"dynamics": [], **paths}, params[name], params["equivalence"]
            ),
            _positions(paths["relaxed"], params[name]["relaxed"]),
        )
        for name, paths in (("exact", exact), ("given", given))
    ]
    seen = _seen(given["configurations"][0], params)
    computed = dict.fromkeys([*roads[0].population.relaxed, *roads[1].population.relaxed])
    unseen_only = params["settings"]["configurations"] == "unseen"
    cell = np.asarray(parent_of(structure, params["crystal"]).cell)
    return Roads(
        set_name=params["settings"]["set"],
        exact=roads[0],
        given=roads[1],
        config_ids=[key for key in computed if not (unseen_only and key in seen)],
        seen=seen,
        cell=PeriodicCell(cell),
        inverse_per_A=np.linalg.inv(cell),
    )


def _positions(paths: Sequence[str], hashes: Sequence[str]) -> Positions:
    found: Positions = {}
    for path, key in zip(paths, hashes, strict=True):
        table = read_table(path, RELAXED, key)
        for config_id, positions in zip(
            table["config_id"].to_pylist(), table["positions"].to_pylist(), strict=True
        ):
            if positions is not None:
                found[config_id] = np.asarray(positions).reshape(-1, 3)
    return found


def _seen(configurations: str, params: Mapping[str, Any]) -> frozenset[str]:
    table = read_table(
        configurations, CONFIGURATIONS, params["given"]["configurations"][0]
    )
    n = params["n_labelled"]
    part = (
        {"of": "all", "chunk": 0, "n_chunks": 1}
        if n == "all"
        else {"of": "sample", "start": 0, "stop": n}
    )
    if n == 0:
        return frozenset()
    rows = select_rows(table, params["equivalence"], part, params["seed"])
    return frozenset(row["config_id"] for row in rows)
