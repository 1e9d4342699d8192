"""One configuration: as atoms, as bytes, and read back from relaxed positions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.lattice import minimum_image_distances
from confvib.crystal.parent import ParentCrystal
from confvib.errors import CrystalError

if TYPE_CHECKING:
    from ase import Atoms


def configuration_atoms(parent: ParentCrystal, occupancy: NDArray[np.bool_]) -> "Atoms":
    """Build the cell of one configuration.

    Args:
        parent: the crystal.
        occupancy: occupied sites, (M,).

    Returns:
        Periodic atoms: the framework first, by atomic number and place, then the
        ions in the order of their places, so that all configurations with the same
        counts list the same species. Coordinates are wrapped.

    Raises:
        CrystalError: the occupancy has another number of sites.
    """
    if occupancy.shape != (len(parent.sites),):
        raise CrystalError(
            f"occupancy has shape {occupancy.shape}, expected ({len(parent.sites)},), "
            "one entry per site"
        )
    from ase import Atoms

    occupied = occupancy.astype(bool) & parent.is_ion
    return Atoms(
        numbers=np.concatenate([parent.framework_numbers, parent.site_numbers[occupied]]),
        scaled_positions=np.concatenate(
            [parent.framework_fractional, parent.sites[occupied]]
        ),
        cell=parent.cell,
        pbc=True,
    )


def pack_occupancy(occupancy: NDArray[np.bool_]) -> list[bytes]:
    """Pack occupations into bytes, site 0 in the highest bit of the first byte.

    The bytes sort as the bit strings do, that is, in canonical order.

    Args:
        occupancy: occupied sites, (n, M).

    Returns:
        One string of ceil(M / 8) bytes per configuration.
    """
    packed = np.packbits(occupancy.astype(bool), axis=1)
    return [row.tobytes() for row in packed]


def unpack_occupancy(packed: Sequence[bytes], n_sites: int) -> NDArray[np.bool_]:
    """Undo pack_occupancy.

    Args:
        packed: one string of ceil(M / 8) bytes per configuration.
        n_sites: number of sites M of the parent.

    Returns:
        Occupied sites, (n, M).

    Raises:
        CrystalError: a string has the wrong length or bits beyond the last site.
    """
    n_bytes = -(-n_sites // 8)
    for row, content in enumerate(packed):
        if len(content) != n_bytes:
            raise CrystalError(
                f"packed occupancy {row} has {len(content)} bytes, expected {n_bytes} "
                f"for {n_sites} sites"
            )
    content = np.frombuffer(b"".join(packed), dtype=np.uint8).reshape(-1, n_bytes)
    bits = np.unpackbits(content, axis=1).astype(bool)
    stray = np.flatnonzero(bits[:, n_sites:].any(axis=1))
    if stray.size:
        raise CrystalError(
            f"packed occupancy {stray[0]} has bits beyond its {n_sites} sites; it "
            "belongs to another parent crystal"
        )
    return bits[:, :n_sites]


def nearest_sites(
    parent: ParentCrystal,
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the parent site nearest to each mobile ion.

    Args:
        parent: the crystal, whose cell the positions share.
        positions: atoms in the order of configuration_atoms [Å], (..., N, 3).
        numbers: atomic numbers in that order, (N,).

    Returns:
        Index of the nearest site that holds the species of the ion, and the distance
        to it [Å], both (..., N - F) in the order of the ions.

    Raises:
        CrystalError: the atoms are not in the order of configuration_atoms, or an
            ion is of a species that no site holds.
    """
    distances = site_distances(parent, positions, numbers)
    nearest = np.argmin(distances, axis=-1)
    shortest = np.take_along_axis(distances, nearest[..., None], axis=-1)[..., 0]
    return nearest, shortest


def site_distances(
    parent: ParentCrystal,
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Measure the distance of each mobile ion from each site of its species.

    The mean displacement of the framework is subtracted first: a crystal that drifts
    as a whole has not changed its configuration.

    Args:
        parent: the crystal, whose cell the positions share.
        positions: atoms in the order of configuration_atoms [Å], (..., N, 3).
        numbers: atomic numbers in that order, (N,).

    Returns:
        Distances [Å], infinite for sites of other species, (..., N - F, M).

    Raises:
        CrystalError: as nearest_sites.
    """
    n_fixed = len(parent.framework_numbers)
    if positions.shape[-2:] != (len(numbers), 3):
        raise CrystalError(
            f"positions have shape {positions.shape}, expected (..., {len(numbers)}, 3)"
        )
    if not np.array_equal(numbers[:n_fixed], parent.framework_numbers):
        raise CrystalError(
            f"the first {n_fixed} atoms are not the framework of the parent, expected "
            "the order of configuration_atoms"
        )
    known = parent.site_numbers
    strange = np.setdiff1d(numbers[n_fixed:], known)
    if strange.size:
        raise CrystalError(
            f"mobile ion with atomic number {strange[0]}, expected one of "
            f"{sorted(set(known[known > 0].tolist()))}"
        )
    fractional = positions @ np.linalg.inv(parent.cell)
    moved = fractional[..., :n_fixed, :] - parent.framework_fractional
    moved = moved - np.round(moved)
    drift = moved.mean(axis=-2, keepdims=True) if n_fixed else 0.0
    ions = fractional[..., n_fixed:, :] - drift
    distances = minimum_image_distances(parent.cell, ions[..., :, None, :] - parent.sites)
    foreign = numbers[n_fixed:, None] != known[None]
    return np.where(foreign, np.inf, distances)
