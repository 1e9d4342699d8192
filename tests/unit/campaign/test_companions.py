"""A companion is the campaign under an overlay; a mistake in it names its path."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.companions import (
    companions,
    is_companion,
    phases_of,
    trained_for,
)
from confvib.campaign.config import Campaign, load_campaign
from confvib.campaign.identity import Identities
from confvib.campaign.phase_identity import force_fields
from confvib.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
TETRAGONAL = {
    key: value
    for key, value in DEFAULT["phases"]["tetragonal"].items()
    if key not in ("force_field", "reported")
}
IONIC_STAGES = {
    stage: DEFAULT[stage] | {"potential": "reference"}
    for stage in ("relaxation", "harmonic")
}
IONIC = {"relaxation": {"potential": "reference"}, "harmonic": {"potential": "reference"}}


def campaign_with(phases=None, **sections):
    raw = {**copy.deepcopy(DEFAULT), "phases": phases or {}, **sections}
    return raw, load_campaign(raw, ROOT)


def companions_of(phases=None, **sections):
    raw, campaign = campaign_with(phases, **sections)
    identities = Identities(campaign, ROOT)
    found = companions(raw, campaign, identities, ROOT)
    return identities, {name: load_campaign(each, ROOT) for name, each in found.items()}


def changed(path, value):
    overlay = copy.deepcopy(TETRAGONAL)
    section = overlay
    *parents, last = path
    for key in parents:
        section = section.setdefault(key, {})
    section[last] = value
    return overlay


def test_a_phase_is_the_campaign_with_another_crystal():
    _, found = companions_of({"tetragonal": TETRAGONAL})
    phase = found["tetragonal"]
    assert phase.campaign == "llzo/tetragonal"
    assert is_companion(phase)
    assert list(phase.sets) == ["ordered"]
    assert phase.crystal.site_groups == {"8a": "Li", "16f": "Li", "32g": "Li"}
    main = Campaign.model_validate(DEFAULT | {"phases": {}})
    assert phase.dynamics == main.dynamics
    assert phase.potentials == main.potentials
    # Targets beside the campaign are not the phase's.
    assert phase.learning_curve is None
    assert phase.crosscheck is None
    assert phase.phases == {}


def test_an_own_force_field_learns_from_the_phase_alone():
    identities, found = companions_of({"tetragonal": TETRAGONAL})
    own = Identities(found["tetragonal"], ROOT)
    assert own.model("relax") != identities.model("relax")
    assert trained_for(found["tetragonal"]) == ["relax", "md"]


def test_a_shared_force_field_is_the_very_one_of_the_campaign():
    # Without label sections: nothing is labelled for such a phase.
    overlay = {key: TETRAGONAL[key] for key in ("crystal", "sets")}
    identities, found = companions_of({"t": {**overlay, "force_field": "shared"}})
    shared = Identities(found["t"], ROOT)
    for name in ("relax", "md"):
        assert shared.model(name) == identities.model(name)
        path = found["t"].models[name].path
        assert path.as_posix() == f"results/llzo/models/{name}/model.msgpack"
    assert shared.relaxed("ordered", "0000") != identities.relaxed("12_44", "0000")
    assert trained_for(found["t"]) == []


def test_a_committee_of_the_campaign_is_not_trained_again_for_a_phase():
    potentials = copy.deepcopy(DEFAULT["potentials"])
    potentials["relax"]["committee"] = 3
    phases = {name: TETRAGONAL | {"force_field": name} for name in ("shared", "own")}
    identities, found = companions_of(phases, potentials=potentials)
    assert len(identities.committee_members()) == 3
    assert Identities(found["shared"], ROOT).committee_members() == []
    assert len(Identities(found["own"], ROOT).committee_members()) == 3


def test_a_phase_changes_no_hash_of_the_campaign():
    identities, _ = companions_of({"tetragonal": TETRAGONAL})
    without, _ = companions_of()
    assert identities.thermodynamics("all") == without.thermodynamics("all")
    assert identities.model("md") == without.model("md")


def test_the_exact_companion_differs_in_what_moves_the_atoms():
    labels = copy.deepcopy(DEFAULT["labels"]) | {"engine": "ionic"}
    identities, found = companions_of(exact=IONIC, labels=labels)
    exact = Identities(found["exact"], ROOT)
    assert found["exact"].campaign == "llzo/exact"
    assert exact.configurations("12_44") == identities.configurations("12_44")
    assert exact.relaxed("12_44", "0000") != identities.relaxed("12_44", "0000")
    # What is left on a force field is on the campaign's; none is trained.
    assert exact.potential("md") == identities.potential("md")
    assert trained_for(found["exact"]) == []


MISTAKES = {
    "a value": (
        changed(("sets", "ordered", "chunks"), 0),
        "  phases.t.sets.ordered.chunks = 0: Input should be greater than or equal to 1",
    ),
    "an unknown key": (
        changed(("dynamcs",), {}),
        "  phases.t.dynamcs = {}: unknown key; did you mean 'dynamics'?",
    ),
    "a set of the campaign": (
        changed(("labels", "heating", "set"), "12_44"),
        "  phases.t.labels.heating.set = '12_44': expected one of ['ordered']",
    ),
    "an impossible composition": (
        changed(("sets", "ordered", "counts", "8a"), 7),
        "phases.t.sets.ordered.counts = {'8a': 7, '16f': 16, '32g': 32}: 55 Li in the "
        "cell; crystal.formula = 'Li7La3Zr2O12' needs 56",
    ),
    "another composition": (
        changed(("crystal", "formula"), "La2Zr2O7"),
        "phases.t.crystal.formula = 'La2Zr2O7': ",
    ),
    "another engine": (
        changed(("labels", "engine"), "ionic"),
        "phases.t.labels.engine = 'ionic': expected 'vasp' as in the campaign",
    ),
    "other settings of the engine": (
        changed(("labels", "vasp"), {"incar": {"ENCUT": 520}}),
        "phases.t.labels.vasp.incar = ",
    ),
    "no such file": (
        changed(("crystal", "structure"), "no.cif"),
        "phases.t.crystal.structure = 'no.cif': no such file",
    ),
    "a phase of a phase": (
        changed(("phases",), {}),
        "phases.t.phases: a companion takes no key 'phases'",
    ),
}


@pytest.mark.parametrize(("overlay", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_its_path_once(overlay, message):
    with pytest.raises(ConfigError) as error:
        companions_of({"t": overlay})
    assert str(error.value).count(message) == 1
    assert str(error.value).count("phases.t.") == 1


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("relaxed", {}, "phases.relaxed: 'relaxed' is a folder or rule of every"),
        ("beta-phase", {}, "phases.beta-phase"),
        (
            "t",
            {"force_field": "yours"},
            "phases.t.force_field = 'yours': Input should be 'own' or 'shared'",
        ),
    ],
)
def test_names_and_force_fields_are_checked_first(name, settings, message):
    with pytest.raises(ConfigError, match=message):
        campaign_with({name: settings})


def test_what_follows_the_cell_may_differ():
    overlay = changed(("labels", "vasp"), {"kpoints": [2, 2, 2], "command": "vasp_std"})
    _, found = companions_of({"t": overlay})
    assert found["t"].labels.vasp.kpoints == (2, 2, 2)


def test_a_level_says_whose_force_fields_it_rests_on():
    raw, campaign = campaign_with({"t": TETRAGONAL})
    configs = companions(raw, campaign, Identities(campaign, ROOT), ROOT)
    (own,) = phases_of(campaign, configs, ROOT).values()
    assert force_fields(campaign, own.campaign, "conf+md") == "own"
    assert own.set == "ordered"
    raw, campaign = campaign_with({"t": TETRAGONAL | {"force_field": "shared"}})
    configs = companions(raw, campaign, Identities(campaign, ROOT), ROOT)
    (shared,) = phases_of(campaign, configs, ROOT).values()
    assert force_fields(campaign, shared.campaign, "conf+md") == "shared"
    labels = copy.deepcopy(DEFAULT["labels"]) | {"engine": "ionic"}
    raw, campaign = campaign_with({"t": TETRAGONAL}, labels=labels, **IONIC_STAGES)
    configs = companions(raw, campaign, Identities(campaign, ROOT), ROOT)
    (exact,) = phases_of(campaign, configs, ROOT).values()
    assert force_fields(campaign, exact.campaign, "conf+harmonic") == "reference"
    assert force_fields(campaign, exact.campaign, "conf+md") == "own"


def test_copies_change_hashes_only_where_there_are_several():
    def label(copies):
        labels = copy.deepcopy(DEFAULT["labels"])
        labels["relaxation"] |= copies
        _, campaign = campaign_with(labels=labels)
        return Identities(campaign, ROOT).labels("relaxation", "0000")

    assert label({}) == label({"copies": 1})
    assert label({}) != label({"copies": 2})


def test_exact_needs_the_built_in_potential():
    with pytest.raises(ConfigError) as error:
        companions_of(exact=IONIC)
    assert "exact.relaxation.potential = 'reference': expected labels.engine" in str(
        error.value
    )
