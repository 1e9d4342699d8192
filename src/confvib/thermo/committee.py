"""What a committee of force fields says about the error of an ensemble, per cell."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray, finite_vector, matching_vector
from confvib.thermo.partition import CanonicalEnsemble, canonical_ensemble
from confvib.thermo.uncertainty import EnsembleErrors
from confvib.thermo.union import merge_ensembles
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class Committee:
    r"""The ensemble of every member over the same rows; two sets of rows merge exactly.

    .. math:: a_{im} = a_i + E_{im} - E_{i1}, \qquad
              F_m = -k_B T \ln \sum_i w_i e^{-\beta a_{im}}

    Errors of a force field are correlated between configurations: each member's are kept
    together, and the spread is taken of the results.

    Attributes:
        ensembles: Of each member, the driving one first, length M >= 2.
        n_rows: Rows n.
        mean_eV: Mean over rows of d_im = E_im less the mean over members, ``(M,)``.
        square_eV2: Sum over rows of the square of what d_im deviates by, ``(M,)``.

    Source: docs/formulation.md#committee.
    """

    ensembles: tuple[CanonicalEnsemble, ...]
    n_rows: int
    mean_eV: FloatArray
    square_eV2: FloatArray

    @classmethod
    def of(
        cls,
        shifts_eV: ArrayLike,
        free_energy_eV: ArrayLike,
        weights: ArrayLike,
        temperature_K: float,
        *,
        n_atoms: int,
    ) -> Self:
        """Reduce the energies that each member gives to some configurations.

        Args:
            shifts_eV: E_im - E_i1 of the relaxed cells, eV per cell, shape ``(n, M)``,
                M >= 2; the first member is the one that a_i belongs to.
            free_energy_eV: a_i = E_i, or E_i + F_vib,i, eV per cell, shape ``(n,)``.
            weights: Microstates each row stands for, > 0, shape ``(n,)``.
            temperature_K: Temperature > 0.
            n_atoms: Atoms per cell.

        Raises:
            ThermodynamicsError: Shapes do not fit, a value is not finite, or a weight or
                the temperature is not positive.
        """
        shifts = np.asarray(shifts_eV, dtype=np.float64)
        if shifts.ndim != 2 or shifts.shape[0] < 1 or shifts.shape[1] < 2:
            raise ThermodynamicsError(
                f"shifts_eV has shape {shifts.shape}, expected (n >= 1, members >= 2)"
            )
        finite_vector("shifts_eV", shifts.ravel())
        base = matching_vector("free_energy_eV", free_energy_eV, len(shifts))
        deviations = shifts - shifts.mean(axis=1, keepdims=True)
        mean = deviations.mean(axis=0)
        return cls(
            ensembles=tuple(
                canonical_ensemble(base + shift, weights, temperature_K, n_atoms=n_atoms)
                for shift in shifts.T
            ),
            n_rows=len(shifts),
            mean_eV=mean,
            square_eV2=np.sum((deviations - mean) ** 2, axis=0),
        )

    def merged(self, other: Self) -> Self:
        """Return the committee over the rows of both."""
        n_rows = self.n_rows + other.n_rows
        apart = other.mean_eV - self.mean_eV
        return type(self)(
            ensembles=tuple(
                merge_ensembles(*pair)
                for pair in zip(self.ensembles, other.ensembles, strict=True)
            ),
            n_rows=n_rows,
            mean_eV=self.mean_eV + other.n_rows / n_rows * apart,
            square_eV2=self.square_eV2
            + other.square_eV2
            + self.n_rows * other.n_rows / n_rows * apart**2,
        )

    def standing_for(self, n_orbits: float) -> Self:
        """Return what the rows say about the set that they were drawn from."""
        factor = n_orbits / self.n_rows
        return replace(
            self, ensembles=tuple(each.standing_for(factor) for each in self.ensembles)
        )

    @property
    def n_members(self) -> int:
        """Number M of members."""
        return len(self.ensembles)

    def spread(self) -> EnsembleErrors:
        """Return the standard error of what the first member gives (member_spread)."""
        entropy = [each.configurational_entropy_eV_per_K for each in self.ensembles]
        average = [each.reference_eV + each.mean_excess_eV for each in self.ensembles]
        return EnsembleErrors(
            free_energy_eV=member_spread([e.free_energy_eV for e in self.ensembles]),
            average_eV=member_spread(average),
            entropy_eV_per_K=member_spread(entropy),
        )

    @property
    def offset_eV(self) -> float:
        """Spread of the mean over configurations: what all of them share.

        It is part of the error of F and of <a>, and cancels from S_conf.
        """
        return member_spread(self.mean_eV)

    @property
    def pairs_over_kT(self) -> float:
        """Spread of the difference of two configurations, rms over pairs, in k_B T.

        This is what changes Boltzmann weights; NaN for a single configuration.
        """
        if self.n_rows < 2:
            return float("nan")
        # The sum over pairs is twice the variance over rows of what each member deviates.
        over_rows = self.square_eV2 / (self.n_rows - 1)
        pairs_eV = np.sqrt(2 * over_rows.sum() / (self.n_members - 1))
        return float(pairs_eV) / (BOLTZMANN_EV_PER_K * self.ensembles[0].temperature_K)


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
