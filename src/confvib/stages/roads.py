"""One set by two potentials: which rows both computed, and where their ions ended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.periodic import PeriodicCell
from confvib.stages.selection import parent_of, select_rows
from confvib.stages.set_facts import SetFacts, set_facts
from confvib.tables.contracts import CONFIGURATIONS, HARMONIC, RELAXED
from confvib.tables.parquet import read_table
from confvib.tables.schema import TableSchema
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.thermo.partition import Vibrations
from confvib.thermo.sampling import sampling_weights

Row = dict[str, Any]

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

    def weighed(self, quantity: str) -> tuple[NDArray[np.float64], Vibrations | None]:
        """Return the static energies of an ensemble, and its vibrations if it has any."""
        if quantity == "minimum+harmonic":
            return self.minimum_eV, self.vibrations
        return self.of(quantity), None


@dataclass(frozen=True)
class Road:
    """All rows of a set by one potential.

    Attributes:
        facts: Totals of the set.
        relaxed: Rows of the ``relaxed`` tables by config_id.
        harmonic: Rows of the ``harmonic`` tables by config_id.
    """

    facts: SetFacts
    relaxed: Mapping[str, Row]
    harmonic: Mapping[str, Row]

    def values(self, config_ids: Sequence[str], temperature_K: float) -> Values:
        """Return the values of some rows that have all of them."""
        modes = [
            harmonic_from_modes(self.harmonic[key]["frequencies_THz"], [temperature_K])
            for key in config_ids
        ]
        return Values(
            energy_eV=np.array([self.relaxed[key]["energy_eV"] for key in config_ids]),
            minimum_eV=np.array([self.harmonic[key]["energy_eV"] for key in config_ids]),
            vibrations=Vibrations(
                np.array([float(each.free_energy_eV[0]) for each in modes]),
                np.array([float(each.entropy_eV_per_K[0]) for each in modes]),
            ),
        )

    def weights(self, config_ids: Sequence[str]) -> NDArray[np.float64]:
        """Return how many arrangements each of some rows, drawn at random, stands for."""
        classes = self.facts.class_multiplicity
        return sampling_weights(
            [
                self.relaxed[key]["multiplicity"] if classes is None else classes[key]
                for key in config_ids
            ],
            design="orbits",
            n_orbits=self.facts.n_orbits,
            n_microstates=self.facts.n_microstates,
        )

    def status(self, config_id: str) -> str:
        """Return ``ok`` or what keeps a row from having a free energy."""
        row = self.harmonic.get(config_id)
        return "missing" if row is None else row["status"]

    def arrangement(self, config_id: str) -> str | None:
        """Return what the ions end on; None if they share a position or move again."""
        again = self.harmonic[config_id]["n_moved"]
        return None if again else self.relaxed[config_id]["end_arrangement"]

    def positions_A(self, config_id: str) -> NDArray[np.float64]:
        """Return the atoms of a relaxed cell, (N, 3)."""
        return np.asarray(self.relaxed[config_id]["positions"]).reshape(-1, 3)


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
        return next(iter(self.exact.relaxed.values()))["n_atoms"]

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
        return self.exact.weights(config_ids)

    def named(self) -> tuple[tuple[str, Road], tuple[str, Road]]:
        """Return both roads with what messages call them."""
        return ("exact", self.exact), ("force field", self.given)

    def left_out(self) -> str:
        """Count the rows that not both roads have, by road and status."""
        parts = []
        for name, road in self.named():
            counts = Counter(road.status(key) for key in self.config_ids)
            del counts["ok"]
            if counts:
                said = ", ".join(f"{n} {status}" for status, n in counts.most_common())
                parts.append(f"{name}: {said}")
        return "; ".join(parts)

    def apart_A(self, config_id: str) -> NDArray[np.float64]:
        """Return how far each atom of the two relaxed cells is apart, (N,)."""
        apart = self.given.positions_A(config_id) - self.exact.positions_A(config_id)
        return self.cell.distances_A(apart @ self.inverse_per_A)


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
        _read_road(paths, params[name], params["equivalence"])
        for name, paths in (("exact", exact), ("given", given))
    ]
    seen = _seen(given["configurations"][0], params)
    computed = dict.fromkeys([*roads[0].relaxed, *roads[1].relaxed])
    unseen_only = params["settings"]["configurations"] == "unseen"
    cell = np.asarray(parent_of(structure, params["crystal"]).cell)
    return Roads(
        set_name=params["settings"]["set"],
        exact=roads[0],
        given=roads[1],
        config_ids=[key for key in computed if not (unseen_only and key in seen)],
        seen=seen,
        cell=PeriodicCell(cell),
        inverse_per_A=np.asarray(np.linalg.inv(cell), np.float64),
    )


def _read_road(
    paths: Mapping[str, Sequence[str]],
    hashes: Mapping[str, Sequence[str]],
    equivalence: str,
) -> Road:
    def rows(kind: str, schema: TableSchema) -> dict[str, Row]:
        return {
            row["config_id"]: row
            for path, key in zip(paths[kind], hashes[kind], strict=True)
            for row in read_table(path, schema, key).to_pylist()
        }

    facts = set_facts(paths["configurations"], hashes["configurations"], equivalence)
    return Road(
        facts=next(iter(facts.values())),
        relaxed=rows("relaxed", RELAXED),
        harmonic=rows("harmonic", HARMONIC),
    )


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
