"""Options of the network: their parameters, their description and their errors."""

import subprocess
import sys

import jax
import numpy as np
import pytest

from confvib.errors import ModelError
from confvib.forcefield.model import flat_parameters, initial_parameters
from confvib.forcefield.settings import (
    So3kratesSettings,
    describe,
    options_in_use,
    settings_from,
)


def names_of(settings):
    tree = jax.eval_shape(lambda: initial_parameters(settings, jax.random.key(0)))
    return set(flat_parameters(tree))


def test_options_add_and_remove_exactly_their_parameters():
    plain = So3kratesSettings(features=12, heads=2, layers=1)
    default = names_of(plain)

    def changed(**options):
        settings = So3kratesSettings(features=12, heads=2, layers=1, **options)
        names = names_of(settings)
        return names - default, default - names

    assert changed(radial_basis="bernstein", cutoff_function="phys") == (set(), set())
    assert changed(chi_normalization=3.0) == (set(), set())
    assert changed(radial_basis="rbf") == ({"basis/centers", "basis/widths"}, set())
    assert changed(species_scale=True) == ({"species_scale"}, set())
    assert changed(residual_networks="interaction")[0] == {
        f"residual_interaction_0/{name}/kernel" for name in ("first", "second", "out")
    }
    assert changed(layer_norm="pre_and_last")[0] == {
        f"norm_{place}_0/{leaf}"
        for place in ("attention", "interaction", "output")
        for leaf in ("bias", "scale")
    }
    assert changed(angular_filters="geometric")[1] == {
        f"attention_0/feature/filter/angular_{layer}/{leaf}"
        for layer in ("hidden", "out")
        for leaf in ("bias", "kernel")
    }
    assert changed(short_range_repulsion=True)[0] == {
        f"repulsion/{name}"
        for name in ("exponents", "coefficients", "power", "inverse_length")
    }


def test_factors_of_the_species_start_at_one(make_model, make_evaluator, positions, cell):
    settings = So3kratesSettings(features=12, heads=2, layers=1, species_scale=True)
    start = initial_parameters(settings, jax.random.key(0))
    np.testing.assert_array_equal(start["species_scale"], np.ones(100))
    tripled = make_model(settings)
    tripled.parameters["species_scale"][:] = 3.0
    plain = make_model(So3kratesSettings(features=12, heads=2, layers=1))
    plain.parameters.update({name: tripled.parameters[name] for name in plain.parameters})
    energies = [
        make_evaluator(model, cell, 130)(positions, np.full(10, 8), cell)[0]
        for model in (plain, tripled)
    ]
    assert abs(energies[1] - 3.0 * energies[0]) < 1e-12 * abs(energies[0])


def test_the_description_leaves_defaults_out(everything):
    default = So3kratesSettings()
    assert describe(default) == {
        "features": 132,
        "heads": 4,
        "layers": 2,
        "degrees": (1, 2, 3),
        "cutoff_A": 5.0,
        "radial_functions": 32,
    }
    for settings in (default, everything, So3kratesSettings(layer_norm="pre")):
        assert settings_from(describe(settings)) == settings
    small = So3kratesSettings(features=12, degrees=(0,), layer_norm="pre")
    assert options_in_use(small) == {"layer_norm": "pre"}
    assert describe(small)["layer_norm"] == "pre"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("radial_basis", "fourier", r"radial_basis must be one of phys, .*'fourier'"),
        ("cutoff_function", "none", r"cutoff_function must be one of cosine, phys, exp"),
        ("angular_filters", "all", r"angular_filters must be one of both, feature, geo"),
        ("residual_networks", 1, r"residual_networks must be one of none, attention, "),
        ("layer_norm", True, r"layer_norm must be one of none, pre, .* got True"),
        ("chi_normalization", 0.0, r"chi_normalization must be positive or None, got 0"),
        ("softmax", True, r"softmax = True, which is no option .* known are angular_fil"),
    ],
)
def test_impossible_options_are_refused(option, value, message):
    with pytest.raises(ModelError, match=message):
        settings_from({option: value})


def test_the_settings_need_no_jax():
    """The campaign's configuration may name the choices without loading JAX."""
    code = "import sys, confvib.forcefield.settings; print('jax' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"
