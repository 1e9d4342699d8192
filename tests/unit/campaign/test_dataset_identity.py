"""Data sets are shared where labels and bounds agree, and stale where they differ."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.dataset_identity import (
    dataset_bounds,
    dataset_hash,
    dataset_of,
    training_settings,
)
from confvib.campaign.identity import Identities
from confvib.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def identities(change=lambda raw: None):
    raw = copy.deepcopy(DEFAULT)
    change(raw)
    campaign = load_campaign(raw, ROOT)
    return campaign, Identities(campaign, ROOT)


def setting(**keys):
    return lambda raw: raw["potentials"]["relax"].update(dataset=keys)


def stale(change):
    """Names of what another configuration changes."""
    found = []
    for _, identity in (identities(), identities(change)):
        names = {name: identity.model(name) for name in identity.variants}
        names |= {f"data set {each}": dataset_hash(identity, each) for each in names}
        names["selection"] = identity.selection("selection_gain")
        found.append(names)
    before, after = found
    return {name for name in before if before[name] != after[name]}


DEFAULTS = {
    "split": "frame",
    "max_force_eV_per_A": None,
    "min_distance_A": None,
    "duplicates": "keep",
}


def test_defaults_written_out_change_nothing():
    assert stale(setting(**DEFAULTS)) == set()
    _, identity = identities(setting(**DEFAULTS))
    assert "dataset" not in identity.training("relax")
    assert "by" not in identity.split("relax")


@pytest.mark.parametrize(
    ("keys", "of_data_set"),
    [
        ({"max_force_eV_per_A": 50.0}, True),
        ({"min_distance_A": 1.2}, True),
        ({"duplicates": "drop"}, True),
        ({"split": "configuration"}, False),
    ],
)
def test_another_value_is_another_training_of_every_point(keys, of_data_set):
    _, identity = identities()
    models = {name for name in identity.variants if name != "md"}
    expected = models | {"selection"}
    if of_data_set:
        expected |= {f"data set {name}" for name in models}
    assert stale(setting(**keys)) == expected


def test_a_split_is_told_to_the_stage():
    _, identity = identities(setting(split="configuration"))
    assert identity.split("relax")["by"] == "configuration"
    assert identity.split("learning_curve/n00250")["by"] == "configuration"
    assert identity.selection_split("selection_gain")["by"] == "configuration"
    assert "by" not in identity.split("md")


def test_sweeps_and_committees_have_the_data_set_of_their_potential():
    campaign, identity = identities()
    owners = {
        name: dataset_of(campaign, variant.settings)
        for name, variant in identity.variants.items()
    }
    assert owners.pop("md") == "md"
    assert set(owners.values()) == {"relax"}
    assert len({dataset_hash(identity, name) for name in owners}) == 1


def test_potentials_with_the_same_labels_and_bounds_share_one():
    def same(raw):
        raw["potentials"]["md"]["labels"] = ["relaxation"]
        raw["potentials"]["md"]["dataset"] = {"split": "configuration"}

    campaign, identity = identities(same)
    assert dataset_of(campaign, campaign.potentials.md) == "relax"
    assert dataset_hash(identity, "md") == dataset_hash(identity, "relax")

    def bounded(raw):
        same(raw)
        raw["potentials"]["md"]["dataset"]["min_distance_A"] = 1.0

    campaign, identity = identities(bounded)
    assert dataset_of(campaign, campaign.potentials.md) == "md"
    assert dataset_bounds(campaign.potentials.md)["min_distance_A"] == 1.0


def test_bounds_are_positive_and_rules_are_known():
    with pytest.raises(ConfigError, match=r"relax.dataset.split = 'frames'"):
        identities(setting(split="frames"))
    with pytest.raises(ConfigError, match=r"relax.dataset.min_distance_A = 0"):
        identities(setting(min_distance_A=0))


def test_training_settings_keep_every_changed_option():
    campaign, _ = identities(setting(duplicates="drop"))
    settings = training_settings(campaign.potentials.relax)
    assert settings["dataset"] == {"duplicates": "drop"}
    assert "committee" not in settings
    assert "microbatch" not in settings["training"]
