"""What the sampling target tests, and the config hash of its tables."""

from typing import Any

from confvib.campaign.config import Campaign
from confvib.campaign.identity import Identities, digest, plain
from confvib.campaign.sampling_settings import SamplingSettings


def sampling_sets(campaign: Campaign, section: SamplingSettings) -> list[str]:
    """Return the sets that are tested."""
    return list(section.sets or campaign.sets)


def sampling_settings(campaign: Campaign, section: SamplingSettings) -> dict[str, Any]:
    """Return what a test of one set depends on, with the temperatures of each level."""
    return plain(section, "sets", "temperatures_K") | {
        "temperatures_K": {
            level: section.temperatures_of(level, campaign.reduced_temperatures_K)
            for level in section.levels
        }
    }


def sampling_tables(
    set_name: str, campaign: Campaign, section: SamplingSettings, identities: Identities
) -> str:
    """Return the hash of the tables of one set."""
    return digest(
        identities.thermodynamics(set_name),
        sampling_settings(campaign, section),
        campaign.seed,
    )
