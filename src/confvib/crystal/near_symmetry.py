"""Symmetry that rounded coordinates break: which, and by how much."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.cif import CifSites
from confvib.crystal.symmetry import Symmetry, find_symmetry
from confvib.errors import CrystalError

_LOOSER = (3.0, 10.0, 30.0)
"""Factors by which the tolerance is raised in search of more symmetry."""

_ROUNDING_A = 0.1
"""Beyond this a distortion is physics, not rounding."""


@dataclass(frozen=True)
class NearSymmetry:
    """A larger space group that the sites nearly have.

    Attributes:
        space_group: Hermann-Mauguin symbol and number.
        n_operations: its operations in the cell, and those that hold now.
        label: site that misses it most.
        deviation_A: by how much [Å].
        symprec_A: tolerance that accepts it [Å].
    """

    space_group: tuple[str, int]
    n_operations: tuple[int, int]
    label: str
    deviation_A: float
    symprec_A: float

    def __str__(self) -> str:
        symbol, number = self.space_group
        return (
            f"The sites miss {symbol} ({number}; {self.n_operations[0]} operations "
            f"instead of {self.n_operations[1]}) by {self.deviation_A:.4f} Å at "
            f"{self.label}, as coordinates with too few digits do: a symmetry tolerance "
            f"of {self.symprec_A:g} Å accepts it"
        )


def find_near_symmetry(
    sites: CifSites, symmetry: Symmetry, symprec_A: float
) -> NearSymmetry | None:
    """Look for operations that a somewhat larger tolerance would accept.

    Args:
        sites: all sites of the cell.
        symmetry: the operations found within symprec_A.
        symprec_A: distance tolerance of symmetry [Å].

    Returns:
        The first larger group, or None when no site misses one by less than 0.1 Å.
    """
    for factor in _LOOSER:
        # spglib often asks for several times the distance that is really missed.
        looser_A = symprec_A * factor
        try:
            found = find_symmetry(sites, symprec_A=looser_A)
        except CrystalError:
            continue
        if len(found.rotations) > len(symmetry.rotations):
            misses = _misses(sites, found)
            worst = int(np.argmax(misses))
            if misses[worst] > _ROUNDING_A:
                break
            return NearSymmetry(
                space_group=found.space_group,
                n_operations=(len(found.rotations), len(symmetry.rotations)),
                label=sites.labels[worst],
                deviation_A=float(misses[worst]),
                symprec_A=looser_A,
            )
    return None


def _misses(sites: CifSites, symmetry: Symmetry) -> NDArray[np.float64]:
    """Largest distance between an image of each site and the nearest equal site, (n,)."""
    worst = np.zeros(len(sites.fractional))
    kinds = {content: kind for kind, content in enumerate(dict.fromkeys(sites.contents))}
    types = np.array([kinds[content] for content in sites.contents])
    for rotation, translation in zip(
        symmetry.rotations, symmetry.translations, strict=True
    ):
        images = sites.fractional @ rotation.T + translation
        difference = images[:, None] - sites.fractional[None]
        difference -= np.round(difference)
        distance = np.linalg.norm(difference @ sites.cell, axis=-1)
        distance[types[:, None] != types[None]] = np.inf
        offsets = difference[np.arange(len(types)), np.argmin(distance, axis=1)]
        # What all sites miss in common is a shifted origin, no broken symmetry.
        offsets = (offsets - offsets.mean(axis=0)) @ sites.cell
        worst = np.maximum(worst, np.linalg.norm(offsets, axis=1))
    return worst
