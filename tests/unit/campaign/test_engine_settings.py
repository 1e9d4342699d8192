"""Engines of a comparison: mistakes, hashes, and the presets of other engines."""

import copy
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from confvib.campaign.config import load_campaign
from confvib.campaign.engine_identity import engine_energies, engine_tables
from confvib.campaign.engine_settings import definition, environment, launch
from confvib.campaign.identity import Identities
from confvib.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
PAIR = {"engine": "ase", "ase": {"calculator": "ase.calculators.lj.LennardJones"}}


def loaded(changes=None, *overlays):
    raw = copy.deepcopy(DEFAULT)
    for path in overlays:
        update_config(raw, yaml.safe_load((ROOT / path).read_text()))
    update_config(raw, {"engine_comparison": changes or {}})
    return load_campaign(raw, ROOT)


def hashes(changes=None):
    campaign = loaded(changes)
    section, identities = campaign.engine_comparison, Identities(campaign, ROOT)
    return {
        name: engine_energies(name, campaign, section, identities)
        for name in section.names
    } | {"tables": engine_tables(campaign, section, identities)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"set": "13_43"},
            "engine_comparison.set = '13_43': expected one of ['12_44', '11_45']",
        ),
        (
            {"engines": {"labels": PAIR}},
            "engine_comparison.engines.labels: expected another name",
        ),
        (
            {"campaign_engine": False},
            "engine_comparison.engines: found ['chgnet'], expected two or more",
        ),
        (
            {"engines": {"chgnet": {"ase": None}}},
            "engine_comparison.engines.chgnet: engine = 'ase': expected a section ase",
        ),
        (
            {"engines": {"chgnet": {"ase": {"kwarg": {}}}}},
            "engine_comparison.engines.chgnet.ase.kwarg = {}: unknown key",
        ),
        ({"configurations": 1}, "engine_comparison.configurations = 1: Input should be"),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(ConfigError) as error:
        loaded(changes)
    assert message in str(error.value)


def test_the_campaigns_engine_comes_first():
    assert loaded().engine_comparison.names == ("labels", "chgnet")
    alone = loaded({"campaign_engine": False, "engines": {"pair": PAIR}})
    assert alone.engine_comparison.names == ("chgnet", "pair")


def test_another_engine_makes_no_engine_stale_but_the_tables():
    before, after = hashes(), hashes({"engines": {"pair": PAIR}})
    assert {name: after[name] for name in ("labels", "chgnet")} == {
        name: before[name] for name in ("labels", "chgnet")
    }
    assert after["tables"] != before["tables"]


def test_minima_of_the_first_engine_are_inputs_where_engines_relax():
    other = {"engines": {"chgnet": {"ase": {"kwargs": {"use_device": "cuda"}}}}}
    assert hashes(other)["labels"] == hashes()["labels"]
    assert hashes(other)["chgnet"] != hashes()["chgnet"]
    alone = {"campaign_engine": False, "engines": {"pair": PAIR}}
    moved = {**alone, **other, "engines": {**alone["engines"], **other["engines"]}}
    assert hashes(moved)["pair"] != hashes(alone)["pair"]
    single = {"relax": False}
    assert hashes(moved | single)["pair"] == hashes(alone | single)["pair"]


def test_where_and_how_an_engine_starts_changes_no_result():
    changed = {"engines": {"chgnet": {"ase": {"environment": "envs/other.yaml"}}}}
    assert hashes(changed) == hashes()
    engines = loaded(changed)
    chgnet = engines.engine_comparison.engines["chgnet"]
    assert environment(chgnet, ROOT) == str(ROOT / "envs/other.yaml")
    assert set(launch(chgnet).values()) == {""}
    assert environment(engines.labels, ROOT) == str(ROOT / "envs/dft.yaml")
    assert launch(engines.labels)["vasp_command"] == DEFAULT["labels"]["vasp"]["command"]
    assert "command" not in definition(engines.labels)["vasp"]


def test_labels_of_a_calculator_without_files_keep_their_hash():
    raw = copy.deepcopy(DEFAULT)
    raw["labels"] |= {"engine": "ase", "ase": PAIR["ase"]}
    assert Identities(load_campaign(raw, ROOT), ROOT).engine() == {
        "engine": "ase",
        "ase": {**PAIR["ase"], "kwargs": {}},
    }


@pytest.mark.parametrize("below", [(), ("config/demo.yaml",)])
@pytest.mark.parametrize(
    ("preset", "calculator"),
    [("chgnet", "chgnet.model.dynamics.CHGNetCalculator"), ("gpaw", "gpaw.GPAW")],
)
def test_presets_lie_over_the_campaign_and_over_the_demo(below, preset, calculator):
    campaign = loaded(None, *below, f"config/engines/{preset}.yaml")
    assert definition(campaign.labels)["ase"]["calculator"] == calculator
    assert Path(environment(campaign.labels, ROOT)).is_file()
    assert campaign.labels.ase.files  # what the energies depend on beside the code
    sets = (campaign.labels.relaxation.set, campaign.engine_comparison.set)
    assert set(sets) <= set(campaign.sets)
