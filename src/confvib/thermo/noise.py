"""What independent errors of the configurations' free energies do to an ensemble."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray, finite_vector, matching_vector
from confvib.thermo.partition import CanonicalEnsemble
from confvib.thermo.sampling import boltzmann_probabilities
from confvib.thermo.uncertainty import EnsembleErrors
from confvib.units import BOLTZMANN_EV_PER_K

GATE = 0.5
"""Largest standard error of A_i that may enter a Boltzmann factor, in k_B T per cell."""


@dataclass(frozen=True)
class Noise:
    r"""Sums over the rows of one ensemble; those of two sets merge exactly.

    Attributes:
        ensemble: The ensemble of the same rows.
        n_refused: Rows whose error exceeds the gate.
        sum_sigma_squared_eV2: Sum of sigma_i^2.
        moments: Sums of p_i^2 sigma_i^2 times 1, x_i and x_i^2, with x_i = a_i minus the
            reference of the ensemble.
        damping: Sum of p_i exp[-(beta sigma_i)^2 / 2], as a logarithm.
    """

    ensemble: CanonicalEnsemble
    n_refused: int
    sum_sigma_squared_eV2: float
    moments: tuple[float, float, float]
    damping: float

    @classmethod
    def of(
        cls,
        ensemble: CanonicalEnsemble,
        effective_eV: FloatArray,
        weights: FloatArray,
        sigma_F_eV: ArrayLike,
    ) -> Self:
        """Sum over the rows of an ensemble.

        Args:
            ensemble: canonical_ensemble of these rows.
            effective_eV: A_i, eV per cell, shape ``(n,)``.
            weights: Microstates each row stands for, shape ``(n,)``.
            sigma_F_eV: Standard errors of A_i, eV per cell, >= 0, shape ``(n,)``.

        Raises:
            ThermodynamicsError: Lengths differ, or a standard error is negative.
        """
        effective = finite_vector("effective_eV", effective_eV)
        sigma = matching_vector("sigma_F_eV", sigma_F_eV, effective.size)
        if sigma.min() < 0:
            raise ThermodynamicsError(f"sigma_F_eV: found {sigma.min()}, expected >= 0")
        kT_eV = BOLTZMANN_EV_PER_K * ensemble.temperature_K
        p = boltzmann_probabilities(effective, weights, ensemble.temperature_K)
        excess = effective - ensemble.reference_eV
        squared = (p * sigma) ** 2
        exponent = -0.5 * (sigma / kT_eV) ** 2
        top = float(exponent.max())
        return cls(
            ensemble=ensemble,
            n_refused=int(np.sum(sigma > GATE * kT_eV)),
            sum_sigma_squared_eV2=float(sigma @ sigma),
            moments=(
                float(squared.sum()),
                float(squared @ excess),
                float(squared @ excess**2),
            ),
            damping=top + float(np.log(p @ np.exp(exponent - top))),
        )

    def merged(self, other: Self, union: CanonicalEnsemble) -> Self:
        """Return the sums over the rows of two ensembles.

        Args:
            other: Of another set.
            union: The two ensembles merged.
        """
        kT_eV = BOLTZMANN_EV_PER_K * union.temperature_K
        moments = np.zeros(3)
        damping = -np.inf
        for part in (self, other):
            shift = part.ensemble.reference_eV - union.reference_eV
            log_share = part.ensemble.log_Z - shift / kT_eV - union.log_Z
            zeroth, first, second = part.moments
            moved = (
                zeroth,
                first + shift * zeroth,
                second + 2 * shift * first + shift**2 * zeroth,
            )
            moments += np.exp(2 * log_share) * np.array(moved)
            damping = np.logaddexp(damping, log_share + part.damping)
        zeroth, first, second = moments.tolist()
        return type(self)(
            ensemble=union,
            n_refused=self.n_refused + other.n_refused,
            sum_sigma_squared_eV2=self.sum_sigma_squared_eV2
            + other.sum_sigma_squared_eV2,
            moments=(zeroth, first, second),
            damping=float(damping),
        )

    @property
    def passed(self) -> bool:
        """Whether every row may be Boltzmann weighted."""
        return self.n_refused == 0

    @property
    def rms_over_kT(self) -> float:
        """Root mean square of the standard errors in k_B T."""
        mean = self.sum_sigma_squared_eV2 / self.ensemble.n_configurations
        return float(np.sqrt(mean)) / (BOLTZMANN_EV_PER_K * self.ensemble.temperature_K)

    @property
    def bias_log_Z(self) -> float:
        r"""How much independent noise of A_i has raised ln Z.

        .. math:: \Delta \ln Z = -\ln \sum_i p_i e^{-(\beta\sigma_i)^2/2}
                  \;\to\; (\beta\sigma)^2/2 \;\text{for equal}\; \sigma_i

        because Gaussian noise multiplies the expectation of each Boltzmann factor by
        exp[(beta sigma_i)^2 / 2]. Subtract it from ln Z, add k_B T times it to F.

        Source: docs/formulation.md#reliability.
        """
        return -self.damping

    def errors(self) -> EnsembleErrors:
        r"""Propagate the errors of the rows, first order.

        .. math:: \frac{\partial F}{\partial A_i} = p_i, \quad
                  \frac{\partial \langle A\rangle}{\partial A_i}
                  = p_i [1 - \beta (A_i - \langle A\rangle)], \quad
                  \frac{\partial S_{conf}}{\partial A_i}
                  = -\frac{p_i (A_i - \langle A\rangle)}{k_B T^2}

        Returns:
            Standard errors per cell.

        Source: docs/formulation.md#errors.
        """
        temperature_K = self.ensemble.temperature_K
        kT_eV = BOLTZMANN_EV_PER_K * temperature_K
        mean = self.ensemble.mean_excess_eV
        zeroth, first, second = self.moments
        # Moments about <A>; rounding may leave a vanishing square below zero.
        linear = first - mean * zeroth
        square = max(second - 2 * mean * first + mean**2 * zeroth, 0.0)
        average = max(zeroth - 2 * linear / kT_eV + square / kT_eV**2, 0.0)
        return EnsembleErrors(
            free_energy_eV=float(np.sqrt(zeroth)),
            average_eV=float(np.sqrt(average)),
            entropy_eV_per_K=float(np.sqrt(square)) / (kT_eV * temperature_K),
        )
