"""Hyperparameters of the surrogate by marginal likelihood, and rows worth computing."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from confvib.thermo.checks import FloatArray
from confvib.thermo.surrogate import Hyperparameters, Surrogate
from confvib.thermo.surrogate_features import Features

_STARTS = ((-0.7, 1.0), (-2.0, 2.0), (-0.1, 0.5))
"""ln of the scatter, in units of the spread of the values, and the decay."""

_PRIOR_WIDTH = 1.5
"""Of ln s, ln s_0 and the decay: a factor of four either way, see docs/surrogate.md."""


def fit_surrogate(
    features: Features,
    rows: ArrayLike,
    target_eV: ArrayLike,
    *,
    noise_eV: ArrayLike | None = None,
) -> Surrogate:
    """Fit the hyperparameters to the computed rows, then condition on them.

    The log marginal likelihood gets a weak Gaussian prior of ln(signal), ln(scatter) and
    the decay, without which a dozen rows and a hundred features end in an interpolation
    that claims to be exact.

    Args:
        features: Of all rows.
        rows: Computed rows, each once, shape ``(t,)``, t >= 4.
        target_eV: Their values, shape ``(t,)``.
        noise_eV: Standard errors of the values, or None for none.

    Returns:
        The posterior at the best hyperparameters of several starts.

    Raises:
        ThermodynamicsError: As Surrogate.condition.

    Source: MacKay, Neural Comput. 4, 415 (1992); docs/surrogate.md.
    """
    target = np.asarray(target_eV, dtype=np.float64)
    unit = float(np.std(target)) or 1.0

    def model(point: FloatArray) -> Surrogate:
        # The signal is that of all features together, at whatever decay.
        fall = features.diameters ** (-2 * point[2])
        settings = Hyperparameters(
            signal_eV=unit * float(np.exp(point[0]) / np.sqrt(fall.sum())),
            scatter_eV=unit * float(np.exp(point[1])),
            decay=float(point[2]),
        )
        return Surrogate.condition(features, rows, target, settings, noise_eV=noise_eV)

    centre = np.array([0.0, -1.0, 1.0])

    def objective(point: FloatArray) -> float:
        penalty = 0.5 * float(np.sum(((point - centre) / _PRIOR_WIDTH) ** 2))
        return penalty - model(point).log_evidence

    best = min(
        (
            minimize(
                objective,
                np.array([0.0, scatter, decay]),
                method="L-BFGS-B",
                bounds=[(-4, 4), (-6, 2), (0, 6)],
            )
            for scatter, decay in _STARTS
        ),
        key=lambda found: float(found.fun),
    )
    return model(best.x)


def greedy_rows(
    surrogate: Surrogate, n_new: int, *, importance: FloatArray | None = None
) -> np.ndarray:
    r"""Choose the rows whose values would say most, one after the other.

    Each time the row of the largest :math:`q_i^2 \sigma_i^2` is taken and the posterior
    variance of all others is brought up to date; that takes no energy.

    Args:
        surrogate: The posterior so far.
        n_new: Rows to choose, all others at most.
        importance: Factors :math:`q_i`, such as the Boltzmann weights, since
            :math:`\partial F / \partial a_i = p_i`; None for the variance alone.

    Returns:
        Rows that were not computed before, in the order of choice.
    """
    everything = np.column_stack(
        [np.ones(len(surrogate.features.values)), surrogate.features.values]
    )
    own = surrogate.hyperparameters.scatter_eV**2
    spread = solve_triangular(surrogate.factor, everything.T, lower=True)  # (K + 1, n)
    from_model = np.sum(spread**2, axis=0)
    factor = np.ones(len(everything)) if importance is None else importance**2
    open_rows = np.ones(len(everything), dtype=bool)
    open_rows[surrogate.rows] = False
    chosen: list[int] = []
    for _ in range(min(n_new, int(open_rows.sum()))):
        gain = np.where(open_rows, factor * (from_model + own), -np.inf)
        row = int(np.argmax(gain))
        chosen.append(row)
        open_rows[row] = False
        column = spread[:, row].copy()
        overlap = column @ spread
        total = from_model[row] + own
        # Sherman-Morrison for the whitened features: spread' spread' loses a rank.
        shrink = (1 - np.sqrt(own / total)) / max(from_model[row], 1e-300)
        spread -= np.outer(column, shrink * overlap)
        from_model -= overlap**2 / total
    return np.array(chosen, dtype=np.intp)
