"""Standard errors of time series, of repeats and of ensembles."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import finite_vector

_FEWEST_BLOCKS = 4


@dataclass(frozen=True)
class BlockError:
    """Mean of a correlated time series with its standard error.

    Attributes:
        mean: Mean of the series, in its unit.
        standard_error: Standard error of that mean.
        inefficiency: Samples per independent sample, >= about 1.
        block_length: Samples per block where the estimate was taken.
        converged: Whether at least four blocks longer than the correlation were left.
            If not, the standard error is a lower bound.
    """

    mean: float
    standard_error: float
    inefficiency: float
    block_length: int
    converged: bool


@dataclass(frozen=True)
class EnsembleErrors:
    """Standard errors of the averages of one ensemble, per cell (canonical) or per atom.

    Attributes:
        free_energy_eV: Of F (canonical) or G (published).
        average_eV: Of <a> (canonical) or <h> (published).
        entropy_eV_per_K: Of S_conf (canonical) or k_B ln Z (published).
    """

    free_energy_eV: float
    average_eV: float
    entropy_eV_per_K: float

    def beside(self, other: Self) -> Self:
        """Return the errors of two independent causes, added in quadrature."""
        return type(self)(
            *(
                float(np.hypot(getattr(self, field.name), getattr(other, field.name)))
                for field in fields(self)
            )
        )


def block_standard_error(series: ArrayLike) -> BlockError:
    r"""Estimate the standard error of the mean of a correlated series by blocking.

    Neighbours are averaged again and again; level l has blocks of B = 2^l samples and
    :math:`s_l^2 = \mathrm{Var}(\text{blocks}) / n_l`. The level is the first with
    :math:`B^3 > 2 S\,(s_l / s_0)^4` (Lee et al.), where blocks outlast the correlation.

    Args:
        series: Equally spaced samples, shape ``(S,)``, S >= 8.

    Returns:
        Mean, standard error and whether the blocks were long enough.

    Raises:
        ThermodynamicsError: Fewer than 8 samples, or a value that is not finite.

    Source: Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989); Lee, Needs and Towler,
    Phys. Rev. E 83, 066706 (2011); docs/formulation.md#errors.
    """
    values = finite_vector("series", series)
    if values.size < 2 * _FEWEST_BLOCKS:
        raise ThermodynamicsError(
            f"series has {values.size} samples, expected at least {2 * _FEWEST_BLOCKS}"
        )
    mean = float(values.mean())
    n_samples, blocks, length = values.size, values - mean, 1
    squared: list[float] = []
    while blocks.size >= _FEWEST_BLOCKS:
        squared.append(float(blocks.var(ddof=1) / blocks.size))
        if squared[0] == 0:
            return BlockError(mean, 0.0, 1.0, 1, converged=True)
        inefficiency = squared[-1] / squared[0]
        if length**3 > 2 * n_samples * inefficiency**2:
            error = float(np.sqrt(squared[-1]))
            return BlockError(mean, error, inefficiency, length, converged=True)
        even = blocks.size // 2 * 2  # an odd block at the end has no partner
        blocks = 0.5 * (blocks[0:even:2] + blocks[1:even:2])
        length *= 2
    largest = max(squared)
    return BlockError(
        mean, float(np.sqrt(largest)), largest / squared[0], length // 2, converged=False
    )


def repeat_standard_error(values: ArrayLike, *, fewest: int = 3) -> float:
    r"""Return the standard error of the mean of independent repeats.

    Args:
        values: One per seed, or per block that outlasts the correlation, ``(K,)``.
        fewest: Least K accepted: 3 for seeds, 4 for blocks of one run.

    Returns:
        The sample standard deviation over sqrt(K), in the unit of the values.

    Raises:
        ThermodynamicsError: Fewer repeats than ``fewest``.

    Source: docs/formulation.md#errors.
    """
    repeats = finite_vector("values", values)
    if repeats.size < fewest:
        raise ThermodynamicsError(
            f"{repeats.size} repeat(s) carry no error bar, expected at least {fewest}"
        )
    return float(repeats.std(ddof=1) / np.sqrt(repeats.size))
