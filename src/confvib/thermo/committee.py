"""What a committee of force fields says about the error of an ensemble, per cell."""

from dataclasses import dataclass

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
from confvib.thermo.partition import canonical_ensemble
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class CommitteeEnsembles:
    """The ensemble of every member of a committee and their spread, per cell.

    Attributes:
        free_energy_eV: F of each member, shape ``(M,)``, the driving one first.
        average_eV: <a> of each member, shape ``(M,)``.
        configurational_entropy_eV_per_K: S_conf of each member, shape ``(M,)``.
        free_energy_stderr_eV: Standard error of one member's F.
        average_stderr_eV: Standard error of one member's <a>.
        configurational_entropy_stderr_eV_per_K: Standard error of one member's S_conf.
        offset_eV: Spread of the mean over configurations: what all of them share.
            It is part of the error of F and of <a>, and cancels from S_conf.
        pairs_eV: Spread of the difference of two configurations, root mean square over
            pairs; NaN for a single configuration.
        pairs_over_kT: The same in units of k_B T: what changes Boltzmann weights.
    """

    free_energy_eV: FloatArray
    average_eV: FloatArray
    configurational_entropy_eV_per_K: FloatArray
    free_energy_stderr_eV: float
    average_stderr_eV: float
    configurational_entropy_stderr_eV_per_K: float
    offset_eV: float
    pairs_eV: float
    pairs_over_kT: float

    @property
    def n_members(self) -> int:
        """Number M of members."""
        return self.free_energy_eV.size

    @property
    def relative_uncertainty(self) -> float:
        r"""Standard error of each spread over the spread, 1 / sqrt(2 (M - 1))."""
        return float(1 / np.sqrt(2 * (self.n_members - 1)))


def member_spread(values: ArrayLike) -> float:
    r"""Return the standard error of what one member of a committee gives.

    .. math:: s^2 = \frac{1}{M-1} \sum_m (x_m - \bar x)^2

    The first member drives a campaign and its result is quoted, so this is not divided
    by sqrt(M): that would be the error of the mean over members.

    Args:
        values: A result of each member, shape ``(M,)``, M >= 2.

    Returns:
        The sample standard deviation, in the unit of the values.

    Raises:
        ThermodynamicsError: Fewer than two members, or a value that is not finite.

    Source: docs/formulation.md#committee.
    """
    results = finite_vector("values", values)
    if results.size < 2:
        raise ThermodynamicsError(
            f"a committee of {results.size} has no spread, expected at least 2 members"
        )
    return float(results.std(ddof=1))


def committee_ensembles(
    energies_eV: ArrayLike,
    free_energy_eV: ArrayLike,
    weights: ArrayLike,
    temperature_K: float,
) -> CommitteeEnsembles:
    r"""Reduce the energies that each member gives to all configurations.

    .. math:: a_{im} = a_i + E_{im} - E_{i1}, \qquad
              F_m = -k_B T \ln \sum_i w_i e^{-\beta a_{im}}

    Errors of a force field are correlated between configurations: each member's are kept
    together, and the spread is taken of the results.

    Args:
        energies_eV: E_im of the relaxed cells, eV per cell, shape ``(n, M)``, M >= 2; the
            first member is the one that a_i belongs to.
        free_energy_eV: a_i = E_i, or E_i + F_vib,i, eV per cell, shape ``(n,)``.
        weights: Microstates each row stands for, > 0, shape ``(n,)``.
        temperature_K: Temperature > 0.

    Returns:
        F, <a> and S_conf of each member, their spread, and what of it cancels.

    Raises:
        ThermodynamicsError: Shapes do not fit, a value is not finite, or a weight or the
            temperature is not positive.

    Source: docs/formulation.md#committee.
    """
    energies = np.asarray(energies_eV, dtype=np.float64)
    if energies.ndim != 2 or energies.shape[0] < 1 or energies.shape[1] < 2:
        raise ThermodynamicsError(
            f"energies_eV has shape {energies.shape}, expected (n >= 1, members >= 2)"
        )
    n_rows = energies.shape[0]
    finite_vector("energies_eV", energies.ravel())
    base = matching_vector("free_energy_eV", free_energy_eV, n_rows)
    weight = positive_weights("weights", weights, n_rows)
    temperature_K = positive_scalar("temperature_K", temperature_K)
    # Differences of members are small beside cell energies, so they are formed first.
    shifts = energies - energies[:, :1]
    ensembles = [
        canonical_ensemble(base + shift, weight, temperature_K, n_atoms=1)
        for shift in shifts.T
    ]
    free = np.array([each.free_energy_eV for each in ensembles])
    entropy = np.array([each.configurational_entropy_eV_per_K for each in ensembles])
    average = free + temperature_K * entropy
    pairs_eV = _pair_spread(shifts)
    return CommitteeEnsembles(
        free_energy_eV=free,
        average_eV=average,
        configurational_entropy_eV_per_K=entropy,
        free_energy_stderr_eV=member_spread(free),
        average_stderr_eV=member_spread(average),
        configurational_entropy_stderr_eV_per_K=member_spread(entropy),
        offset_eV=member_spread(shifts.mean(axis=0)),
        pairs_eV=pairs_eV,
        pairs_over_kT=pairs_eV / (BOLTZMANN_EV_PER_K * temperature_K),
    )


def _pair_spread(shifts_eV: FloatArray) -> float:
    """Return the rms over pairs of rows of the spread of their difference.

    The sum over pairs is twice the variance over rows of what each member deviates by.
    """
    n_rows, n_members = shifts_eV.shape
    if n_rows < 2:
        return float("nan")
    deviations = shifts_eV - shifts_eV.mean(axis=1, keepdims=True)
    over_rows = deviations.var(axis=0, ddof=1)
    return float(np.sqrt(2 * over_rows.sum() / (n_members - 1)))
