"""Which data set a force field learns from, and the config hash of its table.

A data set is one list of label tables with one set of bounds. Force fields that agree in
both share it, whatever their architecture and however they split it.
"""

from typing import TYPE_CHECKING, Any

from confvib.campaign.digest import digest
from confvib.campaign.model_settings import PotentialSettings
from confvib.campaign.variants import POTENTIALS

if TYPE_CHECKING:
    from confvib.campaign.config import Campaign
    from confvib.campaign.identity import Identities

_NO_EFFECT_ON_TRAINING = {
    "committee": True,
    "training": {"microbatch", "save_interval_min"},
    "dataset": True,
}
"""Keys of a potential that change no training, or are added where they differ."""


def training_settings(settings: PotentialSettings) -> dict[str, Any]:
    """Return the settings that determine a force field, batch size included.

    An option at its default is left out, so that a new one makes nothing stale.

    Args:
        settings: Architecture, data and training of the force field.
    """
    values = settings.model_dump(mode="json", exclude=_NO_EFFECT_ON_TRAINING)
    defaults = {
        key: field.default
        for key, field in type(settings).model_fields.items()
        if not field.is_required()
    }
    changed = {
        key: value
        for key, value in values.items()
        if key not in defaults or value != defaults[key]
    }
    return changed | dataset_changes(settings)


def dataset_changes(settings: PotentialSettings) -> dict[str, Any]:
    """Return the keys of the section ``dataset`` that differ from their defaults.

    Args:
        settings: Settings of the force field.

    Returns:
        ``{"dataset": ...}``; nothing if all keys are at their defaults.
    """
    changed = settings.dataset.model_dump(mode="json", exclude_defaults=True)
    return {"dataset": changed} if changed else {}


def dataset_bounds(settings: PotentialSettings) -> dict[str, Any]:
    """Return what decides which frames of the labels are usable.

    Args:
        settings: Settings of the force field.
    """
    return settings.dataset.model_dump(mode="json", exclude={"split"})


def dataset_of(campaign: "Campaign", settings: PotentialSettings) -> str:
    """Return the name of the data set that a force field learns from.

    Args:
        campaign: The campaign.
        settings: Settings of the force field: one of its two, or a point of a sweep.

    Returns:
        The first potential with the same labels and bounds.
    """
    wanted = (settings.labels, dataset_bounds(settings))
    for name in POTENTIALS:
        each: PotentialSettings = getattr(campaign.potentials, name)
        if (each.labels, dataset_bounds(each)) == wanted:
            return name
    message = "a variant has the labels and bounds of the potential it varies"
    raise AssertionError(message)


def dataset_hash(identities: "Identities", model: str) -> str:
    """Return the hash of the data set that a force field learns from.

    Args:
        identities: The hashes of the campaign.
        model: Name of the force field.
    """
    settings = identities.variants[model].settings
    return digest(identities.label_contents(model), dataset_bounds(settings))
