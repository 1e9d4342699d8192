"""A config hash changes with what determines a file, and with nothing else."""

import copy
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.identity import Identities
from confvib.campaign.names import chunk_slice

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def hashes(change=lambda raw: None):
    raw = copy.deepcopy(DEFAULT)
    raw["sets"]["12_44"] |= {"sample": 16, "chunks": 4}
    change(raw)
    identity = Identities(load_campaign(raw, ROOT), ROOT)
    return {
        "configurations": identity.configurations("12_44"),
        "labels": identity.labels("relaxation", "0000"),
        "model": identity.model("relax"),
        "md model": identity.model("md"),
        "relaxed": identity.relaxed("12_44", "0001"),
        "harmonic": identity.harmonic("12_44", "0001"),
        "dynamics": identity.dynamics("12_44", 300.0, "0001"),
        "thermodynamics": identity.thermodynamics("12_44"),
    }


CHANGES = {
    "a rule of the crystal": (
        lambda raw: raw["crystal"]["distance_rules"].pop(),
        set(hashes()),
    ),
    "the other set's counts": (
        lambda raw: raw["sets"]["11_45"]["counts"].update({"24d": 10, "96h": 46}),
        set(),
    ),
    "a draw": (
        lambda raw: raw["sets"]["12_44"].update(draw=500),
        set(hashes()),
    ),
    "a supercell": (
        lambda raw: [
            raw["crystal"].update(supercell=[1, 1, 2]),
            raw["sets"]["12_44"].update(counts={"24d": 24, "96h": 88}),
            raw["sets"]["11_45"].update(counts={"24d": 22, "96h": 90}),
        ],
        set(hashes()),
    ),
    "a label setting": (
        lambda raw: raw["labels"]["relaxation"].update(perturbation_A=0.2),
        {"labels", "model", "relaxed", "harmonic", "dynamics", "thermodynamics"},
    ),
    "the md model": (
        lambda raw: raw["potentials"]["md"].update(layers=4),
        {"md model", "dynamics", "thermodynamics"},
    ),
    "the relaxation": (
        lambda raw: raw["relaxation"].update(fmax_eV_per_A=0.01),
        {"relaxed", "harmonic", "dynamics", "thermodynamics"},
    ),
    "another MD temperature": (
        lambda raw: raw["dynamics"]["temperatures_K"].append(900),
        {"thermodynamics"},
    ),
    "the reduction": (
        lambda raw: raw["thermodynamics"].update(bootstrap_samples=50),
        {"thermodynamics"},
    ),
    "batch sizes": (
        lambda raw: [
            raw["relaxation"].update(batch_size=3),
            raw["dynamics"].update(batch_size=3),
            raw["harmonic"].update(columns_per_batch=5, batch_size=2),
        ],
        set(),
    ),
    "how VASP is launched": (
        lambda raw: raw["labels"]["vasp"].update(command="mpirun vasp_std"),
        set(),
    ),
    "a larger sample in more chunks": (
        lambda raw: raw["sets"]["12_44"].update(sample=24, chunks=6),
        {"thermodynamics"},
    ),
    "the seed": (
        lambda raw: raw.update(seed=1),
        set(hashes()) - {"configurations"},
    ),
}


@pytest.mark.parametrize(("change", "stale"), CHANGES.values(), ids=CHANGES)
def test_a_change_reaches_exactly_what_depends_on_it(change, stale):
    before, after = hashes(), hashes(change)
    assert {key for key in before if before[key] != after[key]} == stale


def test_a_batch_of_training_is_part_of_the_model():
    changed = hashes(
        lambda raw: raw["potentials"]["relax"]["training"].update(batch_size=5)
    )
    assert changed["model"] != hashes()["model"]


def identities(change=lambda raw: None):
    raw = copy.deepcopy(DEFAULT)
    raw["sets"]["12_44"] |= {"sample": 16, "chunks": 4}
    change(raw)
    return Identities(load_campaign(raw, ROOT), ROOT)


def members(n, potential="relax"):
    def change(raw):
        raw["potentials"][potential]["committee"] = n

    return change


def test_without_a_committee_nothing_is_scored():
    reference = identities(
        lambda raw: [
            raw["labels"].update(engine="ionic"),
            raw["relaxation"].update(potential="reference"),
            members(2)(raw),
        ]
    )
    # The committee of a force field that relaxes nothing does not count.
    for found in (identities(), reference, identities(members(3, "md"))):
        assert found.committee_members() == []
        assert found.reduction_committee("12_44") == []


def test_scores_depend_on_the_relaxed_cells_and_on_every_member():
    found, larger = identities(members(2)), identities(members(3))
    assert found.committee_members() == ["relax", "relax/member_1"]
    assert larger.committee_scores("12_44", "0001") != found.committee_scores(
        "12_44", "0001"
    )
    # The chunks themselves are those of a campaign without a committee.
    assert found.relaxed("12_44", "0001") == identities().relaxed("12_44", "0001")
    retrained = identities(
        lambda raw: [
            members(2)(raw),
            raw["potentials"]["relax"]["training"].update(learning_rate=1e-4),
        ]
    )
    looser = identities(
        lambda raw: [members(2)(raw), raw["relaxation"].update(fmax_eV_per_A=0.1)]
    )
    scores = {
        each.committee_scores("12_44", "0001") for each in (found, retrained, looser)
    }
    assert len(scores) == 3


def test_a_reduction_expects_the_scores_in_the_order_of_its_relaxed_chunks():
    found = identities(members(2))
    chunks = [
        (name, f"{chunk:04d}")
        for name, settings in DEFAULT["sets"].items()
        for chunk in range(4 if name == "12_44" else settings["chunks"])
    ]
    assert found.reduction_committee("all") == [
        found.committee_scores(*chunk) for chunk in chunks
    ]
    relaxed = found.reduction_inputs("all")["relaxed"]
    assert relaxed == [found.relaxed(*chunk) for chunk in chunks]
    assert found.reduction_committee("12_44") == found.reduction_committee("all")[:4]


def test_slices_of_a_sample_tile_it():
    slices = [chunk_slice(17, 5, chunk) for chunk in range(5)]
    assert slices[0]["start"] == 0
    assert slices[-1]["stop"] == 17
    assert all(a["stop"] == b["start"] for a, b in pairwise(slices))
