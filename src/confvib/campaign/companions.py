"""Companions of a campaign: the same workflow once more under an overlaid configuration.

Another phase is one, and so is the campaign on the reference itself (section ``exact``).
A companion's results go to ``results/<campaign>/<companion>``; its rules are those of the
workflow, with its name in front.
"""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from confvib.campaign.config import Campaign, load_campaign
from confvib.campaign.identity import Identities
from confvib.campaign.phase_identity import Phase, check_comparable
from confvib.campaign.phase_settings import PhaseSettings
from confvib.campaign.variants import POTENTIALS
from confvib.errors import ConfigError

EXACT = "exact"
"""Section and name of the companion on the reference itself."""

_INHERITED = [
    name
    for name, field in Campaign.model_fields.items()
    if field.is_required() and name != "campaign"
]
"""Sections that a companion takes from its campaign; targets beside it are not its."""

_NOT_OVERLAID = ("campaign", "phases", EXACT, "models")


def companions(
    raw: Mapping[str, Any], campaign: Campaign, identities: Identities, root: Path
) -> dict[str, dict[str, Any]]:
    """Return the whole configuration of each companion by its name.

    Args:
        raw: The merged YAML of the campaign, nulls included.
        campaign: What ``load_campaign`` made of it.
        identities: Its hashes, for the force fields that a companion shares.
        root: Folder that relative paths start from.

    Raises:
        ConfigError: An overlay makes no valid campaign; names the path within it.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, settings in campaign.phases.items():
        overlay = {
            key: value
            for key, value in raw["phases"][name].items()
            if key not in PhaseSettings.model_fields
        }
        config = _overlaid(raw, campaign, name, overlay, f"phases.{name}.")
        if settings.force_field == "shared":
            config["models"] = _models(campaign, identities)
        phase = load_campaign(config, root, f"phases.{name}.")
        check_comparable(campaign, phase, f"phases.{name}.")
        found[name] = config
    if campaign.exact is not None:
        config = _overlaid(raw, campaign, EXACT, raw[EXACT], f"{EXACT}.")
        # Where a stage is not on the reference, it is on the very same force field.
        config["models"] = _models(campaign, identities)
        load_campaign(config, root, f"{EXACT}.")
        found[EXACT] = config
    return found


def phases_of(
    campaign: Campaign, configurations: Mapping[str, Any], root: Path
) -> dict[str, Phase]:
    """Return the phases of a campaign, from the configurations of its companions."""
    loaded = {name: load_campaign(configurations[name], root) for name in campaign.phases}
    return {name: Phase(each, Identities(each, root)) for name, each in loaded.items()}


def is_companion(campaign: Campaign) -> bool:
    """Whether a campaign is another's companion."""
    return "/" in campaign.campaign


def trained_for(campaign: Campaign) -> list[str]:
    """Return the force fields that a complete campaign trains and judges.

    A companion trains none that drives no stage of it or that it shares.
    """
    if not is_companion(campaign):
        return list(POTENTIALS)
    stages = (campaign.relaxation, campaign.harmonic, campaign.dynamics)
    drive = {stage.potential for stage in stages}
    return [name for name in POTENTIALS if name in drive and name not in campaign.models]


def _overlaid(
    raw: Mapping[str, Any],
    campaign: Campaign,
    name: str,
    overlay: Mapping[str, Any],
    within: str,
) -> dict[str, Any]:
    for key in _NOT_OVERLAID:
        if key in overlay:
            raise ConfigError(f"{within}{key}: a companion takes no key {key!r}")
    inherited = {key: raw[key] for key in _INHERITED if key in raw}
    merged = _merged(inherited, overlay)
    return {**merged, "campaign": f"{campaign.campaign}/{name}"}


def _merged(below: Any, above: Mapping[str, Any]) -> dict[str, Any]:
    """Return sections merged key by key, as configuration files overlay each other."""
    result = deepcopy(dict(below)) if isinstance(below, Mapping) else {}
    for key, value in above.items():
        result[key] = (
            _merged(result.get(key), value) if isinstance(value, Mapping) else value
        )
    return result


def _models(campaign: Campaign, identities: Identities) -> dict[str, dict[str, str]]:
    return {
        name: {
            "path": f"results/{campaign.campaign}/models/{name}/model.msgpack",
            "config_hash": identities.model(name),
        }
        for name in POTENTIALS
    }
