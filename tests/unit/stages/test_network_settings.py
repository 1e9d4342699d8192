"""The architecture of a campaign's force field is what its configuration says."""

import copy
from pathlib import Path

import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.identity import Identities
from confvib.forcefield.settings import So3kratesSettings, describe
from confvib.stages.train_potential import network_settings, training_settings

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def trained_with(**options):
    raw = copy.deepcopy(DEFAULT)
    raw["potentials"]["md"] |= options
    return Identities(load_campaign(raw, ROOT), ROOT).training("md")


def test_the_default_is_the_papers_architecture():
    assert network_settings(trained_with()) == So3kratesSettings(layers=3)
    settings = training_settings(trained_with(), microbatch=0)
    assert (settings.beta, settings.batch_size, settings.max_epochs) == (0.99, 10, 1000)
    assert settings.energy_shifts_eV == ()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("radial_basis", "bernstein"),
        ("cutoff_function", "exponential"),
        ("angular_filters", "feature"),
        ("residual_networks", "both"),
        ("layer_norm", "pre_and_last"),
        ("chi_normalization", 17.0),
        ("species_scale", True),
        ("short_range_repulsion", True),
    ],
)
def test_every_option_of_the_network_can_be_configured(option, value):
    found = network_settings(trained_with(**{option: value}))
    assert describe(found) == describe(So3kratesSettings(layers=3)) | {option: value}


def test_energies_of_species_reach_the_training():
    own = {"Zr": -9.0, "O": -4.0, "Li": -1.0, "La": -8.0}
    settings = training_settings(trained_with(energy_shifts_eV=own), microbatch=0)
    assert dict(settings.energy_shifts_eV) == own
