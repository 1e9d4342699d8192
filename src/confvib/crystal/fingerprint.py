"""Pair-distance fingerprints: which configurations look alike to a pair potential.

Two configurations with the same multiset of ion-ion distances have the same energy in
any pair potential (Ewald sums included) whether or not a symmetry operation relates
them. Published enumerations that compare such energies merge them; a force field with
angles tells them apart.
"""

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.parent import ParentCrystal
from confvib.errors import CrystalError

_TOLERANCE_A = 1e-3
"""Distances that differ by less belong to one class; CIFs carry about four digits."""

_CHUNK_PAIRS = 1 << 22
"""Pairs looked up at once, to bound memory."""


def distance_classes(parent: ParentCrystal) -> NDArray[np.int64]:
    """Number the classes of equal distance between equal pairs of species.

    Args:
        parent: the crystal.

    Returns:
        Class of each pair of sites, ascending in species pair and then in distance;
        -1 on the diagonal, (M, M).
    """
    rows, columns = np.triu_indices(len(parent.sites), 1)
    numbers = np.sort(parent.site_numbers[np.stack([rows, columns])], axis=0)
    distances = parent.distances_A[rows, columns]
    order = np.lexsort([distances, numbers[1], numbers[0]])
    new_pair = np.any(np.diff(numbers[:, order], axis=1) != 0, axis=0)
    new_distance = np.diff(distances[order]) > _TOLERANCE_A
    labels = np.empty(len(order), dtype=np.int64)
    labels[order] = np.concatenate([[0], np.cumsum(new_pair | new_distance)])[
        : len(order)
    ]
    classes = np.full(parent.distances_A.shape, -1, dtype=np.int64)
    classes[rows, columns] = classes[columns, rows] = labels
    return classes


def pair_fingerprints(
    parent: ParentCrystal, occupancy: NDArray[np.bool_]
) -> NDArray[np.str_]:
    """Hash the multiset of ion-ion distances of each configuration.

    Args:
        parent: the crystal.
        occupancy: occupied sites, (n, M).

    Returns:
        Hexadecimal strings of 16 digits, equal exactly for equal counts of ions per
        group and of pairs per distance class, (n,).

    Raises:
        CrystalError: the occupancy has another number of sites.
    """
    _check_sites(parent, occupancy)
    classes = distance_classes(parent)
    occupancy = occupancy & parent.is_ion
    n_classes = int(classes.max(initial=-1)) + 1
    fingerprints = np.empty(len(occupancy), dtype="<U16")
    n_ions = occupancy.sum(axis=1)
    for size in np.unique(n_ions):
        same = np.flatnonzero(n_ions == size)
        step = max(1, _CHUNK_PAIRS // max(1, int(size) ** 2, n_classes))
        for start in range(0, len(same), step):
            rows = same[start : start + step]
            pairs = _histograms(occupancy[rows], classes, n_classes)
            ions = [occupancy[rows][:, g.indices].sum(axis=1) for g in parent.groups]
            table = np.column_stack([*ions, pairs]).astype("<i4")
            fingerprints[rows] = [_hash(row) for row in table]
    return fingerprints


def pair_representatives(fingerprints: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the first row with each fingerprint.

    Args:
        fingerprints: in canonical order, (n,).

    Returns:
        True once per distinct fingerprint, (n,).
    """
    first = np.zeros(len(fingerprints), dtype=bool)
    first[np.unique(fingerprints, return_index=True)[1]] = True
    return first


def internal_contacts(
    parent: ParentCrystal, occupancy: NDArray[np.bool_], cutoff_A: float
) -> NDArray[np.int64]:
    """Count the pairs of ions closer than a cutoff.

    Args:
        parent: the crystal.
        occupancy: occupied sites, (n, M).
        cutoff_A: pairs closer than this count [Å].

    Returns:
        Number of contacts per cell, (n,).

    Raises:
        CrystalError: the occupancy has another number of sites.
    """
    _check_sites(parent, occupancy)
    close = np.triu(parent.distances_A < cutoff_A, 1).astype(np.float64)
    occupied = (occupancy & parent.is_ion).astype(np.float64)
    return np.sum((occupied @ close) * occupied, axis=1).round().astype(np.int64)


def _histograms(
    occupancy: NDArray[np.bool_], classes: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    n_rows, n_ions = len(occupancy), int(occupancy[0].sum())
    sites = np.nonzero(occupancy)[1].reshape(n_rows, n_ions)
    first, second = np.triu_indices(sites.shape[1], 1)
    found = classes[sites[:, first], sites[:, second]]
    found += np.arange(n_rows)[:, None] * n_classes
    counts = np.bincount(found.reshape(-1), minlength=n_rows * n_classes)
    return counts.reshape(n_rows, n_classes)


def _hash(row: NDArray[Any]) -> str:
    return blake2b(row.tobytes(), digest_size=8).hexdigest()


def _check_sites(parent: ParentCrystal, occupancy: NDArray[np.bool_]) -> None:
    if occupancy.ndim != 2 or occupancy.shape[1] != len(parent.sites):
        raise CrystalError(
            f"occupancy has shape {occupancy.shape}, expected (n, {len(parent.sites)}), "
            "one column per site"
        )
