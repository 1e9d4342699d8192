import dataclasses
import json

import flax.serialization
import jax
import numpy as np
import pytest

from confvib.errors import ModelError
from confvib.forcefield.checkpoint import fingerprint, load_model, save_model
from confvib.forcefield.model import flat_parameters
from confvib.forcefield.network import So3kratesSettings


@pytest.fixture(scope="module")
def small_model(make_model):
    return make_model(So3kratesSettings(features=12, heads=2, layers=1, cutoff_A=3.5))


@pytest.fixture
def saved(small_model, tmp_path):
    path = tmp_path / "models" / "relax.msgpack"
    save_model(small_model, path)
    return path


def edit(path, change):
    payload = flax.serialization.msgpack_restore(path.read_bytes())
    change(payload)
    path.write_bytes(flax.serialization.msgpack_serialize(payload))


def test_round_trip_is_bitwise(small_model, saved):
    loaded = load_model(saved)
    assert loaded.settings == small_model.settings
    assert loaded.species == small_model.species
    assert (loaded.role, loaded.data_hash) == ("test", "none")
    np.testing.assert_array_equal(loaded.shifts_eV, small_model.shifts_eV)
    before = flat_parameters(small_model.parameters)
    after = flat_parameters(loaded.parameters)
    assert before.keys() == after.keys()
    for name, leaf in before.items():
        assert np.asarray(leaf).tobytes() == np.asarray(after[name]).tobytes(), name
    assert fingerprint(loaded) == fingerprint(small_model)
    assert [entry.name for entry in saved.parent.iterdir()] == ["relax.msgpack"]


def test_options_and_their_parameters_survive(make_model, tmp_path):
    settings = So3kratesSettings(
        features=12,
        heads=2,
        layers=1,
        radial_basis="rbf",
        layer_norm="pre_and_last",
        chi_normalization=12.5,
        short_range_repulsion=True,
    )
    model = make_model(settings)
    save_model(model, tmp_path / "model.msgpack")
    loaded = load_model(tmp_path / "model.msgpack")
    assert loaded.settings == settings
    assert fingerprint(loaded) == fingerprint(model)
    assert "repulsion/exponents" in flat_parameters(loaded.parameters)


def test_a_file_with_an_unknown_option_is_refused(saved):
    def extend(payload):
        header = json.loads(payload["header"])
        header["settings"]["charges"] = True
        payload["header"] = json.dumps(header)

    edit(saved, extend)
    with pytest.raises(ModelError, match=r"charges = True, which is no option of So3kr"):
        load_model(saved)


def test_options_at_their_default_leave_no_trace_in_the_file(saved):
    """So files written before an option existed keep their fingerprint."""
    header = json.loads(flax.serialization.msgpack_restore(saved.read_bytes())["header"])
    assert set(header["settings"]) == {
        "cutoff_A",
        "degrees",
        "features",
        "heads",
        "layers",
        "radial_functions",
    }


def test_the_file_describes_itself(saved):
    payload = flax.serialization.msgpack_restore(saved.read_bytes())
    header = json.loads(payload["header"])
    assert header["format"] == "confvib-force-field"
    assert header["units"] == {"length": "Å", "energy": "eV per cell", "force": "eV/Å"}
    assert header["settings"]["cutoff_A"] == 3.5
    assert "attention_0/feature/query/kernel" in payload["parameters"]


def test_fingerprint_sees_settings_shifts_and_every_parameter(small_model):
    own = fingerprint(small_model)
    shifted = small_model.shifts_eV + 1e-12
    longer = dataclasses.replace(small_model.settings, cutoff_A=3.6)
    changed = [
        dataclasses.replace(small_model, shifts_eV=shifted),
        dataclasses.replace(small_model, settings=longer),
    ]
    leaves, structure = jax.tree.flatten(small_model.parameters)
    for index in range(len(leaves)):
        other = [np.array(leaf) for leaf in leaves]
        other[index].flat[0] += 1e-3
        parameters = jax.tree.unflatten(structure, other)
        changed.append(dataclasses.replace(small_model, parameters=parameters))
    prints = {fingerprint(model) for model in changed}
    assert own not in prints
    assert len(prints) == len(changed)
    renamed = dataclasses.replace(small_model, role="md", data_hash="other")
    assert fingerprint(renamed) == own


def test_a_wrong_shape_is_named_by_its_leaf(saved):
    name = "attention_0/value/kernel"

    def shrink(payload):
        payload["parameters"][name] = payload["parameters"][name][:, :, :5]

    edit(saved, shrink)
    with pytest.raises(
        ModelError,
        match=rf"{name} has shape \(2, 6, 5\), expected \(2, 6, 6\)",
    ):
        load_model(saved)


def test_a_missing_and_an_unknown_leaf_are_named(saved):
    edit(saved, lambda payload: payload["parameters"].pop("energy_out/bias"))
    with pytest.raises(
        ModelError, match=r"energy_out/bias has shape nothing, expected \(1,\)"
    ):
        load_model(saved)
    edit(saved, lambda p: p["parameters"].update({"energy_out/bias": np.zeros(1)}))
    edit(saved, lambda p: p["parameters"].update({"a/b": np.zeros(3)}))
    with pytest.raises(ModelError, match=r"a/b has shape \(3,\), expected nothing"):
        load_model(saved)


def test_a_changed_number_is_found_by_the_fingerprint(saved):
    def nudge(payload):
        leaf = np.array(payload["parameters"]["energy_out/bias"])
        payload["parameters"]["energy_out/bias"] = leaf + np.float32(1e-3)

    edit(saved, nudge)
    with pytest.raises(ModelError, match=r"the file was changed after it was written"):
        load_model(saved)


def test_other_files_are_refused_by_name(saved, tmp_path):
    with pytest.raises(ModelError, match=r"no force field at .*absent.msgpack"):
        load_model(tmp_path / "absent.msgpack")
    garbage = tmp_path / "garbage.msgpack"
    garbage.write_bytes(b"\xc1not msgpack")
    with pytest.raises(ModelError, match=r"garbage.msgpack is not a force-field file"):
        load_model(garbage)

    def age(payload):
        header = json.loads(payload["header"])
        payload["header"] = json.dumps({**header, "format_version": 99})

    edit(saved, age)
    with pytest.raises(
        ModelError,
        match=r"confvib-force-field version 99, expected confvib-force-field version 1",
    ):
        load_model(saved)


def test_a_failed_write_leaves_the_old_file(small_model, saved, monkeypatch):
    before = saved.read_bytes()

    def fail(_descriptor):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(small_model, saved)
    assert saved.read_bytes() == before
    assert [entry.name for entry in saved.parent.iterdir()] == ["relax.msgpack"]
