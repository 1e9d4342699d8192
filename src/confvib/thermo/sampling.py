"""What a row of a sample stands for, and how many rows carry the weight."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    positive_scalar,
    positive_weights,
)
from confvib.units import BOLTZMANN_EV_PER_K

Design = Literal["orbits", "microstates"]


def sampling_weights(
    multiplicity: ArrayLike,
    *,
    design: Design,
    n_orbits: float,
    n_microstates: float,
) -> FloatArray:
    r"""Return how many microstates each sampled row stands for (Horvitz-Thompson).

    .. math:: w_i = \frac{M}{m} g_i \;\text{(orbits drawn uniformly)}, \quad
              w_i = \frac{1}{m} \sum_{j=1}^M g_j \;\text{(microstates drawn uniformly)}

    so that sum_i w_i exp(-beta a_i) is an unbiased estimate of Z. A complete enumeration
    (m = M, orbits) gives w_i = g_i.

    Args:
        multiplicity: g_i > 0 of the m rows in hand, shape ``(n,)``.
        design: How the rows were drawn.
        n_orbits: Number M of orbits in the complete set.
        n_microstates: Sum of g over the complete set.

    Returns:
        Weights w_i, shape ``(n,)``.

    Raises:
        ThermodynamicsError: A multiplicity is not positive, or there are more rows than
            orbits in a draw of orbits.

    Source: Horvitz and Thompson, J. Am. Stat. Assoc. 47, 663 (1952);
    docs/formulation.md#sampling.
    """
    g = positive_weights("multiplicity", multiplicity, np.size(multiplicity))
    if design == "microstates":
        return np.full(g.size, n_microstates / g.size)
    if g.size > n_orbits:
        raise ThermodynamicsError(
            f"{g.size} rows were drawn of n_orbits = {n_orbits}, expected at most as many"
        )
    return g * (n_orbits / g.size)


def boltzmann_probabilities(
    effective_eV: ArrayLike, weights: ArrayLike, temperature_K: float
) -> FloatArray:
    r"""Return :math:`p_i = w_i e^{-\beta a_i} / \sum_j w_j e^{-\beta a_j}`.

    Args:
        effective_eV: a_i = E_i or A_i(T), eV per cell, shape ``(n,)``.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        Normalised probabilities, shape ``(n,)``.

    Raises:
        ThermodynamicsError: As canonical_ensemble.

    Source: docs/formulation.md#canonical.
    """
    effective = finite_vector("effective_eV", effective_eV)
    weight = positive_weights("weights", weights, effective.size)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    factors = weight * np.exp(-(effective - effective.min()) / kT_eV)
    return factors / factors.sum()


def effective_sample_size(probabilities: FloatArray) -> float:
    r"""Return :math:`1 / \sum_i p_i^2`, the number of rows that carry the weight.

    Args:
        probabilities: Normalised probabilities, shape ``(n,)``.

    Returns:
        A number between 1 and n.

    Source: docs/formulation.md#sampling.
    """
    return float(1.0 / np.sum(probabilities**2))


def n_covering(
    probabilities: FloatArray,
    coverage: float = 0.99,
    *,
    n_rows: FloatArray | None = None,
) -> int:
    """Return the least number of rows whose probabilities sum to ``coverage``.

    Args:
        probabilities: Normalised probabilities, shape ``(n,)``.
        coverage: Share of the total, between 0 and 1.
        n_rows: Equally probable rows that share each probability, shape ``(n,)``; None
            for one each.

    Returns:
        A number of rows, 1 at least.

    Source: docs/formulation.md#sampling.
    """
    counts = np.ones(probabilities.size) if n_rows is None else n_rows
    of_one = probabilities / counts
    order = np.argsort(-of_one, kind="stable")
    cumulative = np.cumsum(probabilities[order])
    # Rounding may leave the last sum short of the coverage asked for.
    goal = coverage * (1 - 1e-12)
    found = min(int(np.searchsorted(cumulative, goal)), probabilities.size - 1)
    before = cumulative[found - 1] if found else 0.0
    last = np.ceil((goal - before) / of_one[order[found]] - 1e-9)
    return int(counts[order[:found]].sum() + np.clip(last, 1, counts[order[found]]))
