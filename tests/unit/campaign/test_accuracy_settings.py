"""The section of the accuracy: its mistakes, the chunks it needs, its hash."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.accuracy_identity import (
    accuracy_chunks,
    accuracy_hash,
    accuracy_inputs,
    n_labelled,
)
from confvib.campaign.config import load_campaign
from confvib.campaign.identity import Identities
from confvib.errors import ConfigError
from confvib.tables.contracts import LABELS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import Provenance

ROOT = Path(__file__).parents[3]


def merged(below, above):
    return {
        **below,
        **{
            key: merged(below.get(key) or {}, value) if isinstance(value, dict) else value
            for key, value in above.items()
        },
    }


def raw(changes=None):
    files = [ROOT / f"config/{name}.yaml" for name in ("config", "accuracy")]
    below, above = (yaml.safe_load(path.read_text()) for path in files)
    return merged(merged(copy.deepcopy(below), above), changes or {})


def loaded(changes=None):
    return load_campaign(raw(changes), ROOT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"accuracy": {"set": "13_43"}},
            r"accuracy.set = '13_43': expected one of \['12_44'\]",
        ),
        ({"exact": None}, "accuracy: expected a section exact"),
        (
            {"labels": {"relaxation": {"configurations": "all"}}},
            r"labels.relaxation.configurations = 'all' leaves none of sets.12_44.sample",
        ),
        (
            {"sets": {"12_44": {"sample": 180}}},
            r"configurations = 180 leaves none of sets.12_44.sample = 180",
        ),
        (
            {"accuracy": {"configurations": "some"}},
            r"accuracy.configurations = 'some': .* 'unseen' or 'all'",
        ),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(ConfigError, match=message):
        loaded(changes)


@pytest.mark.parametrize(
    ("changes", "chunks"),
    [
        ({}, ["0003", "0004"]),
        ({"labels": {"relaxation": {"configurations": 179}}}, ["0002", "0003", "0004"]),
        ({"accuracy": {"configurations": "all"}}, [f"{k:04d}" for k in range(5)]),
        ({"sets": {"12_44": {"sample": "all", "chunks": 2}}}, ["0000", "0001"]),
    ],
)
def test_chunks_without_an_unseen_row_are_not_computed(changes, chunks):
    campaign = loaded(changes)
    assert accuracy_chunks(campaign, campaign.accuracy) == chunks


def test_labels_of_every_potential_of_the_comparison_are_seen():
    assert n_labelled(loaded(), "12_44") == 180
    heated = {
        "harmonic": {"potential": "md"},
        "relaxation": {"potential": "md"},
        "labels": {"heating": {"trajectories": 7}},
    }
    assert n_labelled(loaded(heated), "12_44") == 7
    assert n_labelled(loaded({"harmonic": {"potential": "md"}}), "12_44") == 180
    reference = {
        stage: {"potential": "reference"} for stage in ("harmonic", "relaxation")
    }
    assert n_labelled(loaded(reference), "12_44") == 0
    md = {"labels": ["heating", "nve"]}
    spectra = {"temperatures_K": [300], "n_steps": 9, "timestep_fs": 1, "trajectories": 9}
    both = heated | {"potentials": {"md": md}}
    both["labels"] = heated["labels"] | {"nve": spectra}
    assert n_labelled(loaded(both), "12_44") == 9


def test_imported_labels_may_be_of_any_row(tmp_path):
    table = tmp_path / "mine.parquet"
    write_table(table, LABELS, [], Provenance("cafe"))
    changes = {
        "labels": {"imported": {"mine": str(table)}},
        "potentials": {"relax": {"labels": ["mine"]}},
    }
    with pytest.raises(ConfigError, match=r"labels names 'mine', imported labels that"):
        loaded(changes)
    changes["accuracy"] = {"configurations": "all"}
    assert n_labelled(loaded(changes), "12_44") == "all"


def key(changes=None):
    campaign = loaded(changes)
    section, identities = campaign.accuracy, Identities(campaign, ROOT)
    road = accuracy_inputs(section, accuracy_chunks(campaign, section), identities)
    return accuracy_hash(campaign, section, road, road)


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"accuracy": {"temperatures_K": [300]}}, True),
        ({"accuracy": {"configurations": "all"}}, True),
        ({"potentials": {"relax": {"features": 36}}}, True),
        ({"potentials": {"md": {"features": 36}}}, False),
        ({"harmonic": {"columns_per_batch": 4}}, False),
        ({"dynamics": {"production_fs": 8000}}, False),
    ],
)
def test_the_hash_changes_with_what_determines_the_tables(changes, stale):
    assert (key() != key(changes)) == stale
