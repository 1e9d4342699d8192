"""The campaign of a command, read the way the Snakefile reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from confvib.campaign.config import Campaign, load_campaign
from confvib.campaign.digest import plain
from confvib.campaign.identity import Identities
from confvib.crystal.parent import ParentCrystal
from confvib.crystal.rules import DistanceRule
from confvib.errors import ConfigError
from confvib.stages.selection import parent_of, rules_of


@dataclass(frozen=True, eq=False)
class LoadedCampaign:
    """A validated campaign and its crystal.

    Attributes:
        campaign: The configuration.
        root: Folder that its relative paths start from.
        crystal: Section ``crystal`` as the stages receive it.
        parent: The parent crystal.
        rules: The distance rules.
        identities: Config hashes of the campaign's tables.
    """

    campaign: Campaign
    root: Path
    crystal: Mapping[str, Any]
    parent: ParentCrystal
    rules: list[DistanceRule]
    identities: Identities

    @property
    def structure(self) -> Path:
        """CIF of the parent crystal."""
        return self.root / self.campaign.crystal.structure


def load(
    config: Path, overlays: Sequence[Path] | None, *, enumerated: str | None = None
) -> LoadedCampaign:
    """Read, merge and validate the configuration, and build the crystal.

    Args:
        config: The configuration file.
        overlays: Files laid over it, the last one wins.
        enumerated: A set to take as enumerated, whatever its keys ``draw`` and
            ``imported`` say.

    Raises:
        ConfigError: A file is missing or no YAML mapping, or the configuration has a
            mistake.
    """
    raw = _read(config)
    for overlay in overlays or ():
        raw = merge(raw, _read(overlay))
    sets = raw.get("sets")
    if isinstance(sets, dict) and isinstance(sets.get(enumerated), dict):
        raw = merge(raw, {"sets": {enumerated: {"draw": None, "imported": None}}})
    root = _root(config)
    campaign = load_campaign(raw, root)
    crystal = plain(campaign.crystal, "structure")
    return LoadedCampaign(
        campaign,
        root,
        crystal,
        parent_of(str(root / campaign.crystal.structure), crystal),
        rules_of(crystal),
        Identities(campaign, root),
    )


def enumerated_hash(loaded: LoadedCampaign, set_name: str) -> str:
    """Return the hash that a set's table has when it is enumerated.

    An import carries it too: its rows are some of the enumerated ones.

    Args:
        loaded: The campaign.
        set_name: One of its sets.
    """
    sets = dict(loaded.campaign.sets)
    sets[set_name] = sets[set_name].model_copy(update={"draw": None, "imported": None})
    campaign = loaded.campaign.model_copy(update={"sets": sets})
    return Identities(campaign, loaded.root).configurations(set_name)


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another, section by section.

    Args:
        base: What holds where the overlay is silent.
        overlay: What wins; a section only replaces the keys that it names.

    Returns:
        The merged configuration.
    """
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        if isinstance(value, Mapping):
            merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(f"{path}: no such configuration file")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise ConfigError(f"{path}: not readable as YAML: {where}") from None
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path}: holds a {type(content).__name__}, expected sections such as "
            "'crystal:'"
        )
    return content


def _root(config: Path) -> Path:
    """Return the folder of the Snakefile that the configuration belongs to."""
    for folder in config.resolve().parents:
        if (folder / "Snakefile").is_file():
            return folder
    return Path.cwd()
