"""The union of two ensembles: chunks of one set, or sets of other occupation ratios."""

import numpy as np

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray
from confvib.thermo.partition import CanonicalEnsemble
from confvib.units import BOLTZMANN_EV_PER_K


def merge_ensembles(
    first: CanonicalEnsemble, second: CanonicalEnsemble
) -> CanonicalEnsemble:
    """Join the ensembles of two disjoint sets into the ensemble of their union.

    Args:
        first: One set.
        second: Another set at the same temperature, in the same cell; its rows follow.

    Returns:
        What canonical_ensemble gives for all rows together, eV per cell.

    Raises:
        ThermodynamicsError: Temperatures or cells differ.

    Source: docs/formulation.md#canonical.
    """
    if (first.temperature_K, first.n_atoms) != (second.temperature_K, second.n_atoms):
        raise ThermodynamicsError(
            f"cannot merge {first.n_atoms} atoms at {first.temperature_K} K with"
            f" {second.n_atoms} atoms at {second.temperature_K} K, expected equal ones"
        )
    kT_eV = BOLTZMANN_EV_PER_K * first.temperature_K
    pair = (first, second)
    reference = min(e.reference_eV for e in pair)
    log_parts = np.array([e.log_Z - (e.reference_eV - reference) / kT_eV for e in pair])
    log_Z = float(np.logaddexp.reduce(log_parts))
    share = np.exp(log_parts - log_Z)
    microstates = np.array([e.n_microstates for e in pair])

    def mean(values: list[float]) -> float:
        return float(share @ values)

    internal_eV, internal_variance_eV2 = _pooled(
        share,
        [e.internal_energy_eV for e in pair],
        [e.internal_variance_eV2 for e in pair],
    )
    uniform_eV, uniform_variance_eV2 = _pooled(
        microstates / microstates.sum(),
        [e.uniform_mean_eV for e in pair],
        [e.uniform_variance_eV2 for e in pair],
    )
    static = np.array([e.static_free_energy_eV for e in pair])
    uniform_vibrational = microstates @ [e.uniform_vibrational_eV for e in pair]
    return CanonicalEnsemble(
        temperature_K=first.temperature_K,
        n_atoms=first.n_atoms,
        n_configurations=sum(e.n_configurations for e in pair),
        n_microstates=float(microstates.sum()),
        reference_eV=reference,
        log_Z=log_Z,
        mean_excess_eV=mean(
            [e.mean_excess_eV + e.reference_eV - reference for e in pair]
        ),
        internal_energy_eV=internal_eV,
        internal_variance_eV2=internal_variance_eV2,
        vibrational_entropy_eV_per_K=mean([e.vibrational_entropy_eV_per_K for e in pair]),
        vibrational_heat_capacity_eV_per_K=mean(
            [e.vibrational_heat_capacity_eV_per_K for e in pair]
        ),
        static_free_energy_eV=-kT_eV * float(np.logaddexp.reduce(-static / kT_eV)),
        uniform_vibrational_eV=float(uniform_vibrational / microstates.sum()),
        uniform_mean_eV=uniform_eV,
        uniform_variance_eV2=uniform_variance_eV2,
        sum_p_squared=float(share**2 @ [e.sum_p_squared for e in pair]),
        p_max=float(np.max(share * [e.p_max for e in pair])),
    )


def _pooled(
    share: FloatArray, means: list[float], variances: list[float]
) -> tuple[float, float]:
    """Return mean and variance of a mixture of two populations."""
    from_first = np.array(means) - means[0]
    mean = float(share @ from_first)
    return means[0] + mean, float(share @ (variances + (from_first - mean) ** 2))
