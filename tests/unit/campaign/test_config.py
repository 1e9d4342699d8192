"""Every mistake in the configuration is one message: key path, value, expectation."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.composition import group_counts
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
    "several counts for one species": (
        ("sets", "11_45", "counts"),
        {"24d": 11, "96h": {"Li": 40, "Na": 5}},
        "expected one count for each of ['24d', '96h']",
    ),
    "a negative count": (
        ("sets", "11_45", "counts"),
        {"24d": -1, "96h": 57},
        "sets.11_45.counts.24d = -1: Input should be greater than or equal to 0",
    ),
    "a rule by groups and by species": (
        ("crystal", "distance_rules"),
        [{"groups": ["24d", "96h"], "species": ["Li", "Li"], "min_distance_A": 2}],
        "crystal.distance_rules[0]: groups and species are both given",
    ),
    "a rule for a species that is not there": (
        ("crystal", "distance_rules"),
        [{"species": ["Li", "Na"], "min_distance_A": 2}],
        "crystal.distance_rules: rule Li–Na > 2.0 Å: no site holds 'Na', expected one of",
    ),
    "a rule on a contact": (
        ("crystal", "distance_rules"),
        [{"groups": ["24d", "24d"], "min_distance_A": 3.975}],
        "crystal.distance_rules: rule 24d–24d > 3.975 Å: the crystal has a contact of",
    ),
    "a supercell without volume": (
        ("crystal", "supercell"),
        [[1, 0, 0], [0, 1, 0], [1, 1, 0]],
        "supercell ((1, 0, 0), (0, 1, 0), (1, 1, 0)): has determinant 0",
    ),
    "more sampled than drawn": (
        ("sets", "11_45"),
        {"counts": {"24d": 11, "96h": 45}, "draw": 100, "sample": 101, "chunks": 4},
        "sets.11_45: sample = 101 exceeds draw = 100",
    ),
    "drawn and imported": (
        ("sets", "11_45"),
        {
            "counts": {"24d": 11, "96h": 45},
            "draw": 100,
            "imported": "x.parquet",
            "chunks": 4,
        },
        "sets.11_45: draw and imported are both given",
    ),
    "no such import": (
        ("sets", "11_45"),
        {"counts": {"24d": 11, "96h": 45}, "imported": "x.parquet", "chunks": 4},
        "sets.11_45.imported = 'x.parquet': no such file",
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
    "unknown radial basis": (
        ("potentials", "md", "radial_basis"),
        "chebyshev",
        "potentials.md.radial_basis = 'chebyshev': Input should be 'phys', 'bernstein', "
        "'rbf' or 'bessel'",
    ),
    "unknown species": (
        ("potentials", "md", "energy_shifts_eV"),
        {"Lo": -1.9},
        "'Lo' is no chemical symbol",
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


def test_pair_distance_classes_cannot_be_drawn():
    raw = changed(("sets", "11_45", "draw"), 500)
    raw["crystal"]["equivalence"] = "pair_distances"
    with pytest.raises(ConfigError, match=r"expected crystal.equivalence 'symmetry'"):
        load_campaign(raw, ROOT)


def mixed(counts, **crystal):
    raw = changed(("sets", "11_45"), None)
    raw["crystal"] |= {
        "formula": "Li6NaLa3Zr2O12",
        "site_groups": {"24d": "Li", "96h": ["Li", "Na", "vacancy"]},
    } | crystal
    raw["sets"]["12_44"]["counts"] = counts
    return load_campaign(raw, ROOT)


def test_several_species_on_a_site_have_a_count_each():
    counts = {"24d": 12, "96h": {"Li": 36, "Na": 8, "vacancy": 52}}
    campaign = mixed(counts)
    assert group_counts(campaign.sets["12_44"]) == {
        "24d": 12,
        "96h/Li": 36,
        "96h/Na": 8,
        "96h/vacancy": 52,
    }
    doubled = {
        "24d": 24,
        "96h": {"Li": 72, "Na": 16, "vacancy": 104},
    }
    mixed(doubled, supercell=[2, 1, 1])
    with pytest.raises(ConfigError, match=r"48 Li in the cell; .* needs 96"):
        mixed(counts | {"96h": counts["96h"] | {"vacancy": 148}}, supercell=[2, 1, 1])
    counts["96h"]["vacancy"] = 51
    with pytest.raises(ConfigError, match="96h add up to 95, expected 96, the number of"):
        mixed(counts)
    counts["96h"] |= {"Na": 9, "vacancy": 51}
    with pytest.raises(
        ConfigError, match=r"9 Na in the cell; crystal.formula .* needs 8"
    ):
        mixed(counts)


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
