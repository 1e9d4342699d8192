"""Bootstrap over any number of configurations in one pass and little memory.

Instead of drawing rows, every row enters every resample a random number of times, Poisson
distributed with mean 1: the same law in the limit of many rows, and no row needs to know
of the others. The number follows from the key of the row alone, so that a result depends
neither on the chunks nor on the order of the rows.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray
from confvib.units import BOLTZMANN_EV_PER_K

_BLOCK = 1024
"""Rows worked on at once, so that a large chunk needs no large arrays."""

_TABLE = np.searchsorted(
    np.round(2.0**16 * poisson.cdf(np.arange(8), 1.0)), np.arange(2**16), side="right"
).astype(np.uint8)
"""Number of times a row is taken, for each of the 2^16 values of a random number."""


@dataclass(frozen=True)
class Resamples:
    """Sums over R resamples of the rows so far, per unit of the energies given.

    Attributes:
        kT_eV: Thermal energy.
        n_rows: Rows so far.
        count: Rows in each resample, shape ``(R,)``.
        log_sum: ln of the sum of w_i exp(-a_i / kT), shape ``(R,)``.
        mean_eV: <a>, shape ``(R,)``.
        lowest_eV: Lowest a_i, shape ``(R,)``.
    """

    kT_eV: float
    n_rows: int
    count: FloatArray
    log_sum: FloatArray
    mean_eV: FloatArray
    lowest_eV: FloatArray

    @classmethod
    def none(cls, temperature_K: float, n_resamples: int) -> Self:
        """Return resamples without a row.

        Args:
            temperature_K: Temperature > 0.
            n_resamples: R >= 2.

        Raises:
            ThermodynamicsError: Fewer than two resamples.
        """
        if n_resamples < 2:
            raise ThermodynamicsError(f"{n_resamples} resample(s), expected >= 2")
        nothing = np.zeros(n_resamples)
        return cls(
            kT_eV=BOLTZMANN_EV_PER_K * temperature_K,
            n_rows=0,
            count=nothing,
            log_sum=np.full(n_resamples, -np.inf),
            mean_eV=nothing,
            lowest_eV=np.full(n_resamples, np.inf),
        )

    def with_rows(
        self,
        effective_eV: FloatArray,
        weights: FloatArray,
        counts: NDArray[np.uint8],
    ) -> Self:
        """Return the sums with some more rows.

        Args:
            effective_eV: a_i, shape ``(n,)``.
            weights: Microstates of each row, > 0, shape ``(n,)``.
            counts: Times each resample takes each row (resample_counts), ``(n, R)``.
        """
        found = self
        for start in range(0, effective_eV.size, _BLOCK):
            rows = slice(start, start + _BLOCK)
            found = found._with_block(effective_eV[rows], weights[rows], counts[rows])
        return found

    def _with_block(
        self, effective_eV: FloatArray, weights: FloatArray, counts: NDArray[np.uint8]
    ) -> Self:
        order = np.argsort(effective_eV, kind="stable")
        effective_eV, weights, counts = effective_eV[order], weights[order], counts[order]
        reference = float(effective_eV[0])
        excess = effective_eV - reference
        factors = weights * np.exp(-excess / self.kT_eV)
        columns = np.stack([factors, factors * excess, np.ones_like(factors)])
        total, first, taken = columns @ counts.astype(np.float64)
        lowest = np.where(taken > 0, effective_eV[np.argmax(counts > 0, axis=0)], np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_sum = np.log(total) - reference / self.kT_eV
            mean = np.where(total > 0, reference + first / total, 0.0)
        # A resample without the lowest rows may have lost all its factors to underflow:
        # it is summed from its own lowest row.
        for r in np.flatnonzero((total == 0) & (taken > 0)):
            above = np.maximum(effective_eV - lowest[r], 0.0)
            own = counts[:, r] * weights * np.exp(-above / self.kT_eV)
            log_sum[r] = np.log(own.sum()) - lowest[r] / self.kT_eV
            mean[r] = own @ effective_eV / own.sum()
        return self._joined(effective_eV.size, taken, log_sum, mean, lowest)

    def _joined(
        self,
        n_rows: int,
        count: FloatArray,
        log_sum: FloatArray,
        mean_eV: FloatArray,
        lowest_eV: FloatArray,
    ) -> Self:
        joint = np.logaddexp(self.log_sum, log_sum)
        share = np.exp(log_sum - np.where(np.isfinite(joint), joint, 0.0))
        return type(self)(
            kT_eV=self.kT_eV,
            n_rows=self.n_rows + n_rows,
            count=self.count + count,
            log_sum=joint,
            mean_eV=self.mean_eV + share * (mean_eV - self.mean_eV),
            lowest_eV=np.minimum(self.lowest_eV, lowest_eV),
        )

    def merged(self, other: Self) -> Self:
        """Return the resamples of the union of two sets, each resampled on its own."""
        return self._joined(
            other.n_rows, other.count, other.log_sum, other.mean_eV, other.lowest_eV
        )

    def standing_for(
        self, log_factor: float, sampled_fraction: float, whole: tuple[float, float]
    ) -> Self:
        r"""Return what resamples of a sample say about the set it was drawn from.

        .. math:: \ln Z_r \to \ln Z + \sqrt{1 - m/M} \; (\ln Z_r - \ln Z)

        and the mean likewise; a complete set has no sampling error and all its resamples
        are the set itself.

        Args:
            log_factor: ln of the configurations that each row stands for.
            sampled_fraction: m / M, between 0 and 1.
            whole: ln Z (zero of energy at 0 eV, factor included) and <a> of all rows.

        Raises:
            ThermodynamicsError: The fraction is out of range.
        """
        if not 0 <= sampled_fraction <= 1:
            raise ThermodynamicsError(
                f"sampled_fraction is {sampled_fraction}, expected 0 to 1"
            )
        log_Z, mean = whole
        shrink = np.sqrt(1 - sampled_fraction)
        if shrink == 0:
            return replace(
                self,
                log_sum=np.full_like(self.log_sum, log_Z),
                mean_eV=np.full_like(self.mean_eV, mean),
                lowest_eV=np.full_like(self.lowest_eV, self.lowest_eV.min()),
            )
        # A resample stands for as many configurations as the sample does, however many
        # rows chance gave it. One without a row says nothing, nor does a single row.
        known = (self.count > 0) & (self.n_rows > 1)
        log_sum = self.log_sum + log_factor
        log_sum = log_sum + np.log(self.n_rows / np.where(known, self.count, 1))
        lowest = float(self.lowest_eV.min())

        def shrunk(values: FloatArray, centre: float) -> FloatArray:
            found = np.full_like(values, np.nan)
            found[known] = centre + shrink * (values[known] - centre)
            return found

        return replace(
            self,
            log_sum=shrunk(log_sum, log_Z),
            mean_eV=shrunk(self.mean_eV, mean),
            lowest_eV=shrunk(self.lowest_eV, lowest),
        )


def resample_counts(
    keys: NDArray[np.uint64], n_resamples: int, seed: int
) -> NDArray[np.uint8]:
    """Return how often each resample takes each row.

    Args:
        keys: A well mixed 64-bit number for each row, shape ``(n,)``.
        n_resamples: R.
        seed: Seed of the draws.

    Returns:
        Poisson numbers of mean 1, shape ``(n, R)``.
    """
    n_words = -(-n_resamples // 4)
    lanes = _mixed(np.arange(n_words, dtype=np.uint64) + _mixed(np.uint64(seed)))
    counts = np.empty((keys.size, n_resamples), dtype=np.uint8)
    for start in range(0, keys.size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        words = _mixed(keys[rows, None] ^ lanes[None, :])
        # Four numbers of 16 bits out of each word.
        counts[rows] = _TABLE[words.view(np.uint16)][:, :n_resamples]
    return counts


def _mixed(words: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    """Return SplitMix64 of every word (Steele, Lea and Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        z = np.asarray(words, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
