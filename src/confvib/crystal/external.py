"""Which configuration of the parent is a structure that another program wrote?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.alignment import Alignment, FrameworkMatcher, MappingError
from confvib.crystal.lattice import minimum_image_distances
from confvib.crystal.parent import ParentCrystal, SiteGroup
from confvib.crystal.rules import DistanceRule, conflict_matrix
from confvib.crystal.structure_files import ExternalStructure

_SAME_SITE_A = 1e-6
"""Places of one site have distance zero, up to rounding."""


@dataclass(frozen=True, eq=False)
class MappedStructure:
    """What became of one structure.

    Attributes:
        status: "ok", or why the structure is no configuration: wrong_lattice,
            wrong_framework, wrong_composition, unmapped, collision, forbidden.
        reason: one sentence; empty when ok.
        occupancy: occupied places, not canonical, (M,); None unless ok.
        displacement_max_A: largest distance of an ion from its place [Å].
        displacement_rms_A: root-mean-square distance of the ions [Å].
        framework_displacement_max_A: largest distance of a framework atom [Å].
        length_scale: lengths of the structure over lengths of the parent.
    """

    status: str
    reason: str = ""
    occupancy: NDArray[np.bool_] | None = None
    displacement_max_A: float | None = None
    displacement_rms_A: float | None = None
    framework_displacement_max_A: float | None = None
    length_scale: float | None = None


@dataclass(frozen=True, eq=False)
class _Ions:
    """The mobile ions of one alignment and the places nearest to them."""

    alignment: Alignment
    atoms: NDArray[np.intp]
    places: NDArray[np.intp]
    distances_A: NDArray[np.float64]


class StructureMapper:
    """Maps structures onto the places of one parent, for one composition."""

    def __init__(
        self,
        parent: ParentCrystal,
        counts: Mapping[str, int],
        rules: Sequence[DistanceRule],
        *,
        tolerance_A: float = 0.5,
    ) -> None:
        """Prepare what all structures share.

        Args:
            parent: the crystal.
            counts: ions on each site group, every group named.
            rules: pairs of ions that are too close.
            tolerance_A: largest distance of an atom from its place [Å].

        Raises:
            CrystalError: the tolerance or a rule does not fit the crystal.
        """
        self._parent = parent
        self._counts = dict(counts)
        self._rules = list(rules)
        self._tolerance_A = tolerance_A
        self._conflicts = conflict_matrix(parent, rules)
        self._matcher = FrameworkMatcher(parent, tolerance_A)
        self._numbers = parent.site_numbers
        self._same_site = parent.distances_A < _SAME_SITE_A

    def map(self, structure: ExternalStructure) -> MappedStructure:
        """Map one structure.

        Args:
            structure: atoms in any order, any common origin, any equivalent axes.

        Returns:
            The occupied places and the displacements, or why there are none.
        """
        measured: tuple[float | None, ...] = ()
        try:
            alignments = self._aligned(structure)
            ions = [self._nearest(structure, found) for found in alignments]
            # Where the framework leaves a choice, the ions decide.
            best = min(ions, key=lambda found: float(np.sum(found.distances_A**2)))
            measured = _measures(best)
            occupancy = self._occupied(structure, best)
        except MappingError as error:
            return MappedStructure(error.status, str(error), None, *measured)
        return MappedStructure("ok", "", occupancy, *measured)

    def _aligned(self, structure: ExternalStructure) -> list[Alignment]:
        self._matcher.check_lattice(structure.cell)
        self._check_species(structure)
        return self._matcher.align(structure)

    def _check_species(self, structure: ExternalStructure) -> None:
        from ase.data import chemical_symbols

        fixed = self._parent.framework_numbers
        for number in np.unique(np.concatenate([structure.numbers, fixed])):
            symbol = chemical_symbols[number]
            found = int(np.sum(structure.numbers == number))
            expected = int(np.sum(fixed == number))
            mobile = bool(np.any(self._numbers == number))
            if not mobile and expected == 0:
                raise MappingError(
                    "wrong_composition",
                    f"the structure holds {found} {symbol}, which neither the framework "
                    "nor a site of the parent holds",
                )
            if found < expected or (not mobile and found > expected):
                more = " or more" if mobile else ""
                raise MappingError(
                    "wrong_framework",
                    f"the structure holds {found} {symbol}, expected {expected}{more} "
                    "as the framework of the parent does",
                )

    def _nearest(self, structure: ExternalStructure, alignment: Alignment) -> _Ions:
        atoms = np.flatnonzero(~alignment.is_framework)
        numbers = structure.numbers[atoms]
        between = alignment.fractional[atoms][:, None] - self._parent.sites[None]
        distances = self._matcher.cell.distances_A(between)
        distances[numbers[:, None] != self._numbers[None]] = np.inf
        places = np.argmin(distances, axis=1)
        return _Ions(alignment, atoms, places, distances[np.arange(len(atoms)), places])

    def _occupied(self, structure: ExternalStructure, ions: _Ions) -> NDArray[np.bool_]:
        self._check_distances(structure, ions)
        self._check_distinct(structure, ions)
        occupancy = np.zeros(len(self._numbers), dtype=bool)
        occupancy[ions.places] = True
        # A listed vacancy sits wherever no ion does.
        taken = self._same_site[ions.places].any(axis=0)
        occupancy[(self._numbers == 0) & ~taken] = True
        self._check_counts(occupancy)
        self._check_rules(structure, ions, occupancy)
        return occupancy

    def _check_distances(self, structure: ExternalStructure, ions: _Ions) -> None:
        far = np.flatnonzero(ions.distances_A > self._tolerance_A)
        if len(far) == 0:
            return
        worst = far[np.argmax(ions.distances_A[far])]
        place, atom = int(ions.places[worst]), int(ions.atoms[worst])
        exact = minimum_image_distances(
            self._parent.cell, ions.alignment.fractional[atom] - self._parent.sites[place]
        )
        raise MappingError(
            "unmapped",
            f"{self._ion(structure, atom)} is {float(exact):.2f} Å from the nearest "
            f"place, {self._place(place)}, expected at most {self._tolerance_A:g} Å"
            f"{_in_all(len(far), 'ion')}",
        )

    def _check_distinct(self, structure: ExternalStructure, ions: _Ions) -> None:
        shared = np.triu(self._same_site[np.ix_(ions.places, ions.places)], 1)
        pairs = np.argwhere(shared)
        if len(pairs) == 0:
            return
        first, second = pairs[0]
        atoms = int(ions.atoms[first]), int(ions.atoms[second])
        away = ions.distances_A[[first, second]]
        raise MappingError(
            "collision",
            f"{self._ion(structure, atoms[0])} and {self._ion(structure, atoms[1])} are "
            f"both nearest to {self._place(int(ions.places[first]))}, {away[0]:.2f} and "
            f"{away[1]:.2f} Å away{_in_all(len(pairs), 'pair')}",
        )

    def _check_counts(self, occupancy: NDArray[np.bool_]) -> None:
        found = {
            group.name: int(occupancy[group.indices].sum())
            for group in self._parent.groups
        }
        if found != self._counts:
            raise MappingError(
                "wrong_composition",
                f"the ions are {_listed(found)}, expected {_listed(self._counts)}",
            )

    def _check_rules(
        self, structure: ExternalStructure, ions: _Ions, occupancy: NDArray[np.bool_]
    ) -> None:
        occupied = np.flatnonzero(occupancy)
        pairs = np.argwhere(np.triu(self._conflicts[np.ix_(occupied, occupied)]))
        if len(pairs) == 0:
            return
        first, second = occupied[pairs[0]]
        atoms = dict(zip(ions.places.tolist(), ions.atoms.tolist(), strict=True))
        who, groups = [], []
        for place in (int(first), int(second)):
            vacancy = place not in atoms
            ion = "the vacancy" if vacancy else self._ion(structure, atoms[place])
            who.append(f"{ion} on {self._place(place)}")
            groups.append(self._group(place))
        distance = float(self._parent.distances_A[first, second])
        rule = next(r for r in self._rules if _forbids(r, groups, distance))
        raise MappingError(
            "forbidden",
            f"{who[0]} and {who[1]} are {distance:.3f} Å apart, against the rule {rule}"
            f"{_in_all(len(pairs), 'pair')}",
        )

    def _group(self, place: int) -> SiteGroup:
        return self._parent.groups[self._parent.kinds[place]]

    def _ion(self, structure: ExternalStructure, atom: int) -> str:
        from ase.data import chemical_symbols

        return f"atom {atom + 1} ({chemical_symbols[structure.numbers[atom]]})"

    def _place(self, place: int) -> str:
        coordinates = self._parent.sites[place].round(4).tolist()
        return f"{self._group(place).name} at {coordinates}"


def _measures(ions: _Ions) -> tuple[float | None, ...]:
    distances = ions.distances_A
    framework = ions.alignment.framework_displacement_A
    finite = bool(len(distances)) and bool(np.isfinite(distances).all())
    return (
        float(distances.max()) if finite else None,
        float(np.sqrt(np.mean(distances**2))) if finite else None,
        float(framework.max()) if len(framework) else None,
        ions.alignment.scale,
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} on {name}" for name, count in counts.items())


def _in_all(total: int, what: str) -> str:
    return f"; {total} {what}s in all" if total > 1 else ""


def _forbids(rule: DistanceRule, groups: Sequence[SiteGroup], distance_A: float) -> bool:
    """Is the rule for these two groups, in either order, and is this too close?"""
    if distance_A >= rule.min_distance_A:
        return False
    if rule.groups is None and rule.species is None:
        return all(group.species != "X" for group in groups)
    return any(
        all(_speaks_of(rule, side, group) for side, group in enumerate(ordered))
        for ordered in (groups, groups[::-1])
    )


def _speaks_of(rule: DistanceRule, side: int, group: SiteGroup) -> bool:
    if rule.groups is not None:
        return rule.groups[side] in (group.name, group.site)
    assert rule.species is not None
    return {"vacancy": "X"}.get(rule.species[side], rule.species[side]) == group.species
