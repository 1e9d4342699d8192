"""The parent crystal: a framework and the sites that mobile ions share."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.cif import CifSites, read_cif_sites
from confvib.crystal.lattice import coordinate_order, minimum_image_distances
from confvib.crystal.symmetry import (
    Orbit,
    Symmetry,
    find_symmetry,
    site_permutations,
)
from confvib.errors import CrystalError

_OVERLAP_A = 0.5
"""No two nuclei of a solid come this close; a CIF that says so is wrong."""


@dataclass(frozen=True)
class SiteGroup:
    """Symmetry-equivalent sites that hold one species.

    Attributes:
        name: Wyckoff name such as "24d", or the CIF label that stands for it.
        species: chemical symbol of the ion put on an occupied site.
        indices: positions of its sites in the ordered site list.
    """

    name: str
    species: str
    indices: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ParentCrystal:
    """The site-disordered crystal that every configuration is drawn from.

    Attributes:
        cell: cell vectors as rows [Å], (3, 3).
        framework_numbers: atomic numbers of the fixed atoms, ascending, (F,).
        framework_fractional: their coordinates in [0, 1), (F, 3).
        sites: coordinates of the shared sites in [0, 1), group by group, (M, 3).
        groups: the site groups in the order they were asked for.
        permutations: distinct permutations of the sites under the space group,
            centring included; operation g takes site i to permutations[g, i], (G, M).
        space_group: Hermann-Mauguin symbol and number of the disordered crystal.
        distances_A: minimum-image distances between the sites [Å], (M, M).
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
        """Atomic number of the ion that each site holds when occupied, (M,)."""
        from ase.data import atomic_numbers

        numbers = np.zeros(len(self.sites), dtype=np.int64)
        for group in self.groups:
            numbers[group.indices] = atomic_numbers[group.species]
        return numbers

    def group(self, name: str) -> SiteGroup:
        """Look up a site group.

        Args:
            name: as given to read_parent.

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
        Wyckoff name, CIF label (up to three joined by "/"), species and occupancy of
        each set, in the order of the CIF.

    Raises:
        CrystalError: the file cannot be read or has no symmetry.
    """
    sites = read_cif_sites(cif_path, symprec_A=symprec_A)
    orbits = find_symmetry(sites, symprec_A=symprec_A).orbits
    return [_describe(orbit) for orbit in orbits]


def read_parent(
    cif_path: str | Path, site_groups: Mapping[str, str], *, symprec_A: float = 0.01
) -> ParentCrystal:
    """Read the parent crystal and put the mobile species on their site groups.

    Everything outside the site groups is framework and must be fully occupied.
    Occupancies of the site groups are ignored: the campaign sets the counts.

    Args:
        cif_path: CIF with one structure and its symmetry operations written out.
        site_groups: group name to chemical symbol. A name is the Wyckoff name in
            the conventional cell as spglib finds it ("24d"); where several sets of
            sites share it, the one that holds this species in the CIF is meant. A
            CIF label ("Li2") names its set where that is not enough.
        symprec_A: distance tolerance of symmetry [Å].

    Returns:
        The parent crystal. Sites are ordered by group, then by coordinates.

    Raises:
        CrystalError: unreadable file, unknown, ambiguous or repeated group, unknown
            species, partially occupied or overlapping framework, broken symmetry.
    """
    if not site_groups:
        raise CrystalError(f"{cif_path}: no site group given, expected at least one")
    sites = read_cif_sites(cif_path, symprec_A=symprec_A)
    symmetry = find_symmetry(sites, symprec_A=symprec_A)
    chosen = {
        name: _find_orbit(cif_path, name, species, symmetry.orbits)
        for name, species in site_groups.items()
    }
    _check_choice(cif_path, chosen, site_groups)
    framework = [
        orbit
        for orbit in symmetry.orbits
        if not any(orbit is other for other in chosen.values())
    ]
    _check_framework(cif_path, sites, framework)
    return _assemble(sites, symmetry, chosen, site_groups, framework, symprec_A)


def _assemble(
    sites: CifSites,
    symmetry: Symmetry,
    chosen: Mapping[str, Orbit],
    site_groups: Mapping[str, str],
    framework: list[Orbit],
    symprec_A: float,
) -> ParentCrystal:
    groups, blocks, start = [], [], 0
    for name, orbit in chosen.items():
        block = sites.fractional[orbit.indices]
        blocks.append(block[coordinate_order(block)])
        indices = np.arange(start, start + len(block))
        groups.append(SiteGroup(name, site_groups[name], indices))
        start += len(block)
    fractional = np.concatenate(blocks)
    kinds = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    fixed = [orbit.indices for orbit in framework]
    order = _framework_order(sites, np.concatenate([np.empty(0, np.intp), *fixed]))
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


def _framework_order(sites: CifSites, indices: NDArray[np.intp]) -> NDArray[np.intp]:
    by_place = indices[coordinate_order(sites.fractional[indices])]
    return by_place[np.argsort(sites.numbers[by_place], kind="stable")]


def _describe(orbit: Orbit) -> tuple[str, str, str, float]:
    from ase.data import chemical_symbols

    # A CIF that lists every atom has hundreds of labels per orbit.
    shown = orbit.labels if len(orbit.labels) <= 3 else (orbit.labels[0], "…")
    label = "/".join(shown)
    return orbit.name, label, chemical_symbols[orbit.number], orbit.occupancy


def _list(orbits: tuple[Orbit, ...]) -> str:
    rows = [_describe(orbit) for orbit in orbits]
    return ", ".join(f"{name} ({label}: {sp} {occ})" for name, label, sp, occ in rows)


def _find_orbit(
    cif_path: str | Path, name: str, species: str, orbits: tuple[Orbit, ...]
) -> Orbit:
    found = [orbit for orbit in orbits if orbit.name == name]
    # Garnet oxygen and lithium both sit on a 96h: the lithium sites are meant.
    alike = [orbit for orbit in found if _describe(orbit)[2] == species]
    if len(alike) == 1:
        return alike[0]
    if not found:
        found = [orbit for orbit in orbits if name in orbit.labels]
    if not found:
        raise CrystalError(
            f"{cif_path}: no site group {name!r}; the crystal has {_list(orbits)}"
        )
    if len(found) > 1:
        raise CrystalError(
            f"{cif_path}: site group {name!r} is ambiguous, it fits "
            f"{_list(tuple(found))}; use a CIF label that belongs to one of them"
        )
    return found[0]


def _check_choice(
    cif_path: str | Path, chosen: Mapping[str, Orbit], site_groups: Mapping[str, str]
) -> None:
    from ase.data import atomic_numbers

    owners: dict[int, str] = {}
    for name, orbit in chosen.items():
        species = site_groups[name]
        if atomic_numbers.get(species, 0) == 0:
            raise CrystalError(
                f"{cif_path}: site group {name!r} holds {species!r}, expected a "
                "chemical symbol such as 'Li'"
            )
        first = owners.setdefault(id(orbit), name)
        if first != name:
            raise CrystalError(
                f"{cif_path}: site groups {first!r} and {name!r} are the same sites"
            )


def _check_framework(
    cif_path: str | Path, sites: CifSites, framework: list[Orbit]
) -> None:
    for orbit in framework:
        if orbit.occupancy < 1.0:
            name, label, species, occupancy = _describe(orbit)
            raise CrystalError(
                f"{cif_path}: site {label} ({name}, {species}) has occupancy "
                f"{occupancy} but is in no site group; the framework must be fully "
                "occupied"
            )
    indices = np.concatenate([np.empty(0, np.intp), *(o.indices for o in framework)])
    points = sites.fractional[indices]
    distances = minimum_image_distances(sites.cell, points[:, None] - points[None])
    close = np.argwhere(np.triu(distances < _OVERLAP_A, 1))
    if len(close):
        i, j = close[0]
        first, second = sites.labels[indices[i]], sites.labels[indices[j]]
        raise CrystalError(
            f"{cif_path}: framework atoms {first} and {second} are "
            f"{distances[i, j]:.3f} Å apart, expected at least {_OVERLAP_A} Å"
        )
