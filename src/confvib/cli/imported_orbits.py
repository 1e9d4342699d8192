"""From mapped structures to the configurations of a set: found, repeated, missing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.cli.mapped_files import Entry, Target
from confvib.crystal.burnside import count_orbits
from confvib.crystal.canonical import canonical_orbits
from confvib.crystal.configuration import pack_occupancy
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.rules import conflict_matrix
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import EnumerationError
from confvib.stages.configuration_rows import configuration_rows

MAX_ENUMERATED = 2_000_000
"""A set with more configurations is not enumerated to number those found."""

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ImportedSet:
    """What a source holds of a set.

    Attributes:
        rows: The configurations found, rows of the ``configurations`` table.
        imports: Rows of the ``imports`` table.
        n_orbits: Configurations that the set has, found or not.
        pair_classes: Fingerprint of each configuration of the set; None where the set
            is too large to enumerate.
    """

    rows: list[Row]
    imports: list[Row]
    n_orbits: int
    pair_classes: list[str] | None

    @property
    def missing(self) -> list[Row]:
        """Rows of the configurations that no structure is."""
        return [row for row in self.imports if row["status"] == "missing"]

    @property
    def found_classes(self) -> set[str]:
        """Fingerprints of the configurations found."""
        return {row["pair_fingerprint"] for row in self.rows}


def count_set(target: Target) -> int:
    """Count the configurations of the set, exactly and quickly.

    Args:
        target: Crystal, counts and rules.

    Raises:
        EnumerationError: The rules forbid every arrangement, or couple too many sites.
    """
    parent = target.parent
    graph = SiteGraph.build(conflict_matrix(parent, target.rules), parent.kinds)
    wanted = [target.counts[group.name] for group in parent.groups]
    number = count_orbits(graph, parent.permutations, wanted)
    if number == 0:
        # Enumerating what does not exist says what would.
        enumerate_configurations(parent, target.counts, target.rules)
        raise EnumerationError("the set has no configuration")
    return number


def collect_orbits(
    entries: Sequence[Entry],
    target: Target,
    set_name: str,
    crystal: Mapping[str, Any],
    n_orbits: int,
) -> ImportedSet:
    """Merge equal structures and number them as the enumeration does.

    Args:
        entries: Mapped structures, in the order that decides which of two equal ones is
            the duplicate.
        target: Crystal, counts and rules.
        set_name: First part of every ``config_id``.
        crystal: Section ``crystal``.
        n_orbits: Of the whole set.

    Returns:
        Found and missing configurations, and the fate of every structure.
    """
    parent = target.parent
    mapped = [entry for entry in entries if entry.mapped.occupancy is not None]
    occupancy = np.array([entry.mapped.occupancy for entry in mapped], dtype=bool)
    orbits = canonical_orbits(parent, occupancy.reshape(-1, len(parent.sites)))
    if n_orbits > MAX_ENUMERATED:
        rows = configuration_rows(
            parent, crystal, set_name, orbits.occupancy, orbits.multiplicity
        )
        found, known = rows, None
    else:
        whole = enumerate_configurations(parent, target.counts, target.rules)
        rows = configuration_rows(
            parent, crystal, set_name, whole.occupancy, whole.multiplicity
        )
        found = _same_rows(rows, orbits.occupancy)
        known = [row["pair_fingerprint"] for row in rows]
    imports = _fates(entries, [found[orbit] for orbit in orbits.orbit_of])
    if known is not None:
        imports += _missing(rows, found)
    return ImportedSet(found, imports, n_orbits, known)


def status_counts(imports: Sequence[Row]) -> Counter[str]:
    """Count the structures of each status, missing configurations left out."""
    return Counter(row["status"] for row in imports if row["status"] != "missing")


def _same_rows(rows: Sequence[Row], occupancy: NDArray[np.bool_]) -> list[Row]:
    by_occupancy = {row["occupancy"]: row for row in rows}
    return [by_occupancy[packed] for packed in pack_occupancy(occupancy)]


def _fates(entries: Sequence[Entry], found: Sequence[Row]) -> list[Row]:
    first: dict[str, Entry] = {}
    imports, orbits = [], iter(found)
    for entry in entries:
        mapped = entry.mapped
        row = next(orbits) if mapped.occupancy is not None else None
        status, reason = mapped.status, mapped.reason
        if row is not None:
            earlier = first.setdefault(row["config_id"], entry)
            if earlier is not entry:
                status, reason = "duplicate", f"same configuration as {earlier.source}"
        imports.append(
            {
                "source": entry.source,
                "config_id": row and row["config_id"],
                "pair_fingerprint": row and row["pair_fingerprint"],
                "displacement_max_A": _rounded(mapped.displacement_max_A),
                "displacement_rms_A": _rounded(mapped.displacement_rms_A),
                "framework_displacement_max_A": _rounded(
                    mapped.framework_displacement_max_A
                ),
                "length_scale": _rounded(mapped.length_scale),
                "status": status,
                "reason": reason,
            }
        )
    return imports


def _rounded(value: float | None) -> float | None:
    # Beyond that, the order of the atoms in the file would show.
    return None if value is None else round(value, 9)


def _missing(rows: Sequence[Row], found: Sequence[Row]) -> list[Row]:
    held = {row["config_id"] for row in found}
    alike = {row["pair_fingerprint"]: row["config_id"] for row in reversed(found)}
    missing = []
    for row in rows:
        if row["config_id"] in held:
            continue
        other = alike.get(row["pair_fingerprint"])
        shared = f"{other} has the same pair distances"
        missing.append(
            {
                "source": "",
                "config_id": row["config_id"],
                "pair_fingerprint": row["pair_fingerprint"],
                "displacement_max_A": None,
                "displacement_rms_A": None,
                "framework_displacement_max_A": None,
                "length_scale": None,
                "status": "missing",
                "reason": shared if other else "nor is another with its pair distances",
            }
        )
    return missing
