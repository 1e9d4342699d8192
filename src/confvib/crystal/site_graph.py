"""Sites, the groups they belong to and the pairs that exclude each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SiteGraph:
    """Which sites can be occupied together, and how many ions each of them counts.

    Attributes:
        conflicts: pairs that cannot both be occupied, (M, M).
        kinds: group of each site, 0 to n_groups - 1, (M,).
        cliques: sites of one clique exclude each other and share a group, (M,).
        weights: ions that an occupied site adds to its group, at least 1, (M,).
    """

    conflicts: NDArray[np.bool_]
    kinds: NDArray[np.int64]
    cliques: NDArray[np.int64]
    weights: NDArray[np.int64]

    @classmethod
    def build(
        cls,
        conflicts: NDArray[np.bool_],
        kinds: NDArray[np.int64],
        weights: NDArray[np.int64] | None = None,
    ) -> "SiteGraph":
        """Cover the sites of each group by cliques, greedily in site order.

        Args:
            conflicts: symmetric with a false diagonal, (M, M).
            kinds: (M,).
            weights: (M,), or None for one ion per site.

        Returns:
            The graph; its cliques bound the ions that a group can hold.
        """
        n_sites = len(kinds)
        cliques = np.empty(n_sites, dtype=np.int64)
        # Who conflicts with every member of each clique so far, first come first.
        welcome = np.zeros((n_sites, n_sites), dtype=bool)
        n_cliques = 0
        for site in range(n_sites):
            fits = np.flatnonzero(welcome[:n_cliques, site])
            if len(fits):
                clique = int(fits[0])
                welcome[clique] &= conflicts[site]
            else:
                clique, n_cliques = n_cliques, n_cliques + 1
                welcome[clique] = conflicts[site] & (kinds == kinds[site])
            cliques[site] = clique
        if weights is None:
            weights = np.ones(n_sites, dtype=np.int64)
        return cls(conflicts, kinds, cliques, weights)

    def capacities(self, order: NDArray[np.intp], n_groups: int) -> NDArray[np.int64]:
        """Bound the ions that the first sites of a list can hold, by their cliques.

        Args:
            order: sites, (m,).
            n_groups: number of groups.

        Returns:
            Bound for the first 0, 1, ... m sites of the list, (m + 1, n_groups).
        """
        bounds = np.zeros((len(order) + 1, n_groups), dtype=np.int64)
        largest = np.zeros(len(self.cliques), dtype=np.int64)
        for step, site in enumerate(order):
            clique, weight = self.cliques[site], self.weights[site]
            bounds[step + 1] = bounds[step]
            bounds[step + 1, self.kinds[site]] += max(0, weight - largest[clique])
            largest[clique] = max(largest[clique], weight)
        return bounds
