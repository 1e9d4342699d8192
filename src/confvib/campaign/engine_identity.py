"""The engines of a comparison by name, and the config hashes of its tables."""

from confvib.campaign.config import Campaign
from confvib.campaign.digest import digest, plain
from confvib.campaign.engine_settings import (
    CAMPAIGN_ENGINE,
    Engine,
    EngineComparisonSettings,
    definition,
)
from confvib.campaign.identity import Identities


def engine_named(
    name: str, campaign: Campaign, section: EngineComparisonSettings
) -> Engine:
    """Return the section that describes an engine of the comparison."""
    return campaign.labels if name == CAMPAIGN_ENGINE else section.engines[name]


def engine_energies(
    name: str,
    campaign: Campaign,
    section: EngineComparisonSettings,
    identities: Identities,
) -> str:
    """Return the hash of what one engine computes.

    Another than the first also works at the minima of the first.
    """
    first = section.names[0]
    geometries = [first] if section.relax and name != first else []
    return digest(
        identities.configurations(section.set),
        campaign.crystal.equivalence,
        campaign.seed,
        plain(
            section,
            "engines",
            "campaign_engine",
            "temperature_K",
            "bootstrap_samples",
        ),
        [
            definition(engine_named(each, campaign, section))
            for each in (*geometries, name)
        ],
    )


def engine_tables(
    campaign: Campaign, section: EngineComparisonSettings, identities: Identities
) -> str:
    """Return the hash of the table over all pairs of engines."""
    return digest(
        [
            (name, engine_energies(name, campaign, section, identities))
            for name in section.names
        ],
        section.temperature_K,
        section.bootstrap_samples,
        campaign.seed,
    )
