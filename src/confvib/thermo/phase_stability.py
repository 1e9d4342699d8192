"""Which of two phases is stable: differences of G, and where their curve crosses zero."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from confvib.errors import GridError, ThermodynamicsError
from confvib.thermo.checks import finite_vector

_FEWEST = 2


@dataclass(frozen=True)
class Crossing:
    """A temperature at which two phases are equally stable.

    Attributes:
        temperature_K: Where the difference of G vanishes.
        stderr_K: Standard error, from that of the difference and the slope; NaN where
            the error of a neighbour is not known.
        slope_eV_per_K: Slope of the difference there, minus the difference of entropies.
        first_below: Whether the first phase is the stable one below it.
    """

    temperature_K: float
    stderr_K: float
    slope_eV_per_K: float
    first_below: bool


def difference(
    first: tuple[float, float], second: tuple[float, float]
) -> tuple[float, float]:
    """Return first minus second and its standard error, for independent errors.

    Args:
        first: Value and standard error; NaN for an error that is not known.
        second: Likewise, in the same unit.
    """
    return first[0] - second[0], float(np.hypot(first[1], second[1]))


def crossings(
    temperature_K: ArrayLike, difference_eV: ArrayLike, stderr_eV: ArrayLike
) -> tuple[Crossing, ...]:
    """Return every temperature at which the difference of two phases changes sign.

    Between the points the difference is a monotone cubic (a straight line for two), so
    that it changes sign where its points do and nowhere else.

    Args:
        temperature_K: Temperatures (n,), increasing [K], n >= 2.
        difference_eV: G of the first phase minus G of the second (n,) [eV].
        stderr_eV: Standard errors (n,) [eV]; NaN where not known.

    Raises:
        GridError: Temperatures do not increase or are fewer than two.
        ThermodynamicsError: A difference is not finite, or shapes differ.

    Source: docs/formulation.md#phases; the interpolation is that of Fritsch and Butland,
        SIAM J. Sci. Stat. Comput. 5, 300 (1984).
    """
    T = finite_vector("temperature_K", temperature_K)
    delta = finite_vector("difference_eV", difference_eV)
    sigma = np.asarray(stderr_eV, dtype=np.float64)
    if T.shape != delta.shape or T.shape != sigma.shape:
        raise ThermodynamicsError(
            f"temperatures, differences and errors have shapes {T.shape}, {delta.shape} "
            f"and {sigma.shape}, expected one"
        )
    if T.size < _FEWEST or np.any(np.diff(T) <= 0):
        raise GridError(f"temperatures {T.tolist()}: expected at least two, increasing")
    curve = PchipInterpolator(T, delta)
    roots = np.asarray(curve.roots(extrapolate=False), dtype=np.float64)
    signs = np.sign(delta)
    found: list[Crossing] = []
    # A point that lies on zero belongs to the interval between its neighbours.
    for left, right in pairwise(np.flatnonzero(signs).tolist()):
        if signs[left] == signs[right]:
            continue
        root = T[left + 1]
        slope = (delta[right] - delta[left]) / (T[right] - T[left])
        if right == left + 1:
            root = roots[(roots > T[left]) & (roots < T[right])][0]
            slope = curve(root, 1) or slope
        error = np.interp(root, T[[left, right]], sigma[[left, right]])
        found.append(
            Crossing(
                temperature_K=float(root),
                stderr_K=float(error / abs(slope)),
                slope_eV_per_K=float(slope),
                first_below=bool(signs[left] < 0),
            )
        )
    return tuple(found)
