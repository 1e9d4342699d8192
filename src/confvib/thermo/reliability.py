"""Whether a sample is large enough for its temperature."""

from dataclasses import dataclass

import numpy as np

from confvib.thermo.partition import CanonicalEnsemble
from confvib.units import BOLTZMANN_EV_PER_K


@dataclass(frozen=True)
class Freezing:
    """Whether a random sample reaches the energies that carry the weight.

    Attributes:
        width_eV: Standard deviation of a_i over microstates.
        reduced_width: The same in k_B T.
        limit: sqrt(2 ln n) of n rows.
        frozen: Whether the width reaches the limit.
        second_order_log_Z: ln sum w - beta <a> + (beta sigma)^2 / 2, with the energies
            counted from the lowest one: comparable with CanonicalEnsemble.log_Z.
    """

    width_eV: float
    reduced_width: float
    limit: float
    frozen: bool
    second_order_log_Z: float


def freezing(ensemble: CanonicalEnsemble) -> Freezing:
    r"""Apply the extreme-value criterion of a random-energy sample.

    .. math:: \beta \sigma_a < \sqrt{2 \ln n}

    A Gaussian spectrum is weighted around its mean minus beta sigma^2; n random rows
    reach no deeper than sigma sqrt(2 ln n). Beyond that the few lowest rows decide, and
    one that was not sampled would change everything.

    Args:
        ensemble: Of all rows.

    Returns:
        Width, limit, verdict and the second-order estimate of ln Z.

    Source: Derrida, Phys. Rev. B 24, 2613 (1981); docs/formulation.md#reliability.
    """
    kT_eV = BOLTZMANN_EV_PER_K * ensemble.temperature_K
    width_eV = float(np.sqrt(ensemble.uniform_variance_eV2))
    reduced_width = width_eV / kT_eV
    limit = float(np.sqrt(2 * np.log(ensemble.n_configurations)))
    mean = (ensemble.uniform_mean_eV - ensemble.reference_eV) / kT_eV
    return Freezing(
        width_eV=width_eV,
        reduced_width=reduced_width,
        limit=limit,
        frozen=reduced_width >= limit,
        second_order_log_Z=float(np.log(ensemble.n_microstates))
        - mean
        + 0.5 * reduced_width**2,
    )
