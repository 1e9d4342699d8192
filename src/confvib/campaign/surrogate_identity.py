"""Config hashes of the surrogate's tables."""

from collections.abc import Mapping, Sequence

from confvib.campaign.config import Campaign
from confvib.campaign.digest import digest, plain
from confvib.campaign.identity import Identities
from confvib.campaign.surrogate_settings import SurrogateSettings

_TEST_ONLY = ("fractions", "repeats", "batches")
"""Keys that change no prediction."""


def surrogate_kinds(section: SurrogateSettings) -> list[str]:
    """Return the kinds of tables that the levels of the surrogate read."""
    needs = {
        "conf": [],
        "conf+harmonic": ["harmonic"],
        "conf+md": ["harmonic", "dynamics"],
    }
    wanted = {kind for level in section.levels for kind in needs[level]}
    return [
        kind
        for kind in ("configurations", "relaxed", "harmonic", "dynamics")
        if kind in wanted or kind in ("configurations", "relaxed")
    ]


def surrogate_inputs(
    section: SurrogateSettings, identities: Identities
) -> Mapping[str, Sequence[str]]:
    """Return the hashes of all tables that the surrogate reads, none for those it skips.

    The order is that of a reduction.
    """
    found = identities.reduction_inputs(section.set)
    kinds = surrogate_kinds(section)
    return {kind: hashes if kind in kinds else [] for kind, hashes in found.items()}


def surrogate_predictions(
    campaign: Campaign, section: SurrogateSettings, identities: Identities
) -> str:
    """Return the hash of the predictions and their ensembles."""
    return digest(
        surrogate_inputs(section, identities),
        plain(section, *_TEST_ONLY),
        [campaign.crystal.equivalence, campaign.seed],
        campaign.thermodynamics.bootstrap_samples,
    )


def surrogate_validation(
    campaign: Campaign, section: SurrogateSettings, identities: Identities
) -> str:
    """Return the hash of the test on the computed rows."""
    return digest(
        surrogate_inputs(section, identities),
        plain(section),
        [campaign.crystal.equivalence, campaign.seed],
    )
