"""Distance rules: which two sites cannot be occupied at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.lattice import shortest_lattice_vector_A
from confvib.crystal.parent import ParentCrystal
from confvib.errors import CrystalError

_AMBIGUOUS_A = 1e-3
"""A rule this close to a contact would be decided by rounding."""


@dataclass(frozen=True)
class DistanceRule:
    """Two ions on these groups are at least this far apart.

    Attributes:
        groups: names of the two site groups, the same one twice for its own pairs.
        min_distance_A: pairs closer than this are never both occupied [Å].
    """

    groups: tuple[str, str]
    min_distance_A: float

    def __str__(self) -> str:
        first, second = self.groups
        return f"{first}–{second} > {self.min_distance_A} Å"


def conflict_matrix(
    parent: ParentCrystal, rules: Sequence[DistanceRule]
) -> NDArray[np.bool_]:
    """Mark the pairs of sites that cannot both be occupied.

    Args:
        parent: the crystal.
        rules: pairs without a rule are unrestricted.

    Returns:
        Symmetric matrix with a false diagonal, (M, M).

    Raises:
        CrystalError: a rule names an unknown group, has a distance that is not
            positive, lies within 0.001 Å of an actual contact, or reaches a site's
            own periodic image.
    """
    conflicts = np.zeros(parent.distances_A.shape, dtype=bool)
    for rule in rules:
        first, second = (parent.group(name).indices for name in rule.groups)
        block = np.ix_(first, second)
        distances = parent.distances_A[block]
        _check_rule(parent, rule, distances)
        conflicts[block] |= distances < rule.min_distance_A
    conflicts |= conflicts.T
    np.fill_diagonal(conflicts, val=False)
    _check_symmetry(parent, conflicts, rules)
    return conflicts


def _check_rule(
    parent: ParentCrystal, rule: DistanceRule, distances: NDArray[np.float64]
) -> None:
    limit = rule.min_distance_A
    if not (limit > 0.0 and np.isfinite(limit)):
        raise CrystalError(f"rule {rule}: minimum distance must be positive")
    on_edge = distances[np.abs(distances - limit) < _AMBIGUOUS_A]
    if on_edge.size:
        raise CrystalError(
            f"rule {rule}: the crystal has a contact of {on_edge[0]:.4f} Å there; put "
            "the minimum between two contacts, so that rounding cannot decide"
        )
    shortest = shortest_lattice_vector_A(parent.cell)
    if rule.groups[0] == rule.groups[1] and shortest < limit:
        raise CrystalError(
            f"rule {rule}: a site's own periodic image is {shortest:.3f} Å away, so no "
            "site could be occupied; use a larger cell"
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
