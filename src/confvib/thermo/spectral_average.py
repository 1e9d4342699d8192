"""Mean and spread of spectra over configurations, one block of rows after the other."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    matching_vector,
    positive_scalar,
    positive_weights,
)
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class SpectralAverage:
    r"""Weighted average of rows of numbers, in the unit of the rows.

    Attributes:
        mean: <g> = sum p_i g_i, shape ``(K,)``.
        deviation: Square root of sum p_i (g_i - <g>)^2, shape ``(K,)``: 0 where one row
            has all the weight.
        printed_deviation: Square root of (1/n) sum (p_i g_i - <g>)^2, shape ``(K,)``:
            the standard deviation as the paper prints it. Whatever the spread of the
            rows, it lies between (1 - 1/n) <g> and sqrt(1 - 1/n) <g> if none is negative.
        n: Number of rows.
        ess: Effective number of rows, 1 / sum p_i^2.

    Source: Yang et al. 2025, section 3.4; docs/formulation.md#averaged-spectra.
    """

    mean: FloatArray
    deviation: FloatArray
    printed_deviation: FloatArray
    n: int
    ess: float


@dataclass(frozen=True)
class WeightedMoments:
    r"""Sums over the rows seen so far; those of two blocks merge into those of both.

    Weights are given by their logarithms and kept relative to the largest one seen, so
    that Boltzmann factors of cells of any energy neither overflow nor all vanish. What
    is kept has the size of one row, whatever the number of rows.

    Attributes:
        n: Number of rows.
        log_scale: Largest ln w; the sums below are in units of its w.
        total: sum w.
        total_of_squares: sum w^2.
        mean: sum w x / sum w, shape ``(K,)``.
        squared_deviations: sum w (x - mean)^2, shape ``(K,)``.
        squared_terms: sum (w x)^2, shape ``(K,)``.

    Source: West, Commun. ACM 22, 532 (1979); Chan, Golub and LeVeque, Am. Stat. 37, 242
    (1983); docs/formulation.md#averaged-spectra.
    """

    n: int
    log_scale: float
    total: float
    total_of_squares: float
    mean: FloatArray
    squared_deviations: FloatArray
    squared_terms: FloatArray

    @classmethod
    def of(cls, values: ArrayLike, log_weights: ArrayLike) -> Self:
        """Sum over one block.

        Args:
            values: Rows of numbers of any unit, shape ``(n, K)``, n >= 1.
            log_weights: ln w_i up to one common constant, shape ``(n,)``.

        Returns:
            The sums of the block.

        Raises:
            ThermodynamicsError: A shape is wrong, or a value is not finite.
        """
        rows = np.asarray(values, dtype=np.float64)
        if rows.ndim != 2:
            raise ThermodynamicsError(
                f"values have shape {rows.shape}, expected (n, K): a spectrum per row"
            )
        log_w = matching_vector("log_weights", log_weights, len(rows))
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise ThermodynamicsError(
                f"{bad.size} of {len(rows)} spectra hold a value that is not finite, the"
                f" first is row {bad[0]}; select the rows that are ok first"
            )
        log_scale = float(log_w.max())
        w = np.exp(log_w - log_scale)
        total = float(w.sum())
        mean = w @ rows / total
        return cls(
            n=len(rows),
            log_scale=log_scale,
            total=total,
            total_of_squares=float(w @ w),
            mean=mean,
            squared_deviations=w @ (rows - mean) ** 2,
            squared_terms=w**2 @ rows**2,
        )

    def merged(self, other: Self) -> Self:
        """Return the sums over both blocks.

        Args:
            other: Sums over other rows of the same length.

        Raises:
            ThermodynamicsError: The rows differ in length.
        """
        if self.mean.shape != other.mean.shape:
            raise ThermodynamicsError(
                f"rows of {other.mean.size} numbers cannot be averaged with rows of"
                f" {self.mean.size}"
            )
        log_scale = max(self.log_scale, other.log_scale)
        a, b = np.exp([self.log_scale - log_scale, other.log_scale - log_scale])
        ours, theirs = float(a) * self.total, float(b) * other.total
        total = ours + theirs
        shift = other.mean - self.mean
        return type(self)(
            n=self.n + other.n,
            log_scale=log_scale,
            total=total,
            total_of_squares=float(
                a**2 * self.total_of_squares + b**2 * other.total_of_squares
            ),
            mean=self.mean + shift * (theirs / total),
            squared_deviations=a * self.squared_deviations
            + b * other.squared_deviations
            + shift**2 * (ours * theirs / total),
            squared_terms=a**2 * self.squared_terms + b**2 * other.squared_terms,
        )

    def average(self) -> SpectralAverage:
        r"""Return mean and spread of all rows.

        .. math:: \frac1n \sum_i (p_i g_i - \langle g \rangle)^2
                  = (1 - \tfrac2n) \langle g \rangle^2 + \frac1n \sum_i (p_i g_i)^2

        Source: docs/formulation.md#averaged-spectra.
        """
        printed = (1 - 2 / self.n) * self.mean**2
        printed += self.squared_terms / self.total**2 / self.n
        return SpectralAverage(
            mean=self.mean,
            deviation=np.sqrt(self.squared_deviations / self.total),
            # Rounding may leave the one row of n = 1 a hair below zero.
            printed_deviation=np.sqrt(np.maximum(printed, 0.0)),
            n=self.n,
            ess=self.total**2 / self.total_of_squares,
        )


def canonical_log_weights(
    free_energy_eV: ArrayLike, multiplicity: ArrayLike, temperature_K: float
) -> FloatArray:
    r"""Return :math:`\ln g_i - \beta a_i`, the logarithms of canonical weights.

    Args:
        free_energy_eV: a_i, eV per cell, shape ``(n,)``.
        multiplicity: g_i > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        Logarithms up to one common constant, shape ``(n,)``.

    Raises:
        ThermodynamicsError: A value is not finite, or not positive where it must be.

    Source: docs/formulation.md#canonical.
    """
    energy = finite_vector("free_energy_eV", free_energy_eV)
    g = positive_weights("multiplicity", multiplicity, energy.size)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    return np.log(g) - energy / kT_eV


def published_log_weights(
    energy_eV: ArrayLike, temperature_K: float, *, n_atoms: int
) -> FloatArray:
    r"""Return :math:`-\langle U \rangle_i / N k_B T`, the weights of the paper's fig. 6.

    Args:
        energy_eV: Mean potential energy of each run, eV per cell, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell: the exponent holds energies per atom.

    Returns:
        Logarithms up to one common constant, shape ``(n,)``.

    Raises:
        ThermodynamicsError: A value is not finite, or not positive where it must be.

    Source: Yang et al. 2025, section 3.4; docs/formulation.md#averaged-spectra.
    """
    energy = finite_vector("energy_eV", energy_eV)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    return -energy / (positive_scalar("n_atoms", n_atoms) * kT_eV)
