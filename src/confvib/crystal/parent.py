"""The parent crystal: a framework and the sites that mobile ions share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.cif import CifSites, read_cif_sites
from confvib.crystal.lattice import coordinate_order, minimum_image_distances
from confvib.crystal.site_groups import (
    SiteGroups,
    check_framework,
    choose_orbits,
    species_of,
)
from confvib.crystal.supercell import Supercell, repeat_crystal, supercell_matrix
from confvib.crystal.symmetry import Symmetry, find_symmetry, site_permutations
from confvib.errors import CrystalError


@dataclass(frozen=True)
class SiteGroup:
    """Symmetry-equivalent sites and one species that they may hold.

    Attributes:
        name: Wyckoff name such as "24d", or the CIF label that stands for it; followed
            by "/" and the species where the sites may hold one of several.
        species: chemical symbol of the ion put on an occupied site; "X" is a vacancy
            that the campaign lists as a species of its own.
        indices: positions of its places in the ordered list.
        site: the name without the species.
    """

    name: str
    species: str
    indices: NDArray[np.intp]
    site: str = ""


@dataclass(frozen=True, eq=False)
class ParentCrystal:
    """The site-disordered crystal that every configuration is drawn from.

    A site that may hold one of several species appears once for each of them: M counts
    such *places*, and a configuration says which places are occupied. Two places of one
    site have distance zero and are never both occupied.

    Attributes:
        cell: cell vectors as rows [Å], (3, 3).
        framework_numbers: atomic numbers of the fixed atoms, ascending, (F,).
        framework_fractional: their coordinates in [0, 1), (F, 3).
        sites: coordinates of the places in [0, 1), group by group, (M, 3).
        groups: the site groups in the order they were asked for.
        permutations: distinct permutations of the places under the space group,
            centring included; operation g takes place i to permutations[g, i], (G, M).
        space_group: Hermann-Mauguin symbol and number of the disordered crystal.
        distances_A: minimum-image distances between the places [Å], (M, M).
    """

    cell: NDArray[np.float64]
    framework_numbers: NDArray[np.int64]
    framework_fractional: NDArray[np.float64]
    sites: NDArray[np.float64]
    groups: tuple[SiteGroup, ...]
    permutations: NDArray[np.int64]
    space_group: tuple[str, int]
    distances_A: NDArray[np.float64]

    @property
    def site_numbers(self) -> NDArray[np.int64]:
        """Atomic number of the ion that each place holds, 0 for a vacancy, (M,)."""
        from ase.data import atomic_numbers

        numbers = np.zeros(len(self.sites), dtype=np.int64)
        for group in self.groups:
            numbers[group.indices] = atomic_numbers[group.species]
        return numbers

    @property
    def is_ion(self) -> NDArray[np.bool_]:
        """Which places hold an ion when occupied, all but listed vacancies, (M,)."""
        return self.site_numbers > 0

    @property
    def kinds(self) -> NDArray[np.int64]:
        """Number of the group of each place, (M,)."""
        kinds = np.empty(len(self.sites), dtype=np.int64)
        for kind, group in enumerate(self.groups):
            kinds[group.indices] = kind
        return kinds

    def group(self, name: str) -> SiteGroup:
        """Look up a site group.

        Args:
            name: as given to read_parent, with its species where there are several.

        Returns:
            The group.

        Raises:
            CrystalError: no group has this name.
        """
        for group in self.groups:
            if group.name == name:
                return group
        known = ", ".join(group.name for group in self.groups)
        raise CrystalError(f"{name!r} is not a site group, expected one of: {known}")


def available_groups(
    cif_path: str | Path, *, symprec_A: float = 0.01
) -> list[tuple[str, str, str, float]]:
    """List the symmetry-equivalent sets of sites of a CIF.

    Args:
        cif_path: CIF with one structure.
        symprec_A: tolerance of the symmetry search [Å].

    Returns:
        Wyckoff name, CIF labels and species joined by "/", and occupancy of each set,
        in the order of the CIF.

    Raises:
        CrystalError: the file cannot be read or has no symmetry.
    """
    sites = read_cif_sites(cif_path, symprec_A=symprec_A)
    return [
        (orbit.name, orbit.label, "/".join(orbit.species), orbit.occupancy)
        for orbit in find_symmetry(sites, symprec_A=symprec_A).orbits
    ]


def read_parent(
    cif_path: str | Path,
    site_groups: Mapping[str, str | Sequence[str]],
    *,
    symprec_A: float = 0.01,
    supercell: Supercell | None = None,
) -> ParentCrystal:
    """Read the parent crystal and put the mobile species on their site groups.

    Everything outside the site groups is framework and must be fully occupied by one
    species. Occupancies of the site groups are ignored: the campaign sets the counts.

    Args:
        cif_path: CIF with one structure and its symmetry operations written out.
        site_groups: group name to chemical symbol, or to several symbols of which a site
            holds one; "vacancy" may be among them. A name is the Wyckoff name in the
            conventional cell ("24d"), with the letters of the CIF if it has them, else
            spglib's; where several sets of sites share it, the one that holds this
            species in the CIF is meant. A CIF label ("Li2") names its set where that is
            not enough.
        symprec_A: distance tolerance of symmetry [Å].
        supercell: three repeats of the cell, or the new cell vectors as rows of whole
            numbers; None for the cell of the CIF.

    Returns:
        The parent crystal. Places are ordered by group, then by coordinates.

    Raises:
        CrystalError: unreadable file, unknown, ambiguous or repeated group, unknown
            species, partially occupied or overlapping framework, a shared site on top
            of a framework atom, broken symmetry, no supercell.
    """
    if not site_groups:
        raise CrystalError(f"{cif_path}: no site group given, expected at least one")
    matrix = None if supercell is None else supercell_matrix(supercell)
    sites = read_cif_sites(cif_path, symprec_A=symprec_A)
    symmetry = find_symmetry(sites, symprec_A=symprec_A)
    chosen = choose_orbits(cif_path, site_groups, sites, symmetry, symprec_A)
    check_framework(cif_path, sites, symmetry.orbits, chosen)
    if matrix is not None:
        sites, symmetry = repeat_crystal(sites, symmetry, matrix, symprec_A)
    return _assemble(sites, symmetry, chosen, site_groups, symprec_A)


def _assemble(
    sites: CifSites,
    symmetry: Symmetry,
    chosen: Mapping[str, int],
    site_groups: SiteGroups,
    symprec_A: float,
) -> ParentCrystal:
    groups, blocks, start = [], [], 0
    for name, number in chosen.items():
        block = sites.fractional[symmetry.orbits[number].indices]
        block = block[coordinate_order(block)]
        species = species_of(site_groups[name])
        for symbol in species:
            listed = "vacancy" if symbol == "X" else symbol
            full_name = name if len(species) == 1 else f"{name}/{listed}"
            indices = np.arange(start, start + len(block))
            groups.append(SiteGroup(full_name, symbol, indices, name))
            blocks.append(block)
            start += len(block)
    fractional = np.concatenate(blocks)
    kinds = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    order = _framework_order(sites, symmetry, chosen)
    return ParentCrystal(
        cell=sites.cell,
        framework_numbers=sites.numbers[order],
        framework_fractional=sites.fractional[order],
        sites=fractional,
        groups=tuple(groups),
        permutations=site_permutations(
            sites.cell, fractional, kinds, symmetry, symprec_A=symprec_A
        ),
        space_group=symmetry.space_group,
        distances_A=minimum_image_distances(
            sites.cell, fractional[:, None] - fractional[None]
        ),
    )


def _framework_order(
    sites: CifSites, symmetry: Symmetry, chosen: Mapping[str, int]
) -> NDArray[np.intp]:
    """Return the framework atoms by atomic number, then by place."""
    fixed = [
        orbit.indices
        for number, orbit in enumerate(symmetry.orbits)
        if number not in chosen.values()
    ]
    indices = np.concatenate([np.empty(0, np.intp), *fixed])
    by_place = indices[coordinate_order(sites.fractional[indices])]
    return by_place[np.argsort(sites.numbers[by_place], kind="stable")]
