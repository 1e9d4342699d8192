"""Every mistake in the configuration is one message: key path, value, expectation."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import Campaign, load_campaign
from confvib.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def changed(path, value):
    raw = copy.deepcopy(DEFAULT)
    section = raw
    *parents, last = path
    for key in parents:
        section = section[key]
    section[last] = value
    return raw


MISTAKES = {
    "unknown key": (
        ("dynamics", "temperture_K"),
        [300],
        "dynamics.temperture_K = [300]: unknown key; did you mean 'temperatures_K'?",
    ),
    "wrong unit in the key": (
        ("dynamics", "timestep_ps"),
        0.001,
        (
            "dynamics.timestep_ps = 0.001: unknown key; did you mean 'timestep_fs'? "
            "(time step, fs)"
        ),
    ),
    "unit in the value": (
        ("dynamics", "timestep_fs"),
        "1 fs",
        "dynamics.timestep_fs = '1 fs': Input should be a valid number",
    ),
    "57 Li": (
        ("sets", "11_45", "counts"),
        {"24d": 11, "96h": 46},
        (
            "sets.11_45.counts = {'24d': 11, '96h': 46}: 57 Li in the cell; "
            "crystal.formula = 'Li7La3Zr2O12' needs 56"
        ),
    ),
    "too many on a group": (
        ("sets", "11_45", "counts"),
        {"24d": 25, "96h": 31},
        "sets.11_45.counts = {'24d': 25, '96h': 31}: 25 ions on 24d, which has 24 sites",
    ),
    "a group left out": (
        ("sets", "11_45", "counts"),
        {"96h": 56},
        "sets.11_45.counts = {'96h': 56}: expected one count for each of ['24d', '96h']",
    ),
    "no chunks": (
        ("sets", "11_45", "chunks"),
        0,
        "sets.11_45.chunks = 0: Input should be greater than or equal to 1",
    ),
    "more chunks than cells": (
        ("sets", "11_45"),
        {"counts": {"24d": 11, "96h": 45}, "sample": 3, "chunks": 4},
        "sets.11_45: chunks = 4 exceeds sample = 3",
    ),
    "negative temperature": (
        ("dynamics", "temperatures_K"),
        [300, -3],
        (
            "dynamics.temperatures_K[1] = -3: Input should be greater than 0 "
            "(one run per cell each, K)"
        ),
    ),
    "no such CIF": (
        ("crystal", "structure"),
        "nowhere.cif",
        "crystal.structure = 'nowhere.cif': no such file",
    ),
    "no such site group": (
        ("crystal", "site_groups"),
        {"24d": "Li", "48g": "Li"},
        "no site group '48g'; the crystal has",
    ),
    "rule for another group": (
        ("crystal", "distance_rules"),
        [{"groups": ["24d", "48g"], "min_distance_A": 2}],
        "crystal.distance_rules[0].groups = ['24d', '48g']: '48g' is not one of",
    ),
    "wrong formula": (
        ("crystal", "formula"),
        "Li7La3Zr2O11",
        "crystal.formula = 'Li7La3Zr2O11': the framework of",
    ),
    "no formula": (
        ("crystal", "formula"),
        "garnet",
        "crystal.formula = 'garnet': not a chemical formula",
    ),
    "unknown set": (
        ("labels", "heating", "set"),
        "13_43",
        "labels.heating.set = '13_43': expected one of ['12_44', '11_45']",
    ),
    "engine without section": (
        ("labels", "engine"),
        "ase",
        "labels.engine = 'ase': expected a section labels.ase",
    ),
    "unquoted set name": (
        ("sets", 1244),
        DEFAULT["sets"]["12_44"],
        "YAML reads 12_44 as the number 1244: write names in quotes",
    ),
    "reference without ionic": (
        ("dynamics", "potential"),
        "reference",
        "dynamics.potential = 'reference': expected labels.engine 'ionic'",
    ),
    "heads do not divide": (
        ("potentials", "md", "heads"),
        5,
        "potentials.md: features = 132 is not divisible by heads = 5",
    ),
    "half a step": (
        ("dynamics", "production_fs"),
        6000.5,
        "dynamics: production_fs = 6000.5 is no multiple of timestep_fs = 1",
    ),
    "a run too short for its parts": (
        ("dynamics", "production_fs"),
        700,
        "dynamics: production_fs = 700 in spectrum.blocks = 4 parts leaves 175 fs each; "
        "with spectrum.max_frequency_THz = 60 a part needs 233 fs",
    ),
    "missing section": (("harmonic",), None, "harmonic: missing; expected a value"),
}


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_key_value_and_expectation(path, value, message):
    with pytest.raises(ConfigError) as caught:
        load_campaign(changed(path, value), ROOT)
    assert message in str(caught.value)


def test_all_mistakes_are_reported_at_once():
    raw = changed(("sets", "11_45", "chunks"), 0)
    raw["seed"] = "today"
    with pytest.raises(ConfigError, match="2 mistakes") as caught:
        load_campaign(raw, ROOT)
    assert "seed = 'today'" in str(caught.value)
    assert "sets.11_45.chunks = 0" in str(caught.value)


def test_the_default_is_the_papers_campaign():
    campaign = load_campaign(DEFAULT, ROOT)
    assert campaign.labels.engine == "vasp"
    assert {name: s.counts for name, s in campaign.sets.items()} == {
        "12_44": {"24d": 12, "96h": 44},
        "11_45": {"24d": 11, "96h": 45},
    }
    assert all(s.sample == "all" for s in campaign.sets.values())
    assert campaign.dynamics.temperatures_K == (300, 1500)
    assert (campaign.potentials.relax.layers, campaign.potentials.md.layers) == (2, 3)
    assert campaign.potentials.relax.features == 132


def test_an_overlay_drops_a_set_with_null():
    campaign = load_campaign(changed(("sets", "11_45"), None), ROOT)
    assert list(campaign.sets) == ["12_44"]


def test_a_campaign_is_frozen():
    campaign = Campaign.model_validate(DEFAULT)
    with pytest.raises(ValueError, match="frozen"):
        campaign.seed = 3
