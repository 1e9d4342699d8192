"""The section of the surrogate: its mistakes, what it reads, what changes its hashes."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.identity import Identities
from confvib.campaign.surrogate_identity import (
    surrogate_inputs,
    surrogate_kinds,
    surrogate_predictions,
    surrogate_validation,
)
from confvib.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def loaded(**changes):
    raw = copy.deepcopy(DEFAULT)
    raw["surrogate"] |= changes
    campaign = load_campaign(raw, ROOT)
    return campaign, campaign.surrogate, Identities(campaign, ROOT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"set": "13_43"}, r"surrogate.set = '13_43': expected one of \['12_44', '11_4"),
        ({"fractions": [0.2, 0.1]}, r"fractions = \[0.2, 0.1\]: expected increasing"),
        ({"fractions": [0.2, 1.0]}, r"surrogate.fractions\[1\] = 1.0: .* less than 1"),
        ({"pair_cutoff_A": 0}, r"surrogate.pair_cutoff_A = 0: .* greater than 0"),
        ({"draws": 1}, r"surrogate.draws = 1: .* greater than or equal to 2"),
        ({"levels": ["md"]}, r"surrogate.levels\[0\] = 'md': Input should be 'conf', "),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(ConfigError, match=message):
        loaded(**changes)


@pytest.mark.parametrize(
    ("levels", "kinds"),
    [
        (["conf"], {"configurations", "relaxed"}),
        (["conf+harmonic"], {"configurations", "relaxed", "harmonic"}),
        (["conf+md"], {"configurations", "relaxed", "harmonic", "dynamics"}),
    ],
)
def test_a_level_reads_what_it_needs(levels, kinds):
    _, section, identities = loaded(levels=levels)
    assert set(surrogate_kinds(section)) == kinds
    found = surrogate_inputs(section, identities)
    assert {kind for kind, hashes in found.items() if hashes} == kinds
    assert set(found) == {"configurations", "relaxed", "harmonic", "dynamics"}


def hashes(**changes):
    campaign, section, identities = loaded(**changes)
    return (
        surrogate_predictions(campaign, section, identities),
        surrogate_validation(campaign, section, identities),
    )


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"repeats": 3}, (False, True)),
        ({"fractions": [0.5]}, (False, True)),
        ({"batches": 9}, (False, True)),
        ({"pair_cutoff_A": 5.0}, (True, True)),
        ({"triplet_cutoff_A": 4.0}, (True, True)),
        ({"levels": ["conf"]}, (True, True)),
    ],
)
def test_a_hash_changes_with_what_determines_its_table(changes, stale):
    before, after = hashes(), hashes(**changes)
    assert tuple(a != b for a, b in zip(before, after, strict=True)) == stale
