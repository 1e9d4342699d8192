"""The section of the cross-check: its mistakes, its chunks and its hashes."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.identity import Identities
from confvib.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def campaign(sample=16, chunks=4, **changes):
    raw = copy.deepcopy(DEFAULT)
    raw["sets"]["12_44"] |= {"sample": sample, "chunks": chunks}
    raw["crosscheck"] |= changes
    return load_campaign(raw, ROOT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"set": "13_43"},
            "crosscheck.set = '13_43': expected one of ['12_44', '11_45']",
        ),
        (
            {"seeds": 1},
            "crosscheck.seeds = 1: Input should be greater than or equal to 2",
        ),
        ({"n_lambda": 1}, "crosscheck.n_lambda = 1: Input should be greater than"),
        ({"sampling_fs": 20}, "sampling_fs = 20: expected at least 40 steps"),
        (
            {"sampling_fs": 1000.5},
            "crosscheck.sampling_fs = 1000.5 is no multiple of dynamics.timestep_fs = 1",
        ),
        (
            {"potential": "reference"},
            "crosscheck.potential = 'reference': expected labels.engine 'ionic'",
        ),
        ({"lambdas": 5}, "crosscheck.lambdas = 5: unknown key"),
    ],
)
def test_a_mistake_is_one_message(changes, message):
    with pytest.raises(ConfigError) as caught:
        campaign(**changes)
    assert message in str(caught.value)


def test_the_section_may_be_left_out():
    raw = copy.deepcopy(DEFAULT) | {"crosscheck": None}
    assert load_campaign(raw, ROOT).crosscheck is None


@pytest.mark.parametrize(
    ("sample", "chunks", "wanted", "expected"),
    [
        (16, 4, 2, ["0000"]),
        (16, 4, 3, ["0000", "0001"]),
        (16, 4, 16, ["0000", "0001", "0002", "0003"]),
        ("all", 24, 16, ["0000"]),
    ],
)
def test_chunks_hold_twice_the_configurations(sample, chunks, wanted, expected):
    identity = Identities(campaign(sample, chunks, configurations=wanted), ROOT)
    assert identity.crosscheck_chunks() == expected


def hashes(**changes):
    identity = Identities(campaign(**changes), ROOT)
    return identity.crosscheck(), identity.crosscheck_tables()


def test_one_more_configuration_leaves_the_others():
    one, two = hashes(configurations=1), hashes(configurations=2)
    assert one[0] == two[0]
    assert one[1] != two[1]


@pytest.mark.parametrize(
    "changes", [{"seeds": 5}, {"temperatures_K": [200]}, {"potential": "md"}]
)
def test_a_setting_makes_all_stale(changes):
    before, after = hashes(configurations=1), hashes(configurations=1, **changes)
    assert before[0] != after[0]
    assert before[1] != after[1]
