"""Cluster counts: a configuration as numbers that no symmetry operation changes.

The energy of an arrangement is a function of its occupancy alone, whatever it relaxes
to. Counts of occupied sites, pairs and triplets by symmetry-distinct orbit are the
shortest description that a regression can use before anything is relaxed.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.parent import ParentCrystal
from confvib.errors import CrystalError

_CHUNK_BITS = 1 << 24
"""Cluster occupations looked at together, to bound memory."""

_MOST_CLUSTERS = 2_000_000
"""Clusters of one size; more is a cutoff that no set of labels could pay for."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of one size, sorted by orbit.

    Attributes:
        sites: places of each cluster, ascending, (T, k).
        starts: first cluster of each orbit, (K,).
        diameters_A: largest distance within a cluster of each orbit [Å], (K,).
    """

    sites: NDArray[np.int64]
    starts: NDArray[np.int64]
    diameters_A: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Correlations:
    """What to count in a configuration: orbits of places, pairs and triplets.

    Attributes:
        n_sites: number of places M of the parent.
        clusters: clusters by size, points first.
    """

    n_sites: int
    clusters: tuple[Clusters, ...]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of places in a cluster of each column of counts, (K,)."""
        return np.concatenate(
            [np.full(len(part.starts), part.sites.shape[1]) for part in self.clusters]
        )

    @property
    def diameters_A(self) -> NDArray[np.float64]:
        """Diameter of the clusters of each column, 0 for points [Å], (K,)."""
        return np.concatenate([part.diameters_A for part in self.clusters])

    def counts(self, occupancy: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the fully occupied clusters of each orbit.

        Args:
            occupancy: occupied places, (n, M).

        Returns:
            Counts per cell, exactly equal for symmetry-equivalent rows, (n, K).

        Raises:
            CrystalError: the occupancy has another number of places.
        """
        if occupancy.ndim != 2 or occupancy.shape[1] != self.n_sites:
            raise CrystalError(
                f"occupancy has shape {occupancy.shape}, expected (n, {self.n_sites}), "
                "one column per site"
            )
        occupied = np.ascontiguousarray(occupancy.astype(bool))
        return np.concatenate([_counts(occupied, part) for part in self.clusters], axis=1)


def correlations(
    parent: ParentCrystal,
    *,
    pair_cutoff_A: float,
    triplet_cutoff_A: float | None = None,
) -> Correlations:
    """Find the symmetry-distinct clusters of the parent crystal.

    Two clusters of places belong to one orbit when an operation of the crystal takes one
    to the other. Distances are those of the nearest images: beyond half the cell, a pair
    of places stands for all pairs of their images, and there are no further orbits.

    Args:
        parent: the crystal.
        pair_cutoff_A: pairs up to this distance are counted [Å].
        triplet_cutoff_A: triplets whose three distances are up to this are counted [Å];
            None for no triplets.

    Returns:
        The orbits: places first, then pairs and triplets, each by diameter.

    Raises:
        CrystalError: a cutoff is not positive, or gives millions of triplets.
    """
    n_sites = len(parent.sites)
    everything = [np.arange(n_sites)[:, None]]
    for name, cutoff_A, size in (
        ("pair_cutoff_A", pair_cutoff_A, 2),
        ("triplet_cutoff_A", triplet_cutoff_A, 3),
    ):
        if cutoff_A is None:
            continue
        if not cutoff_A > 0:
            raise CrystalError(f"{name} = {cutoff_A}, expected a distance > 0 Å")
        everything.append(_within(parent.distances_A, cutoff_A, size))
        if len(everything[-1]) > _MOST_CLUSTERS:
            raise CrystalError(
                f"{name} = {cutoff_A} Å gives {len(everything[-1]):,} clusters of {size} "
                f"sites, expected at most {_MOST_CLUSTERS:,}; lower it"
            )
    return Correlations(n_sites, tuple(_by_orbit(parent, part) for part in everything))


def _within(
    distances_A: NDArray[np.float64], cutoff_A: float, size: int
) -> NDArray[np.int64]:
    """List the clusters with all distances up to a cutoff, (T, size)."""
    # Two places of one site have distance zero and are never both occupied.
    near = np.triu((distances_A <= cutoff_A) & (distances_A > 1e-6), 1)
    pairs = np.argwhere(near)
    if size == 2:
        return pairs
    thirds = near[pairs[:, 0]] & near[pairs[:, 1]]
    which, third = np.nonzero(thirds)
    return np.column_stack([pairs[which], third])


def _by_orbit(parent: ParentCrystal, clusters: NDArray[np.int64]) -> Clusters:
    """Sort clusters by diameter and orbit."""
    n_sites, size = len(parent.sites), clusters.shape[1]
    powers = n_sites ** np.arange(size - 1, -1, -1)
    name = clusters @ powers
    # An orbit is named after its least member.
    for permutation in parent.permutations:
        image = np.sort(permutation[clusters], axis=1)
        np.minimum(name, image @ powers, out=name)
    diameter = np.zeros(len(clusters))
    for a, b in combinations(range(size), 2):
        np.maximum(
            diameter, parent.distances_A[clusters[:, a], clusters[:, b]], out=diameter
        )
    _, first, orbit = np.unique(name, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(diameter[first].round(6), kind="stable")] = np.arange(len(first))
    order = np.argsort(rank[orbit], kind="stable")
    _, starts = np.unique(rank[orbit][order], return_index=True)
    return Clusters(clusters[order], starts, diameter[order][starts])


def _counts(occupied: NDArray[np.bool_], clusters: Clusters) -> NDArray[np.int64]:
    n_clusters = len(clusters.sites)
    counts = np.zeros((len(occupied), len(clusters.starts)), dtype=np.int64)
    if not n_clusters:
        return counts
    # Clusters as rows: each takes whole columns of the transposed occupancy.
    columns = np.ascontiguousarray(occupied.T)
    step = max(1, _CHUNK_BITS // n_clusters)
    for start in range(0, len(occupied), step):
        part = columns[:, start : start + step]
        both = part[clusters.sites[:, 0]]
        for column in clusters.sites.T[1:]:
            both &= part[column]
        counts[start : start + step] = np.add.reduceat(
            both, clusters.starts, axis=0, dtype=np.int32
        ).T
    return counts
