"""Committees and points of sweeps are force fields with names, seeds and hashes."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.identity import Identities
from confvib.campaign.variants import sweep_points, variants
from confvib.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def campaign(change=lambda raw: None):
    raw = copy.deepcopy(DEFAULT)
    change(raw)
    return load_campaign(raw, ROOT)


def hashes(change=lambda raw: None):
    identity = Identities(campaign(change), ROOT)
    return {name: identity.model(name) for name in identity.variants}


def test_the_default_campaign_has_the_papers_points():
    found = variants(campaign())
    assert list(found)[:2] == ["relax", "md"]
    assert [
        each.settings.degrees for each in sweep_points(campaign(), "degrees_sweep")
    ] == [
        (0,),
        (0, 1),
        (0, 1, 2),
        (0, 1, 2, 3),
        (1, 2, 3),
    ]
    curve = sweep_points(campaign(), "learning_curve")
    assert [each.name for each in curve] == [
        f"learning_curve/n{n:05d}" for n in (250, 500, 1000, 2000, 4000, 8000)
    ]
    assert {each.settings.training.max_epochs for each in curve} == {500}


def test_equal_steps_give_small_sets_more_epochs():
    def change(raw):
        raw["learning_curve"] |= {"equal": "steps", "n_train": [300, 1200]}
        raw["learning_curve"]["training"] = {"max_epochs": 10, "patience_epochs": 5}

    small, large = sweep_points(campaign(change), "learning_curve")
    assert [each.settings.training.max_epochs for each in (small, large)] == [40, 10]
    assert [each.settings.training.patience_epochs for each in (small, large)] == [20, 5]


def test_points_share_test_frames_and_repeats_differ_in_seed_and_draw():
    identity = Identities(campaign(), ROOT)
    splits = {
        name: identity.split(name)
        for name in identity.variants
        if name.startswith(("learning_curve/n00500", "selection_gain/random_n00500"))
    }
    assert {split["held_out"] for split in splits.values()} == {"last"}
    assert {split["draw"] for split in splits.values()} == {0, 1}
    seeds = {identity.variants[name].seed for name in splits}
    assert len(seeds) == 2
    assert DEFAULT["seed"] in seeds
    chosen = identity.variants["selection_gain/farthest_point_n00500_0"]
    assert chosen.selection == "selection_gain"
    owner = identity.selection_owner("selection_gain")
    assert owner.settings.training.n_train == 4000


def test_another_point_changes_no_other_point():
    def longer(raw):
        raw["learning_curve"]["n_train"].append(16_000)

    before, after = hashes(), hashes(longer)
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"learning_curve/n16000"}
    assert len(set(after.values())) == len(after)


def test_a_training_of_two_sweeps_runs_once():
    found = campaign()
    degrees = [each.name for each in sweep_points(found, "degrees_sweep")]
    assert degrees[-1] == "learning_curve/n04000"
    gain = [each.name for each in sweep_points(found, "selection_gain")]
    assert gain[:2] == ["learning_curve/n00500", "selection_gain/random_n00500_1"]
    assert sweep_points(found, "selection_gain")[0].point["n_train"] == 500


def test_a_committee_adds_members_and_leaves_the_first_alone():
    def three(raw):
        raw["potentials"]["md"]["committee"] = 3

    before, after = hashes(), hashes(three)
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"md/member_1", "md/member_2"}
    assert len({after[name] for name in ("md", "md/member_1", "md/member_2")}) == 3
    identity = Identities(campaign(three), ROOT)
    alone = Identities(campaign(), ROOT)
    assert identity.evaluation("md") != alone.evaluation("md") == alone.model("md")
    # What the model drives depends on the first member alone.
    assert identity.potential("md") == alone.potential("md")


def test_what_changes_no_result_changes_no_hash():
    def cheaper(raw):
        raw["potentials"]["md"]["training"] |= {"microbatch": 5, "save_interval_min": 1}

    assert hashes(cheaper) == hashes()


def test_an_option_at_its_default_changes_no_hash_and_another_value_does():
    def spell_out(raw):
        raw["potentials"]["md"] |= {"radial_basis": "phys", "energy_shifts_eV": None}

    def change(raw):
        raw["potentials"]["md"] |= {"radial_basis": "bessel"}

    before, after = hashes(), hashes(change)
    assert hashes(spell_out) == before
    assert {name for name in before if before[name] != after[name]} == {"md"}


def test_options_of_a_potential_are_those_of_its_sweeps():
    own = {"Li": -1.0, "La": -8.0, "Zr": -9.0, "O": -4.0}

    def change(raw):
        raw["potentials"]["relax"] |= {"layer_norm": "pre", "energy_shifts_eV": own}

    for point in sweep_points(campaign(change), "degrees_sweep"):
        assert point.settings.layer_norm == "pre"
        assert point.settings.energy_shifts_eV == own


def test_a_choice_of_frames_is_another_model():
    def choose(raw):
        raw["potentials"]["md"]["training"]["selection"] = "farthest_point"

    before, after = hashes(), hashes(choose)
    assert {name for name in before if before[name] != after[name]} == {"md"}
    assert Identities(campaign(choose), ROOT).variants["md"].selection == "md"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda raw: raw["potentials"]["relax"].update(features=88, degrees=[1, 2]),
            r"degrees_sweep: point l012: features = 88 is not divisible by 3 degrees",
        ),
        (
            lambda raw: raw["potentials"]["md"]["training"].update(microbatch=4),
            r"potentials.md.training: microbatch = 4: expected a divisor of batch_size",
        ),
        (
            lambda raw: raw["learning_curve"].update(n_train=[]),
            r"learning_curve.n_train = \[\]: .*at least 1 item",
        ),
        (
            lambda raw: raw["learning_curve"].update(training={"epochs": 3}),
            r"learning_curve.training.epochs = 3: unknown key; did you mean 'max_epochs'",
        ),
    ],
)
def test_impossible_sweeps_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        campaign(change)
