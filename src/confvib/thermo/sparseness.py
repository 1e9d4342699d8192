"""Whether a set of configurations has enough rows for its temperature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.random_order import RandomOrders
from confvib.thermo.sampling import boltzmann_probabilities, n_covering
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class Sparseness:
    """What the weights and random halves of a set say about it.

    Attributes:
        n_rows: Rows.
        p_max: Largest probability of a row.
        n99: Fewest rows that carry 99 % of the weight.
        ess: Effective number of rows.
        F_half_p05_kT: 5 % quantile of F of a random half minus F of all, in k_B T per
            cell, each row of the half standing for n / m rows.
        F_half_p95_kT: Likewise the 95 % quantile.
        S_half_p05_kB: 5 % quantile of S_conf of a random half minus that of all, k_B per
            cell.
        S_half_p95_kB: Likewise the 95 % quantile.
        one_row_decides: Does one row carry more than the share allowed.
        halves_differ: Does one of these quantiles exceed the tolerance.
    """

    n_rows: int
    p_max: float
    n99: int
    ess: float
    F_half_p05_kT: float
    F_half_p95_kT: float
    S_half_p05_kB: float
    S_half_p95_kB: float
    one_row_decides: bool
    halves_differ: bool

    @property
    def sparse(self) -> bool:
        """Is the set too sparse for its temperature."""
        return self.one_row_decides or self.halves_differ


def sparseness(
    effective_eV: ArrayLike,
    weights: ArrayLike,
    temperature_K: float,
    *,
    n_atoms: int,
    halves: RandomOrders,
    max_share: float,
    tolerance_kT: float,
) -> Sparseness:
    r"""Judge a set by its heaviest row and by what a random half of it would have given.

    Halves drawn without replacement scatter by :math:`\sigma^2 (1 - \frac12)/\frac n2 =
    \sigma^2/n`, which is the sampling error of all n rows as a draw from a set that is
    much larger.

    Args:
        effective_eV: a_i, eV per cell, shape ``(n,)``, n >= 2.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.
        halves: horvitz_thompson of canonical_orders of these rows; the size n // 2 is
            one of theirs.
        max_share: Largest probability that one row may have.
        tolerance_kT: Largest error of F (k_B T) and S_conf (k_B) of a half, per cell.

    Raises:
        ThermodynamicsError: Lengths differ, a value is not finite or not positive.

    Source: docs/formulation.md#random-order.
    """
    whole = canonical_ensemble(effective_eV, weights, temperature_K, n_atoms=n_atoms)
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    minus_TS, G = halves.at(whole.n_configurations // 2)
    F_error = (G * n_atoms - whole.free_energy_eV) / kT_eV
    S_error = (whole.minus_TS_eV - minus_TS * n_atoms) / kT_eV
    quantiles = [
        float(value)
        for error in (F_error, S_error)
        for value in np.quantile(error, [0.05, 0.95])
    ]
    return Sparseness(
        whole.n_configurations,
        whole.p_max,
        n_covering(boltzmann_probabilities(effective_eV, weights, temperature_K)),
        whole.ess,
        *quantiles,
        one_row_decides=whole.p_max > max_share,
        halves_differ=max(map(abs, quantiles)) > tolerance_kT,
    )
