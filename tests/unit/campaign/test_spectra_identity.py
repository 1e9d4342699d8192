"""What changes the hash of the averaged spectra."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.identity import Identities
from confvib.campaign.spectra_identity import averaged_spectra, spectra_inputs

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def loaded(changes=()):
    raw = copy.deepcopy(DEFAULT)
    for section, values in dict(changes).items():
        raw[section] |= values
    campaign = load_campaign(raw, ROOT)
    return campaign, Identities(campaign, ROOT)


def hash_of(changes=()):
    return averaged_spectra(*loaded(changes), "12_44")


def spectrum(**values):
    return {"dynamics": {"spectrum": DEFAULT["dynamics"]["spectrum"] | values}}


@pytest.mark.parametrize(
    "changes",
    [
        spectrum(resolution_THz=0.5),
        spectrum(bin_THz=0.2),
        {"harmonic": {"fmax_eV_per_A": 5e-4}},
        {"dynamics": {"temperatures_K": [300]}},
        {"dynamics": {"production_fs": 8000}},
        {"crystal": {"equivalence": "pair_distances"}},
        {"relaxation": {"fmax_eV_per_A": 0.05}},
    ],
)
def test_what_the_spectra_depend_on_changes_their_hash(changes):
    assert hash_of(changes) != hash_of()


@pytest.mark.parametrize(
    "changes",
    [
        {"thermodynamics": {"bootstrap_samples": 30}},
        {"dynamics": {"batch_size": 1}},
        {"surrogate": {"repeats": 3}},
    ],
)
def test_other_changes_do_not(changes):
    assert hash_of(changes) == hash_of()


def test_inputs_are_the_tables_of_the_set_temperature_by_temperature():
    campaign, identities = loaded()
    found = spectra_inputs(identities, "12_44")
    n_chunks = campaign.sets["12_44"].chunks
    assert {kind: len(hashes) for kind, hashes in found.items()} == {
        "configurations": 1,
        "relaxed": n_chunks,
        "harmonic": n_chunks,
        "dynamics": 2 * n_chunks,
    }
    assert found["dynamics"][n_chunks] == identities.dynamics("12_44", 1500.0, "0000")
