"""The section of the sampling target: its mistakes, its defaults, its hash."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.identity import Identities
from confvib.campaign.sampling_identity import (
    sampling_sets,
    sampling_settings,
    sampling_tables,
)
from confvib.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def loaded(**changes):
    raw = copy.deepcopy(DEFAULT)
    raw["sampling"] |= changes
    campaign = load_campaign(raw, ROOT)
    return campaign, campaign.sampling, Identities(campaign, ROOT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sets": ["12_44", "13_43"]},
            r"sampling.sets: found '13_43', expected some of \['12_44', '11_45'\]",
        ),
        (
            {"temperatures_K": [450]},
            r"sampling.temperatures_K: found 450, expected some of "
            r"\[300.0, 600.0, 900.0, 1200.0, 1500.0\], at which level conf is reduced",
        ),
        (
            {"levels": ["conf", "conf+md"], "temperatures_K": [900]},
            r"found 900, expected some of \[300.0, 1500.0\], at which level conf\+md",
        ),
        ({"levels": ["md"]}, r"sampling.levels\[0\] = 'md': Input should be 'conf', "),
        ({"orders": 1}, r"sampling.orders = 1: .* greater than or equal to 2"),
        ({"subset_fraction": 1}, r"sampling.subset_fraction = 1: .* less than 1"),
        ({"max_share": 0}, r"sampling.max_share = 0: .* greater than 0"),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(ConfigError, match=message):
        loaded(**changes)


def test_the_default_is_the_papers_sets_at_the_papers_temperatures():
    campaign, section, _ = loaded()
    assert sampling_sets(campaign, section) == ["12_44", "11_45"]
    assert sampling_settings(campaign, section)["temperatures_K"] == {
        "conf": [300.0, 1500.0],
        "conf+harmonic": [300.0, 1500.0],
    }
    _, section, _ = loaded(sets=["11_45"], temperatures_K=[900], levels=["conf"])
    assert sampling_sets(campaign, section) == ["11_45"]
    assert sampling_settings(campaign, section)["temperatures_K"] == {"conf": [900.0]}


def test_a_campaign_that_leaves_out_a_set_needs_no_other_section():
    raw = copy.deepcopy(DEFAULT) | {"surrogate": None}
    raw["sets"]["11_45"] = None
    raw["thermodynamics"]["temperatures_K"] = [400]
    campaign = load_campaign(raw, ROOT)
    assert sampling_sets(campaign, campaign.sampling) == ["12_44"]
    settings = sampling_settings(campaign, campaign.sampling)
    assert settings["temperatures_K"]["conf"] == [400.0]


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"orders": 7}, True),
        ({"max_share": 0.9}, True),
        ({"temperatures_K": [900]}, True),
        ({"sets": ["12_44"]}, False),
        ({"temperatures_K": [300, 1500]}, False),
    ],
)
def test_a_hash_changes_with_what_determines_the_tables(changes, stale):
    before, after = (sampling_tables("12_44", *loaded(**each)) for each in ({}, changes))
    assert (before != after) is stale
