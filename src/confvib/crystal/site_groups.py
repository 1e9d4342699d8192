"""Which sets of sites of the CIF are shared, which are framework, and what is wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from confvib.crystal.cif import CifSites
from confvib.crystal.lattice import minimum_image_distances
from confvib.crystal.near_symmetry import find_near_symmetry
from confvib.crystal.symmetry import Orbit, Symmetry
from confvib.errors import CrystalError

SiteGroups: TypeAlias = Mapping[str, str | Sequence[str]]
"""Group name to the species that one of its sites may hold."""

OVERLAP_A = 0.5
"""No two nuclei of a solid come this close; a CIF that says so is wrong."""


def species_of(listed: str | Sequence[str]) -> tuple[str, ...]:
    """Return the symbols a site may hold; a vacancy has ASE's symbol "X"."""
    symbols = (listed,) if isinstance(listed, str) else tuple(listed)
    return tuple("X" if symbol == "vacancy" else symbol for symbol in symbols)


def choose_orbits(
    cif_path: str | Path,
    site_groups: SiteGroups,
    sites: CifSites,
    symmetry: Symmetry,
    symprec_A: float,
) -> dict[str, int]:
    """Find the set of sites that each group name means.

    Args:
        cif_path: named in messages.
        site_groups: as given to read_parent.
        sites: all sites of the cell.
        symmetry: their symmetry.
        symprec_A: its tolerance [Å].

    Returns:
        Group name to position in ``symmetry.orbits``.

    Raises:
        CrystalError: a name fits no set or several, two names fit one set, or a group
            lists something that is no chemical symbol.
    """
    chosen: dict[str, int] = {}
    for name, listed in site_groups.items():
        species = species_of(listed)
        _check_species(cif_path, name, species)
        found = _candidates(name, species, symmetry.orbits)
        if not found:
            near = find_near_symmetry(sites, symmetry, symprec_A)
            raise CrystalError(
                f"{cif_path}: no site group {name!r}; the crystal has "
                f"{_list(symmetry.orbits)}{'' if near is None else f'. {near}'}"
            )
        if len(found) > 1:
            raise CrystalError(
                f"{cif_path}: site group {name!r} is ambiguous, it fits "
                f"{_list([symmetry.orbits[n] for n in found])}; use a CIF label that "
                "belongs to one of them"
            )
        _check_species_of(cif_path, name, species, found[0], symmetry.orbits)
        for other, number in chosen.items():
            if number == found[0]:
                raise CrystalError(
                    f"{cif_path}: site groups {other!r} and {name!r} are the same sites; "
                    "list the species that share them under one name"
                )
        chosen[name] = found[0]
    return chosen


def check_framework(
    cif_path: str | Path,
    sites: CifSites,
    orbits: Sequence[Orbit],
    chosen: Mapping[str, int],
) -> None:
    """Refuse a framework with gaps, mixed species or atoms on top of other sites.

    Args:
        cif_path: named in messages.
        sites: all sites of the cell.
        orbits: all sets of sites.
        chosen: the shared ones, by group name.

    Raises:
        CrystalError: naming the site, what it holds and what was expected.
    """
    framework = [o for number, o in enumerate(orbits) if number not in chosen.values()]
    for orbit in framework:
        if len(orbit.species) > 1 or orbit.occupancy < 1.0:
            raise CrystalError(
                f"{cif_path}: site {orbit.label} ({orbit.name}, "
                f"{'/'.join(orbit.species)}) has occupancy {orbit.occupancy:g}"
                f"{' by several species' if len(orbit.species) > 1 else ''} but is in no "
                "site group; the framework must be fully occupied by one species"
            )
    fixed = np.concatenate([np.empty(0, np.intp), *(o.indices for o in framework)])
    points = sites.fractional[fixed]
    distances = minimum_image_distances(
        sites.cell, points[:, None] - sites.fractional[None]
    )
    distances[np.arange(len(fixed)), fixed] = np.inf
    close = np.argwhere(distances < OVERLAP_A)
    if len(close):
        row, other = close[0]
        what = "framework atoms" if other in fixed else "framework atom and shared site"
        raise CrystalError(
            f"{cif_path}: {what} {sites.labels[fixed[row]]} and {sites.labels[other]} "
            f"are {distances[row, other]:.3f} Å apart, expected at least {OVERLAP_A} Å"
        )


def _candidates(
    name: str, species: tuple[str, ...], orbits: Sequence[Orbit]
) -> list[int]:
    found = [number for number, orbit in enumerate(orbits) if orbit.name == name]
    # Garnet oxygen and lithium both sit on a 96h: the lithium sites are meant.
    alike = [number for number in found if set(orbits[number].species) & set(species)]
    if len(alike) == 1:
        return alike
    if found:
        return found
    return [number for number, orbit in enumerate(orbits) if name in orbit.labels]


def _check_species_of(
    cif_path: str | Path,
    name: str,
    species: tuple[str, ...],
    chosen: int,
    orbits: Sequence[Orbit],
) -> None:
    """Refuse a Wyckoff name that may mean other sites in the reader's setting.

    Without letters in the CIF the names are spglib's, whose choice of origin can swap
    two of them.
    """
    if name in orbits[chosen].labels or set(orbits[chosen].species) & set(species):
        return
    alike = [
        orbit
        for orbit in orbits
        if len(orbit.indices) == len(orbits[chosen].indices)
        and set(orbit.species) & set(species)
    ]
    if alike:
        raise CrystalError(
            f"{cif_path}: site group {name!r} is {orbits[chosen]}, which has no "
            f"{'/'.join(species)}, while {_list(alike)} does; Wyckoff letters depend on "
            "the origin, so say which sites are meant by their CIF label"
        )


def _check_species(cif_path: str | Path, name: str, species: tuple[str, ...]) -> None:
    from ase.data import atomic_numbers

    for symbol in species:
        if symbol not in atomic_numbers:
            raise CrystalError(
                f"{cif_path}: site group {name!r} holds {symbol!r}, expected a chemical "
                "symbol such as 'Li', or 'vacancy'"
            )
    if len(set(species)) < len(species) or set(species) <= {"X"}:
        raise CrystalError(
            f"{cif_path}: site group {name!r} lists {list(species)}, expected at least "
            "one ion and no species twice"
        )


def _list(orbits: Sequence[Orbit]) -> str:
    return ", ".join(str(orbit) for orbit in orbits)
