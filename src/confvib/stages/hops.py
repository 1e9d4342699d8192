"""Site changes of the ions while a run is going on."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.basins import followed_sites, n_moved
from confvib.stages.relaxed_cells import RelaxedCells


class HopCounter:
    """Follows the ions of every cell of a batch from site to site, look by look.

    What goes and returns between two looks is not seen.

    Args:
        cells: The chunk, which knows the sites.
        n_cells: Cells of the batch.

    Attributes:
        n_hops: Site changes seen so far, shape ``(B,)``.
    """

    def __init__(self, cells: RelaxedCells, n_cells: int) -> None:
        self._cells = cells
        self._start: NDArray[np.int64] | None = None
        self._now: NDArray[np.int64] | None = None
        self.n_hops = np.zeros(n_cells, np.int64)

    @property
    def n_moved(self) -> NDArray[np.int64]:
        """Ions that are on another site than at the first look, shape ``(B,)``."""
        return self._changed(self._start, self._now)

    def look(self, positions: np.ndarray) -> None:
        """Find the sites at the first look; follow the ions from then on."""
        cells = self._cells
        if self._now is None:
            self._start = self._now = np.stack([cells.sites(one) for one in positions])
            return
        now = [
            followed_sites(cells.parent, one.astype(np.float64), cells.numbers, before)
            for one, before in zip(positions, self._now, strict=True)
        ]
        self.n_hops += self._changed(self._now, np.stack(now))
        self._now = np.stack(now)

    def arrays(self) -> dict[str, np.ndarray]:
        """Write counts and the sites of the first and the last look."""
        if self._start is None or self._now is None:
            return {}
        return {"n_hops": self.n_hops, "start": self._start, "now": self._now}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`arrays` wrote."""
        self.n_hops = arrays["n_hops"].copy()
        self._start, self._now = arrays["start"], arrays["now"]

    def _changed(
        self, before: NDArray[np.int64] | None, after: NDArray[np.int64] | None
    ) -> NDArray[np.int64]:
        if before is None or after is None:
            return np.zeros_like(self.n_hops)
        parent, split = self._cells.parent, self._cells.split_site_A
        pairs = zip(before, after, strict=True)
        return np.array([n_moved(parent, *pair, split) for pair in pairs])
