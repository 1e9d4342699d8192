"""Full sets drawn from the kernel density of a few of their energies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import gaussian_kde

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray, finite_vector, positive_weights
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.published import published_ensemble
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class Resampling:
    """-TS and G of full sets drawn from densities of random subsets.

    Attributes:
        minus_TS_eV_per_atom: Shape ``(R,)``, one value per subset.
        G_eV_per_atom: Shape ``(R,)``.
        bandwidth_eV: Standard deviation h of the kernels, per cell, shape ``(R,)``.
        log_Z_shift: ln Z of the draws minus that of their subset scaled to the same
            number of microstates, shape ``(R,)``; 0 in the published convention.
    """

    minus_TS_eV_per_atom: FloatArray
    G_eV_per_atom: FloatArray
    bandwidth_eV: FloatArray
    log_Z_shift: FloatArray


def smoothing_log_Z(bandwidth_eV: ArrayLike, temperature_K: float) -> FloatArray:
    r"""Return how much Gaussian kernels raise the expectation of Z.

    .. math:: \ln\frac{Z[p * \mathcal N(0, h^2)]}{Z[p]} = \tfrac12 (\beta h)^2

    Args:
        bandwidth_eV: h, eV per cell, any shape.
        temperature_K: Temperature.

    Source: docs/formulation.md#density-resampling.
    """
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    return 0.5 * (np.asarray(bandwidth_eV, dtype=np.float64) / kT_eV) ** 2


def resampled_canonical(
    effective_eV: ArrayLike,
    weights: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
    n_subset: int,
    n_repeats: int,
    seed: int,
) -> Resampling:
    r"""Draw n energies per cell from the weighted density of m rows, and average.

    The number of microstates is known without any energy, so that each draw stands for
    :math:`\sum_i w_i / n` of them.

    Args:
        effective_eV: a_i of the whole set, eV per cell, shape ``(n,)``.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.
        n_subset: Rows m behind a density, 2 to n.
        n_repeats: Number R of subsets.
        seed: Seed of subsets and draws.

    Raises:
        ThermodynamicsError: The rows of a subset have one energy, or an argument is
            outside its domain.

    Source: docs/formulation.md#density-resampling.
    """
    effective = finite_vector("effective_eV", effective_eV)
    weight = positive_weights("weights", weights, effective.size)
    n = effective.size
    each = np.full(n, weight.sum() / n)
    rng = np.random.default_rng(seed)
    found = np.empty((4, n_repeats))
    for repeat in range(n_repeats):
        rows = rng.permutation(n)[:n_subset]
        draws, bandwidth_eV = _draw(effective[rows], weight[rows], n, rng)
        smooth = canonical_ensemble(draws, each, temperature_K, n_atoms=n_atoms)
        scale = weight.sum() / weight[rows].sum()
        rough = canonical_ensemble(
            effective[rows], weight[rows] * scale, temperature_K, n_atoms=n_atoms
        )
        lowered = rough.free_energy_eV - smooth.free_energy_eV
        found[:, repeat] = (
            smooth.minus_TS_eV / n_atoms,
            smooth.free_energy_eV / n_atoms,
            bandwidth_eV,
            lowered / (BOLTZMANN_EV_PER_K * temperature_K),
        )
    return Resampling(*found)


def resampled_published(
    energy_eV: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
    n_subset: int,
    n_repeats: int,
    seed: int,
) -> Resampling:
    """Draw n energies from the density of m rows and take the published sums (Fig. 8).

    Args:
        energy_eV: As in published_ensemble, eV per cell, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.
        n_subset: Rows m behind a density, 2 to n.
        n_repeats: Number R of subsets.
        seed: Seed of subsets and draws.

    Raises:
        ThermodynamicsError: The rows of a subset have one energy, or an argument is
            outside its domain.

    Source: Yang et al. 2025, section 3.5; docs/formulation.md#density-resampling.
    """
    energy = finite_vector("energy_eV", energy_eV)
    n = energy.size
    rng = np.random.default_rng(seed)
    found = np.zeros((4, n_repeats))
    for repeat in range(n_repeats):
        subset = energy[rng.permutation(n)[:n_subset]]
        draws, bandwidth_eV = _draw(subset, np.ones_like(subset), n, rng)
        smooth = published_ensemble(draws, temperature_K, n_atoms=n_atoms)
        found[:3, repeat] = (
            smooth.minus_TS_eV_per_atom,
            smooth.G_eV_per_atom,
            bandwidth_eV,
        )
    return Resampling(*found)


def _draw(
    energy_eV: FloatArray, weights: FloatArray, n_draws: int, rng: np.random.Generator
) -> tuple[FloatArray, float]:
    """Return draws from a weighted kernel density and the width of its kernels."""
    if np.ptp(energy_eV) == 0:
        raise ThermodynamicsError(
            f"{energy_eV.size} row(s) of one energy, {energy_eV[0]:g} eV: expected at"
            " least two energies that differ, or a density has no width"
        )
    # From a nearby zero: the covariance is formed of squares of cell energies.
    lowest = float(energy_eV.min())
    kernels = gaussian_kde(energy_eV - lowest, bw_method="scott", weights=weights)
    draws = kernels.resample(n_draws, seed=rng)[0]
    return lowest + draws, float(np.sqrt(kernels.covariance[0, 0]))
