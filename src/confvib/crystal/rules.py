"""Distance rules: which two places cannot be occupied at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.lattice import shortest_lattice_vector_A
from confvib.crystal.parent import ParentCrystal, SiteGroup
from confvib.crystal.site_groups import OVERLAP_A
from confvib.errors import CrystalError

_AMBIGUOUS_A = 1e-3
"""A rule this close to a contact would be decided by rounding."""

_SAME_SITE_A = 1e-6
"""Two places of one site have distance zero, up to rounding."""


@dataclass(frozen=True)
class DistanceRule:
    """Two ions are at least this far apart.

    Attributes:
        groups: names of the two site groups the rule is for, the same one twice for its
            own pairs; the name of a site means every ion that it may hold.
        min_distance_A: pairs closer than this are never both occupied [Å].
        species: instead of groups, the two species; "vacancy" is one where listed.
            Without groups and species the rule is for every pair of ions.
    """

    groups: tuple[str, str] | None
    min_distance_A: float
    species: tuple[str, str] | None = None

    def __str__(self) -> str:
        pair = self.groups or self.species or ("any ion", "any ion")
        return f"{pair[0]}–{pair[1]} > {self.min_distance_A} Å"


def conflict_matrix(
    parent: ParentCrystal, rules: Sequence[DistanceRule]
) -> NDArray[np.bool_]:
    """Mark the pairs of places that cannot both be occupied.

    Args:
        parent: the crystal.
        rules: pairs without a rule are unrestricted, but two places of one site always
            exclude each other.

    Returns:
        Symmetric matrix with a false diagonal, (M, M).

    Raises:
        CrystalError: a rule names an unknown group or species, has a distance that is
            not positive, lies within 0.001 Å of an actual contact, or reaches a site's
            own periodic image; or the rules allow two sites that overlap.
    """
    same_site = parent.distances_A < _SAME_SITE_A
    conflicts = same_site.copy()
    for rule in rules:
        first, second = (_places(parent, rule, side) for side in (0, 1))
        block = np.ix_(first, second)
        distances = parent.distances_A[block]
        _check_rule(rule, distances[~same_site[block]])
        if len(np.intersect1d(first, second)):
            _check_own_image(parent, rule)
        conflicts[block] |= distances < rule.min_distance_A
    conflicts |= conflicts.T
    np.fill_diagonal(conflicts, val=False)
    _check_overlap(parent, conflicts)
    _check_symmetry(parent, conflicts, rules)
    return conflicts


def _places(parent: ParentCrystal, rule: DistanceRule, side: int) -> NDArray[np.intp]:
    """Return the places that one side of a rule speaks of."""
    ions = [group for group in parent.groups if group.species != "X"]
    if rule.groups is not None:
        name = rule.groups[side]
        found = [group for group in ions if group.site == name]
        found = found or [parent.group(name)]
    elif rule.species is not None:
        found = _of_species(parent, rule, rule.species[side])
    else:
        found = ions
    return np.concatenate([group.indices for group in found])


def _of_species(
    parent: ParentCrystal, rule: DistanceRule, species: str
) -> list[SiteGroup]:
    symbol = "X" if species == "vacancy" else species
    found = [group for group in parent.groups if group.species == symbol]
    if not found:
        known = sorted({group.species for group in parent.groups})
        listed = ["vacancy" if symbol == "X" else symbol for symbol in known]
        raise CrystalError(
            f"rule {rule}: no site holds {species!r}, expected one of {listed}"
        )
    return found


def _check_rule(rule: DistanceRule, distances: NDArray[np.float64]) -> None:
    limit = rule.min_distance_A
    if not (limit > 0.0 and np.isfinite(limit)):
        raise CrystalError(f"rule {rule}: minimum distance must be positive")
    on_edge = distances[np.abs(distances - limit) < _AMBIGUOUS_A]
    if on_edge.size:
        raise CrystalError(
            f"rule {rule}: the crystal has a contact of {on_edge[0]:.4f} Å there; put "
            "the minimum between two contacts, so that rounding cannot decide"
        )


def _check_own_image(parent: ParentCrystal, rule: DistanceRule) -> None:
    shortest = shortest_lattice_vector_A(parent.cell)
    if shortest < rule.min_distance_A:
        raise CrystalError(
            f"rule {rule}: a site's own periodic image is {shortest:.3f} Å away, so no "
            "site could be occupied; use a larger cell"
        )


def _check_overlap(parent: ParentCrystal, conflicts: NDArray[np.bool_]) -> None:
    """Refuse ions on top of each other that no rule keeps apart."""
    ion = parent.is_ion
    close = (parent.distances_A < OVERLAP_A) & ~conflicts & ion[:, None] & ion[None]
    np.fill_diagonal(close, val=False)
    pairs = np.argwhere(np.triu(close))
    if len(pairs):
        i, j = pairs[0]
        names = [parent.groups[kind].name for kind in parent.kinds[[i, j]]]
        raise CrystalError(
            f"sites of {names[0]!r} and {names[1]!r} are "
            f"{parent.distances_A[i, j]:.3f} Å apart at "
            f"{parent.sites[i].round(4).tolist()} and no rule keeps both from being "
            "occupied; add a distance rule"
        )


def _check_symmetry(
    parent: ParentCrystal, conflicts: NDArray[np.bool_], rules: Sequence[DistanceRule]
) -> None:
    for image in parent.permutations:
        if not np.array_equal(conflicts[np.ix_(image, image)], conflicts):
            names = ", ".join(str(rule) for rule in rules)
            raise CrystalError(
                f"rules {names}: equivalent pairs of sites fall on both sides of a "
                "minimum; move it away from the contacts"
            )
