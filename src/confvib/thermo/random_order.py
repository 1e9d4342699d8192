"""Thermodynamics of rows that are added in random order, in both conventions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    positive_scalar,
    positive_weights,
)
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class RandomOrders:
    """-TS and G of the first m rows of R random orders.

    Attributes:
        n_rows: Rows of the whole set.
        sizes: Numbers of rows m, increasing, shape ``(S,)``.
        minus_TS_eV_per_atom: Shape ``(R, S)``.
        G_eV_per_atom: Shape ``(R, S)``.
    """

    n_rows: int
    sizes: NDArray[np.intp]
    minus_TS_eV_per_atom: FloatArray
    G_eV_per_atom: FloatArray

    def at(self, size: int) -> tuple[FloatArray, FloatArray]:
        """Return -TS and G of all orders at one of the sizes, each of shape ``(R,)``."""
        column = int(np.searchsorted(self.sizes, size))
        return self.minus_TS_eV_per_atom[:, column], self.G_eV_per_atom[:, column]


@dataclass(frozen=True)
class Band:
    """Distribution of a quantity over random orders, each of shape ``(S,)``."""

    mean: FloatArray
    median: FloatArray
    p05: FloatArray
    p95: FloatArray


def subset_sizes(n_rows: int, n_points: int, others: Sequence[int] = ()) -> list[int]:
    """Return numbers of rows at equal distances in ln m, from 1 to all of them.

    Args:
        n_rows: Rows of the whole set, at least 1.
        n_points: Points asked for; those that coincide are given once.
        others: Sizes that must be among them, 1 to n_rows.
    """
    grid = np.geomspace(1, n_rows, n_points).round().astype(int)
    return sorted({1, n_rows, *grid.tolist(), *others})


def canonical_orders(
    effective_eV: ArrayLike,
    weights: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
    sizes: Sequence[int],
    n_orders: int,
    seed: int,
) -> RandomOrders:
    r"""Sum canonical Boltzmann factors over random subsets, as if they were all there is.

    .. math:: F_m = -k_B T \ln \sum_{i \in s_m} w_i e^{-\beta a_i}, \quad
              -T S_m = F_m - \langle a \rangle_m

    Subsets are drawn without replacement and nested: each order adds rows to the
    subset before. Sums are of logarithms, so that rows may lie any number of k_B T
    above the lowest.

    Args:
        effective_eV: a_i, eV per cell, shape ``(n,)``.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.
        sizes: Increasing numbers of rows, 1 to n.
        n_orders: Number R of random orders.
        seed: Seed of the orders; equal seeds give equal subsets.

    Returns:
        -T S_conf and F, without the factor of :func:`horvitz_thompson`.

    Raises:
        ThermodynamicsError: An argument is outside its domain.

    Source: docs/formulation.md#random-order.
    """
    effective = finite_vector("effective_eV", effective_eV)
    log_weight = np.log(positive_weights("weights", weights, effective.size))
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    n_atoms_checked = positive_scalar("n_atoms", n_atoms)
    lowest = float(effective.min())
    G, minus_TS = [], []
    for log_Z, mean, _ in _orders(
        effective - lowest, log_weight, kT_eV, sizes, n_orders, seed
    ):
        G.append((lowest - kT_eV * log_Z) / n_atoms_checked)
        minus_TS.append((-kT_eV * log_Z - mean) / n_atoms_checked)
    return RandomOrders(
        effective.size, np.asarray(sizes), np.array(minus_TS), np.array(G)
    )


def horvitz_thompson(
    orders: RandomOrders, temperature_K: float, *, n_atoms: int
) -> RandomOrders:
    r"""Let every row of a subset stand for n/m rows.

    .. math:: F_m \to F_m - k_B T \ln\frac{n}{m}, \quad
              -T S_m \to -T S_m - k_B T \ln\frac{n}{m}

    Args:
        orders: What canonical_orders returned.
        temperature_K: Its temperature.
        n_atoms: Its atoms per cell.

    Source: docs/formulation.md#sampling.
    """
    missing = np.log(orders.n_rows / orders.sizes)
    shift = -BOLTZMANN_EV_PER_K * temperature_K * missing / n_atoms
    return replace(
        orders,
        minus_TS_eV_per_atom=orders.minus_TS_eV_per_atom + shift,
        G_eV_per_atom=orders.G_eV_per_atom + shift,
    )


def published_orders(
    energy_eV: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
    sizes: Sequence[int],
    n_orders: int,
    seed: int,
) -> RandomOrders:
    r"""Evaluate the published sums over random subsets.

    .. math:: -T S_m = -k_B T \ln \sum_{i \in s_m} e^{-\beta (h_i - h_{min,m})}, \quad
              G_m = \langle h \rangle_m - T S_m

    with energies per atom, counted from the lowest row of the subset.

    Args:
        energy_eV: As in published_ensemble, eV per cell, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.
        sizes: Increasing numbers of rows, 1 to n.
        n_orders: Number R of random orders.
        seed: Seed of the orders.

    Raises:
        ThermodynamicsError: An argument is outside its domain.

    Source: docs/formulation.md#published.
    """
    energy = finite_vector("energy_eV", energy_eV)
    per_atom = energy / positive_scalar("n_atoms", n_atoms)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    lowest = float(per_atom.min())
    G, minus_TS = [], []
    for log_Z, mean, first in _orders(
        per_atom - lowest, np.zeros_like(energy), kT_eV, sizes, n_orders, seed
    ):
        minus_TS.append(-kT_eV * log_Z - first)
        G.append(lowest + mean + minus_TS[-1])
    return RandomOrders(energy.size, np.asarray(sizes), np.array(minus_TS), np.array(G))


def band(values: FloatArray) -> Band:
    """Return mean, median and the 5 and 95 % quantiles over orders.

    Args:
        values: One of the quantities of RandomOrders, shape ``(R, S)``.
    """
    p05, median, p95 = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
    return Band(values.mean(axis=0), median, p05, p95)


def _orders(
    excess: FloatArray,
    log_weight: FloatArray,
    kT_eV: float,
    sizes: Sequence[int],
    n_orders: int,
    seed: int,
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """Yield ln Z, <a> and the lowest row of the subsets of every order, shape (S,).

    All energies are counted from the lowest row of the whole set.
    """
    n = excess.size
    increasing = list(sizes) == sorted(set(sizes))
    if not (sizes and increasing and sizes[0] >= 1 and sizes[-1] <= n and n_orders >= 1):
        raise ThermodynamicsError(
            f"{n_orders} random order(s) with sizes {list(sizes)}, expected at least one"
            f" and increasing sizes from 1 to {n}"
        )
    rng = np.random.default_rng(seed)
    log_factor = log_weight - excess / kT_eV
    with np.errstate(divide="ignore"):  # ln 0 = -inf is the lowest row's part of <a>
        log_moment = log_factor + np.log(excess)
    starts = [0, *sizes[:-1]]
    for _ in range(n_orders):
        rows = rng.permutation(n)[: sizes[-1]]
        log_Z, log_mean = (
            np.logaddexp.accumulate(np.logaddexp.reduceat(terms[rows], starts))
            for terms in (log_factor, log_moment)
        )
        first = np.minimum.accumulate(np.minimum.reduceat(excess[rows], starts))
        yield log_Z, np.exp(log_mean - log_Z), first
