import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.errors import ModelError
from confvib.forcefield.checkpoint import fingerprint, load_model, save_model
from confvib.forcefield.compiled import compiler
from confvib.forcefield.compiled.self_check import Agreement
from confvib.forcefield.model import TrainedModel, initial_parameters
from confvib.forcefield.network import So3kratesSettings
from confvib.forcefield.potential import force_fn, so3krates_energy_fn
from confvib.stages.potentials import Drive, bind

SETTINGS = So3kratesSettings(
    features=8, heads=2, layers=2, degrees=(1,), cutoff_A=3.0, radial_functions=6
)
NUMBERS = np.array([8, 57, 8, 57])
CELL = np.diag([4.0, 4.2, 4.4])
STARTS = np.array([[[0.0, 0, 0], [2.0, 2, 0], [0, 2, 2], [2, 0.1, 2]]])


@pytest.fixture(scope="module", autouse=True)
def quick_compilation():
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def drive_with(tmp_path):
    def make(**options):
        settings = replace(SETTINGS, **options)
        path = str(tmp_path / "model.msgpack")
        parameters = initial_parameters(settings, jax.random.key(1))
        shifts_eV = np.linspace(0.0, -9.9, 100)
        model = TrainedModel(settings, parameters, shifts_eV, (8, 57), "md", "d", "hash")
        save_model(model, path)
        return Drive(path, "hash", {})

    return make


def test_a_force_field_is_compiled_checked_and_announced(drive_with):
    drive = drive_with()
    lines = []
    energy_fn = bind(drive, NUMBERS, CELL, STARTS, "float64", say=lines.append)
    model = load_model(drive.model_path)
    assert drive.fingerprint() == fingerprint(model)
    plain = so3krates_energy_fn(model, NUMBERS, CELL, capacity=40, dtype=jnp.float64)
    moved = STARTS[0] + 0.05 * np.random.default_rng(0).normal(size=(4, 3))
    found, expected = (
        jax.jit(force_fn(function))(moved) for function in (energy_fn, plain)
    )
    assert not found[2]
    np.testing.assert_allclose(found[0], expected[0], atol=1e-8)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-8)
    figure = r"\d\.\de-\d\d of the plain model's"
    assert re.fullmatch(
        r"compiled force field: rank \d+, 128 pair slots, distances from 1\.00 Å; "
        rf"forces on 10240 random distances within {figure}; "
        rf"forces on 1 frames within {figure}",
        lines.pop(),
    )
    assert not lines


def test_a_force_field_with_other_options_runs_as_it_is(drive_with):
    drive = drive_with(layer_norm="pre")
    lines = []
    energy_fn = bind(drive, NUMBERS, CELL, STARTS, "float32", say=lines.append)
    assert lines == ["plain force field: one with layer_norm is not compiled"]
    energy_eV, overflow = jax.jit(energy_fn)(STARTS[0].astype(np.float32))
    assert energy_eV.dtype == jnp.float32
    assert not overflow


def test_a_compiled_force_field_that_disagrees_ends_the_job(drive_with, monkeypatch):
    wrong = Agreement("10240 random distances", 1e-3, 0.0)
    monkeypatch.setattr(compiler, "check_distances", lambda *_: wrong)
    with pytest.raises(ModelError, match="compiled force field disagrees with the plain"):
        bind(drive_with(), NUMBERS, CELL, STARTS, "float64")


def test_a_model_of_another_campaign_is_refused(drive_with):
    drive = replace(drive_with(), expected_hash="other")
    with pytest.raises(ModelError, match="made from configuration 'hash', but this camp"):
        bind(drive, NUMBERS, CELL, STARTS, "float64")
