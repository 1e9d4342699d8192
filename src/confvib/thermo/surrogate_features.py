"""Descriptors of configurations on a common scale, for a regression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray, matching_vector


@dataclass(frozen=True)
class Features:
    """Standardised descriptors of all configurations of a population.

    Attributes:
        values: One row per configuration, mean 0 and on average variance 1, ``(n, K)``.
        diameters: Diameter of each column's cluster over the smallest one, 1 for points,
            ``(K,)``.
    """

    values: FloatArray
    diameters: FloatArray

    @classmethod
    def standardise(cls, counts: ArrayLike, diameters_A: ArrayLike) -> "Features":
        r"""Scale counts by their spread over the population and drop what never varies.

        .. math:: x_i = z_i / \sqrt{1 + (|z_i| / 2 l)^2}, \quad
                  z_{ik} = (\varphi_{ik} - \bar\varphi_k) / \mathrm{sd}(\varphi_k)

        with l the median of :math:`|z_i|`: rows far from all others, such as another
        occupation of a whole sublattice, would else be extrapolated to energies that no
        row has. No energy enters: every enumerated row is known for free.

        Args:
            counts: Cluster counts of all rows, shape ``(n, K)``.
            diameters_A: Diameters of the clusters, 0 for points [Å], shape ``(K,)``.

        Returns:
            The features that vary.

        Raises:
            ThermodynamicsError: A count is not finite, or none varies.
        """
        table = np.asarray(counts, dtype=np.float64)
        if table.ndim != 2 or not np.isfinite(table).all():
            raise ThermodynamicsError(
                f"cluster counts of shape {table.shape} are not a finite table (n, K)"
            )
        diameters = matching_vector("diameters_A", diameters_A, table.shape[1])
        spread = table.std(axis=0)
        kept = spread > 1e-9
        if not kept.any():
            raise ThermodynamicsError(
                f"all {len(table)} configurations have the same {table.shape[1]} cluster "
                "counts; raise pair_cutoff_A or add triplets"
            )
        table = _drawn_in((table[:, kept] - table[:, kept].mean(axis=0)) / spread[kept])
        extended = diameters[diameters > 0]
        shortest = extended.min() if extended.size else 1.0
        return cls(table, np.maximum(diameters[kept] / shortest, 1.0))


def _drawn_in(scaled: FloatArray) -> FloatArray:
    """Limit the length of each row to twice the median, smoothly."""
    length = np.linalg.norm(scaled, axis=1)
    bound = 2 * np.median(length[length > 0])
    limited = scaled / np.sqrt(1 + (length / bound) ** 2)[:, None]
    limited = limited - limited.mean(axis=0)
    return limited / np.sqrt(np.mean(limited**2))
