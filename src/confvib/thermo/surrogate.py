"""Bayesian cluster expansion: energies of configurations that were not computed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_solve, solve_triangular

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray, finite_vector, matching_vector
from confvib.thermo.surrogate_features import Features

_FEWEST_ROWS = 4
"""Two hyperparameters and a mean want at least one row more."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the marginal likelihood decides.

    Attributes:
        signal_eV: Standard deviation that one feature of unit variance may contribute.
        scatter_eV: Standard deviation of what the features cannot say about a row.
        decay: Exponent of the fall of a feature's prior with its diameter.
    """

    signal_eV: float
    scatter_eV: float
    decay: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """Whether predictions are as wrong as they say.

    Attributes:
        rmse_eV: Root-mean-square residual.
        within_1_sigma: Share of residuals below one standard deviation; 0.683 expected.
        within_2_sigma: Likewise below two; 0.954 expected.
        mean_squared_z: Mean of (residual / sigma)^2; 1 expected.
    """

    rmse_eV: float
    within_1_sigma: float
    within_2_sigma: float
    mean_squared_z: float


@dataclass(frozen=True, eq=False)
class Surrogate:
    r"""A linear model of energies with a Gaussian prior, fitted to the computed rows.

    .. math:: a_i = m + \sum_k x_{ik} w_k + \varepsilon_i, \quad
              w_k \sim N(0, s^2 d_k^{-2\gamma}), \quad \varepsilon_i \sim N(0, s_0^2)

    with a flat prior of the mean m. The scatter :math:`\varepsilon_i` is a property of
    the configuration, so that a computed row keeps its value; the noise of a computed
    value is not, so that a noisy row is drawn towards the regression.

    Attributes:
        features: Of all rows.
        rows: Computed rows, shape ``(t,)``.
        target_eV: Their values, shape ``(t,)``.
        noise_eV: Standard errors of these values, shape ``(t,)``.
        hyperparameters: As fitted or given.
        log_evidence: Log marginal likelihood, the mean integrated out.
        coefficients: Posterior mean of (m, w), shape ``(K + 1,)``.
        factor: Lower Cholesky factor of the posterior precision, ``(K + 1, K + 1)``.
    """

    features: Features
    rows: np.ndarray
    target_eV: FloatArray
    noise_eV: FloatArray
    hyperparameters: Hyperparameters
    log_evidence: float
    coefficients: FloatArray
    factor: FloatArray

    @classmethod
    def condition(
        cls,
        features: Features,
        rows: ArrayLike,
        target_eV: ArrayLike,
        hyperparameters: Hyperparameters,
        *,
        noise_eV: ArrayLike | None = None,
    ) -> "Surrogate":
        """Condition the model on the computed rows, with hyperparameters given.

        Args:
            features: Of all rows.
            rows: Computed rows, each once, shape ``(t,)``, t >= 4.
            target_eV: Their values, shape ``(t,)``.
            hyperparameters: All > 0 but the decay, which is >= 0.
            noise_eV: Standard errors of the values, or None for none.

        Returns:
            The posterior.

        Raises:
            ThermodynamicsError: Too few rows, a value that is not finite, values that
                are all the same, or a negative standard error.

        Source: Mueller and Ceder, Phys. Rev. B 80, 024103 (2009); MacKay, Neural Comput.
        4, 415 (1992); docs/surrogate.md.
        """
        index, target, noise = _checked(rows, target_eV, noise_eV)
        prior = prior_variance(features, hyperparameters)
        variance = hyperparameters.scatter_eV**2 + noise**2
        design = _design(features, index)
        zero = target.mean()  # cell energies are large, their differences small
        precision = (design.T / variance) @ design
        precision[1:, 1:] += np.diag(1 / prior)
        factor = np.asarray(np.linalg.cholesky(precision), dtype=np.float64)
        coefficients = cho_solve((factor, True), design.T @ ((target - zero) / variance))
        residual = target - zero - design @ coefficients
        misfit = np.sum(residual**2 / variance) + np.sum(coefficients[1:] ** 2 / prior)
        log_evidence = -0.5 * (
            misfit
            + np.log(variance).sum()
            + np.log(prior).sum()
            + 2 * np.log(np.diag(factor)).sum()
            + (len(index) - 1) * np.log(2 * np.pi)
        )
        coefficients[0] += zero
        return cls(
            features,
            index,
            target,
            noise,
            hyperparameters,
            float(log_evidence),
            coefficients,
            factor,
        )

    def predict(self) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the true value of every row, ``(n,)``."""
        everything = _design(self.features)
        mean = everything @ self.coefficients
        spread = solve_triangular(self.factor, everything.T, lower=True)
        variance = np.sum(spread**2, axis=0) + self.hyperparameters.scatter_eV**2
        kept = self._kept()
        residual = self.target_eV - mean[self.rows]
        from_model = variance[self.rows] - self.hyperparameters.scatter_eV**2
        mean[self.rows] += kept * residual
        variance[self.rows] = (1 - kept) ** 2 * from_model + kept * self.noise_eV**2
        return mean, np.sqrt(variance)

    def draw(self, n_draws: int, rng: np.random.Generator) -> FloatArray:
        """Draw the true values of all rows from their joint posterior.

        Rows share the uncertainty of the coefficients, which does not average out.

        Args:
            n_draws: Number of draws D.
            rng: Source of random numbers.

        Returns:
            Values, eV per cell, shape ``(D, n)``.
        """
        n_rows, n_coefficients = len(self.features.values), len(self.coefficients)
        shared = solve_triangular(
            self.factor.T, rng.standard_normal((n_coefficients, n_draws)), lower=False
        )
        model = (_design(self.features) @ (self.coefficients[:, None] + shared)).T
        own = self.hyperparameters.scatter_eV * rng.standard_normal((n_draws, n_rows))
        values = model + own
        kept = self._kept()
        left = self.noise_eV * np.sqrt(kept)
        values[:, self.rows] = (
            model[:, self.rows]
            + kept * (self.target_eV - model[:, self.rows])
            + left * rng.standard_normal((n_draws, len(self.rows)))
        )
        return values

    def leave_one_out(self) -> tuple[FloatArray, FloatArray]:
        r"""Predict each computed value from the others, hyperparameters kept.

        .. math:: y_i - \hat y_{-i} = \frac{r_i}{1 - h_i}, \quad
                  \sigma_{-i}^2 = \frac{s_0^2 + \sigma_i^2}{1 - h_i}

        Returns:
            Residuals and their standard deviations, noise included, ``(t,)``.

        Source: Dubrule, Math. Geol. 15, 687 (1983); docs/surrogate.md.
        """
        design = _design(self.features, self.rows)
        variance = self.hyperparameters.scatter_eV**2 + self.noise_eV**2
        spread = solve_triangular(self.factor, design.T, lower=True)
        free = 1 - np.sum(spread**2, axis=0) / variance
        residual = self.target_eV - design @ self.coefficients
        return residual / free, np.sqrt(variance / free)

    def _kept(self) -> FloatArray:
        """Return the share of a computed row's residual that is its own, ``(t,)``."""
        own = self.hyperparameters.scatter_eV**2
        return own / (own + self.noise_eV**2)


def prior_variance(features: Features, hyperparameters: Hyperparameters) -> FloatArray:
    """Return the prior variance of each coefficient, eV^2, shape ``(K,)``."""
    fall = features.diameters ** (-2 * hyperparameters.decay)
    return hyperparameters.signal_eV**2 * fall


def calibration(residual_eV: ArrayLike, sigma_eV: ArrayLike) -> Calibration:
    """Compare residuals with the standard deviations that were predicted for them.

    Args:
        residual_eV: Value minus prediction, shape ``(n,)``.
        sigma_eV: Standard deviations > 0, that of a noisy value included, ``(n,)``.

    Raises:
        ThermodynamicsError: Lengths differ, or a standard deviation is not positive.
    """
    residual = finite_vector("residual_eV", residual_eV)
    sigma = matching_vector("sigma_eV", sigma_eV, residual.size)
    if sigma.min() <= 0:
        raise ThermodynamicsError(f"sigma_eV: found {sigma.min()}, expected > 0")
    z = np.abs(residual / sigma)
    return Calibration(
        rmse_eV=float(np.sqrt(np.mean(residual**2))),
        within_1_sigma=float(np.mean(z < 1)),
        within_2_sigma=float(np.mean(z < 2)),
        mean_squared_z=float(np.mean(z**2)),
    )


def _design(features: Features, rows: np.ndarray | None = None) -> FloatArray:
    """Return the features with the column of the mean in front."""
    values = features.values if rows is None else features.values[rows]
    return np.column_stack([np.ones(len(values)), values])


def _checked(
    rows: ArrayLike, target_eV: ArrayLike, noise_eV: ArrayLike | None
) -> tuple[np.ndarray, FloatArray, FloatArray]:
    index = np.asarray(rows, dtype=np.intp)
    target = matching_vector("target_eV", target_eV, index.size)
    if index.size < _FEWEST_ROWS:
        raise ThermodynamicsError(
            f"{index.size} computed row(s) cannot carry a regression, expected at least "
            f"{_FEWEST_ROWS}"
        )
    if np.ptp(target) == 0:
        raise ThermodynamicsError(
            f"all {index.size} computed values are {target[0]} eV; expected energies "
            "that differ"
        )
    noise = (
        np.zeros_like(target)
        if noise_eV is None
        else matching_vector("noise_eV", noise_eV, index.size)
    )
    if noise.min() < 0:
        raise ThermodynamicsError(f"noise_eV: found {noise.min()}, expected >= 0")
    return index, target, noise
