"""How far two methods agree on the energies and forces of the same configurations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import kendalltau, rankdata

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray, finite_vector, matching_vector

_FEWEST = 3
"""Rows below which a rank correlation says nothing: of two it is 1 or -1."""

_QUANTILES = (0.05, 0.95)


@dataclass(frozen=True)
class Ranking:
    """Values of n configurations by one method and by another, per cell.

    Attributes:
        mean_eV: Mean of the other's values minus the first's, which cancels in weights.
        rms_eV: Root mean square of what is left of the differences.
        spread_eV: Standard deviation of the first's values.
        spread_other_eV: And of the other's.
        spearman: Rank correlation, with the 5-95 % range of resampled configurations.
        spearman_low: Its 5 % quantile.
        spearman_high: Its 95 % quantile.
        kendall: (concordant - discordant pairs) over all pairs, corrected for ties.
        kendall_low: Its 5 % quantile over resampled configurations.
        kendall_high: Its 95 % quantile.
        kendall_p: Probability of a rank correlation at least as far from zero where the
            orders have nothing to do with each other; exact without ties.
    """

    mean_eV: float
    rms_eV: float
    spread_eV: float
    spread_other_eV: float
    spearman: float
    spearman_low: float
    spearman_high: float
    kendall: float
    kendall_low: float
    kendall_high: float
    kendall_p: float


@dataclass(frozen=True)
class ForceAgreement:
    """Forces at the same geometries by one method and by another.

    Attributes:
        rms_eV_per_A: Root mean square over components of the first's forces.
        rms_other_eV_per_A: And of the other's.
        difference_eV_per_A: Root mean square over components of their difference.
        cosine: Of the angle between all components of both; NaN where either vanish.
    """

    rms_eV_per_A: float
    rms_other_eV_per_A: float
    difference_eV_per_A: float
    cosine: float


def ranking(
    values_eV: ArrayLike, other_eV: ArrayLike, *, n_resamples: int, seed: int
) -> Ranking:
    r"""Compare the energies that two methods give to the same configurations.

    .. math:: \rho = \mathrm{corr}(\mathrm{rank}\,E, \mathrm{rank}\,E'), \qquad
              \tau_b = \frac{C - D}{\sqrt{(P - T)(P - T')}}

    with C concordant and D discordant of P pairs, T and T' of them tied. Zeros of energy
    differ between methods, so that only differences between configurations are compared.

    Args:
        values_eV: E_i, shape ``(n,)``, n >= 3.
        other_eV: E'_i of the same configurations, shape ``(n,)``.
        n_resamples: Resamples of the configurations, >= 2.
        seed: Seed of these.

    Returns:
        The comparison; rank correlations are NaN where all values of one are equal.

    Raises:
        ThermodynamicsError: Fewer than three rows, lengths differ, a value is not finite.

    Source: Kendall, Biometrika 33, 239 (1945), tau-b; docs/engines.md.
    """
    values = finite_vector("values_eV", values_eV)
    if values.size < _FEWEST:
        raise ThermodynamicsError(
            f"{values.size} row(s) to rank, expected {_FEWEST} or more"
        )
    other = matching_vector("other_eV", other_eV, values.size)
    difference = other - values
    spearman, kendall = _correlations(values, other)
    ranges = _ranges(values, other, n_resamples, seed)
    return Ranking(
        mean_eV=float(difference.mean()),
        rms_eV=float(difference.std()),
        spread_eV=float(values.std(ddof=1)),
        spread_other_eV=float(other.std(ddof=1)),
        spearman=spearman,
        spearman_low=ranges[0, 0],
        spearman_high=ranges[1, 0],
        kendall=kendall,
        kendall_low=ranges[0, 1],
        kendall_high=ranges[1, 1],
        kendall_p=_kendall_p(values, other),
    )


def force_agreement(
    forces_eV_per_A: ArrayLike, other_eV_per_A: ArrayLike
) -> ForceAgreement:
    r"""Compare forces component by component, all configurations together.

    .. math:: \cos = \frac{f \cdot f'}{|f|\,|f'|}

    Args:
        forces_eV_per_A: Components of all atoms of all configurations, shape ``(m,)``.
        other_eV_per_A: The other method's, shape ``(m,)``.

    Returns:
        The comparison.

    Raises:
        ThermodynamicsError: Lengths differ or a component is not finite.

    Source: docs/engines.md.
    """
    forces = finite_vector("forces_eV_per_A", forces_eV_per_A)
    other = matching_vector("other_eV_per_A", other_eV_per_A, forces.size)
    norms = np.linalg.norm(forces) * np.linalg.norm(other)
    return ForceAgreement(
        rms_eV_per_A=_rms(forces),
        rms_other_eV_per_A=_rms(other),
        difference_eV_per_A=_rms(other - forces),
        cosine=float(forces @ other / norms) if norms > 0 else np.nan,
    )


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _correlations(values: FloatArray, other: FloatArray) -> tuple[float, float]:
    if np.ptp(values) == 0 or np.ptp(other) == 0:
        return np.nan, np.nan
    spearman = np.corrcoef(rankdata(values), rankdata(other))[0, 1]
    # Signs of all pairs: tau-b as scipy has it, without its cost of a p-value each.
    signs, other_signs = (np.sign(each[:, None] - each) for each in (values, other))
    tied = np.sqrt(np.sum(signs**2) * np.sum(other_signs**2))
    return float(spearman), float(np.sum(signs * other_signs) / tied)


def _kendall_p(values: FloatArray, other: FloatArray) -> float:
    if np.ptp(values) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(kendalltau(values, other).pvalue)  # pyright: ignore[reportAttributeAccessIssue]


def _ranges(
    values: FloatArray, other: FloatArray, n_resamples: int, seed: int
) -> FloatArray:
    """Return 5 and 95 % quantiles of both correlations, shape ``(2, 2)``."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(values.size, size=(n_resamples, values.size))
    found = np.array([_correlations(values[rows], other[rows]) for rows in drawn])
    # A resample of one configuration alone has no order.
    known = found[np.isfinite(found).all(axis=1)]
    if not known.size:
        return np.full((2, 2), np.nan)
    return np.quantile(known, _QUANTILES, axis=0)
