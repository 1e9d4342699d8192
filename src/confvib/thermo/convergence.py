"""Entropic free energy as configurations are added in order of energy (Figs. 5, 7, 8)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confvib.thermo.checks import (
    FloatArray,
    finite_vector,
    positive_scalar,
    positive_weights,
)
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class Convergence:
    """Running sums over the lowest 1, 2, ..., n configurations.

    Attributes:
        order: Rows in order of increasing energy, shape ``(n,)``.
        energy_eV: Energies a_i in that order, eV per cell, shape ``(n,)``.
        minus_TS_conf_eV_per_atom: -T S_conf of the lowest k rows, shape ``(n,)``.
        G_eV_per_atom: Free energy of the lowest k rows, shape ``(n,)``.
    """

    order: NDArray[np.intp]
    energy_eV: FloatArray
    minus_TS_conf_eV_per_atom: FloatArray
    G_eV_per_atom: FloatArray


def canonical_convergence(
    effective_eV: ArrayLike,
    weights: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
) -> Convergence:
    r"""Follow -T S_conf and F of the canonical ensemble from the lowest row upwards.

    .. math:: F_k = -k_B T \ln \sum_{i \le k} g_i e^{-\beta a_i}, \quad
              -T S_k = F_k - \langle a \rangle_k

    Args:
        effective_eV: a_i = E_i or A_i(T), eV per cell, shape ``(n,)``.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.

    Returns:
        Curves per atom; the last point is the whole ensemble.

    Raises:
        ThermodynamicsError: Lengths differ, a value is not finite or not positive.

    Source: docs/formulation.md#convergence.
    """
    effective = finite_vector("effective_eV", effective_eV)
    weight = positive_weights("weights", weights, effective.size)
    n_atoms_checked = positive_scalar("n_atoms", n_atoms)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    order = np.argsort(effective, kind="stable")
    energy = effective[order]
    log_Z, mean_excess = _running(energy - energy[0], weight[order], kT_eV)
    minus_TS = -kT_eV * log_Z - mean_excess
    return Convergence(
        order=order,
        energy_eV=energy,
        minus_TS_conf_eV_per_atom=minus_TS / n_atoms_checked,
        G_eV_per_atom=(energy[0] - kT_eV * log_Z) / n_atoms_checked,
    )


def published_convergence(
    energy_eV: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
    n_rows: ArrayLike | None = None,
) -> Convergence:
    r"""Follow -k_B T ln Z and <h> - k_B T ln Z of the published sums.

    Args:
        energy_eV: H_i or published F_vib,i, eV per cell, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.
        n_rows: Configurations of each energy, shape ``(n,)``; None for one each.

    Returns:
        Curves per atom; the last point is published_ensemble of all rows.

    Raises:
        ThermodynamicsError: A value is not finite or not positive.

    Source: Yang et al. 2025, dashed lines of Figs. 5, 7 and 8;
    docs/formulation.md#convergence.
    """
    energy = finite_vector("energy_eV", energy_eV)
    per_atom = energy / positive_scalar("n_atoms", n_atoms)
    kT_eV = BOLTZMANN_EV_PER_K * positive_scalar("temperature_K", temperature_K)
    order = np.argsort(per_atom, kind="stable")
    ordered = per_atom[order]
    counted = (
        np.ones_like(energy)
        if n_rows is None
        else positive_weights("n_rows", n_rows, energy.size)
    )
    log_Z, mean_excess = _running(ordered - ordered[0], counted[order], kT_eV)
    minus_TS = -kT_eV * log_Z
    return Convergence(
        order=order,
        energy_eV=energy[order],
        minus_TS_conf_eV_per_atom=minus_TS,
        G_eV_per_atom=ordered[0] + mean_excess + minus_TS,
    )


def _running(
    excess_eV: FloatArray, weight: FloatArray, kT_eV: float
) -> tuple[FloatArray, FloatArray]:
    # The first row is the lowest, so every partial sum contains its own reference.
    factors = weight * np.exp(-excess_eV / kT_eV)
    total = np.cumsum(factors)
    return np.log(total), np.cumsum(factors * excess_eV) / total
