"""Chunks of label tasks: their names, their configurations, and what changes them."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import Campaign, load_campaign
from confvib.campaign.identity import Identities
from confvib.campaign.names import label_chunks, label_slice, label_task
from confvib.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def campaign(**changes) -> Campaign:
    raw = copy.deepcopy(DEFAULT)
    for task, values in changes.items():
        raw["labels"][task] = values and raw["labels"][task] | values
    return load_campaign(raw, ROOT)


def label_hashes(loaded):
    identities = Identities(loaded, ROOT)
    return {
        (task, chunk): identities.labels(task, chunk)
        for task in loaded.labels.tasks()
        for chunk in label_chunks(loaded, task)
    }


def test_every_temperature_of_table_2_is_a_run():
    chunks = label_chunks(campaign(), "nve")
    assert len(chunks) == 10
    assert (chunks[0], chunks[-1]) == ("300K-0000", "1500K-0000")
    task = label_task(campaign(), "nve", "1100K-0000")
    assert (task["temperature_K"], task["n_steps"]) == (1100.0, 4000)
    assert task["relaxation"] == {"fmax_eV_per_A": 0.02, "max_steps": 200}


def test_transfer_is_tested_on_configurations_that_were_not_heated():
    heated = label_slice(campaign(heating={"trajectories": 3}), "heating", "0002")
    assert (heated["start"], heated["stop"]) == (2, 3)
    unseen = label_slice(campaign(heating={"trajectories": 3}), "nvt", "0000")
    assert (unseen["start"], unseen["stop"]) == (3, 4)
    seen = label_slice(campaign(nvt={"unseen": False}), "nvt", "0007")
    assert (seen["start"], seen["stop"]) == (7, 8)


def test_more_temperatures_and_configurations_add_runs_only():
    before = label_hashes(campaign())
    more = label_hashes(
        campaign(
            nve={"temperatures_K": [250, *DEFAULT["labels"]["nve"]["temperatures_K"]]},
            nvt={"trajectories": 60},
        )
    )
    assert {name: more[name] for name in before} == before
    assert len(more) == len(before) + 11


@pytest.mark.parametrize(
    ("task", "change"),
    [
        ("nve", {"protocol": "published_2025"}),
        ("nve", {"timestep_fs": 0.5}),
        ("nvt", {"collision_probability": 0.1}),
        ("nvt", {"temperature_K": 300}),
    ],
)
def test_a_changed_task_makes_its_own_labels_stale(task, change):
    before, after = label_hashes(campaign()), label_hashes(campaign(**{task: change}))
    changed = {name[0] for name in before if before[name] != after[name]}
    assert changed == {task}


def test_a_force_field_cannot_learn_from_a_task_without_a_section():
    raw = copy.deepcopy(DEFAULT)
    raw["labels"]["nvt"] = None
    raw["potentials"]["md"]["labels"] = ["heating", "nvt"]
    with pytest.raises(ConfigError, match=r"potentials.md.labels names 'nvt': expected"):
        load_campaign(raw, ROOT)
    raw["labels"]["nvt"] = DEFAULT["labels"]["nvt"] | {"set": "13_43"}
    with pytest.raises(ConfigError, match=r"labels.nvt.set = '13_43': expected one of"):
        load_campaign(raw, ROOT)
