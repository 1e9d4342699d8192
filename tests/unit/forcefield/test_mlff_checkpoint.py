"""Import of a checkpoint folder that mlff's own training loop wrote."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from confvib.errors import ModelError
from confvib.forcefield.checkpoint import fingerprint, load_model, save_model
from confvib.forcefield.mlff_checkpoint import import_mlff_checkpoint
from confvib.forcefield.model import flat_parameters
from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.potential import force_fn, so3krates_energy_fn
from confvib.forcefield.settings import So3kratesSettings

DATA = Path(__file__).parent / "data"
SPECIES = (3, 8, 40, 57)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Unpack the folder: network of width 8, two layers, three optimiser steps."""
    folder = tmp_path_factory.mktemp("mlff")
    shutil.unpack_archive(DATA / "mlff_checkpoint.tar.xz", folder, filter="data")
    return folder / "mlff_checkpoint"


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


@pytest.fixture(scope="module")
def imported(original):
    return import_mlff_checkpoint(original, species=SPECIES)


def edit(path, *keys, value):
    """Change one entry of a JSON file; returns nothing."""
    content = json.loads(path.read_text())
    entry = content
    for key in keys[:-1]:
        entry = entry[key]
    entry[keys[-1]] = value
    path.write_text(json.dumps(content))


def edit_layer(folder, name, value, t=0):
    path = folder / "hyperparameters.json"
    edit(path, "stack_net", "layers", t, "so3krates_layer", name, value=value)


def edit_module(folder, section, module, name, value):
    path = folder / "hyperparameters.json"
    edit(path, "stack_net", section, 0, module, name, value=value)


def test_energy_and_forces_are_those_of_mlff(imported):
    golden = json.loads((DATA / "so3krates_mlff.json").read_text())["checkpoint"]
    with np.load(DATA / "so3krates_mlff.npz") as arrays:
        numbers, cell, positions = (
            arrays[f"triclinic/{part}"] for part in ("numbers", "cell", "positions")
        )
    capacity = neighbor_capacity(positions, cell=cell, cutoff_A=5.0, margin=0)
    fn = so3krates_energy_fn(imported, numbers, cell, capacity=capacity, dtype="float64")
    energy_eV, forces, overflow = jax.jit(force_fn(fn))(positions)
    assert not overflow
    expected = np.array(golden["forces_eV_per_A"])
    shift_eV = golden["shift_eV"]
    assert abs(shift_eV + 70.0) < 5.0  # the mean label was about -70 eV
    assert abs(energy_eV - shift_eV - golden["energy_eV"]) < 1e-9
    assert np.abs(expected).max() > 1e-5
    np.testing.assert_allclose(forces, expected, atol=1e-7 * np.abs(expected).max())


def test_the_architecture_is_read_from_the_folder(imported):
    assert imported.settings == So3kratesSettings(
        features=8, heads=2, layers=2, degrees=(1, 2), residual_networks="interaction"
    )
    assert imported.species == SPECIES
    assert imported.data_hash == "mlff:mlff_checkpoint/ckpt_3"
    leaves = flat_parameters(imported.parameters).values()
    assert {leaf.dtype for leaf in leaves} == {np.dtype("float32")}


def test_it_survives_our_own_checkpoint(imported, tmp_path):
    save_model(imported, tmp_path / "model.msgpack")
    loaded = load_model(tmp_path / "model.msgpack")
    assert loaded.settings == imported.settings
    assert fingerprint(loaded) == fingerprint(imported)


def test_shift_and_species_are_options(original):
    without = import_mlff_checkpoint(original, add_shift=False)
    np.testing.assert_array_equal(without.shifts_eV, 0.0)
    assert without.species == tuple(range(1, 100))
    with pytest.raises(ModelError, match=r"species \[100\] .* between 1 and 99"):
        import_mlff_checkpoint(original, species=[8, 100])


def test_the_highest_step_counts_as_a_number(folder, imported):
    (folder / "ckpt_3").rename(folder / "ckpt_10")
    (folder / "ckpt_9" / "state").mkdir(parents=True)
    again = import_mlff_checkpoint(folder, species=SPECIES)
    assert fingerprint(again) == fingerprint(imported)


def test_a_scale_multiplies_the_energies_but_not_the_shift(folder, imported):
    edit(folder / "scales.json", "energy", "scale", value=2.5)
    edit_module(folder, "observables", "energy", "per_atom_scale", [1.0] * 57 + [3.0])
    edit_module(folder, "observables", "energy", "per_atom_shift", [0.25] * 100)
    scaled = import_mlff_checkpoint(folder)
    factors = scaled.parameters["species_scale"]
    np.testing.assert_array_equal(factors[[8, 56, 57]], [2.5, 2.5, 7.5])
    np.testing.assert_allclose(
        scaled.shifts_eV[1:] - imported.shifts_eV[1:], 2.5 * 0.25, rtol=1e-13
    )
    assert scaled.species == tuple(
        range(1, 58)
    )  # beyond, mlff's energies are not numbers


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("non_local_sphc", True, r"non_local_sphc = True, expected False"),
        ("chi_cut", 3.0, r"chi_cut = 3.0, expected None"),
        ("fb_attention", "softmax", r"fb_attention = 'softmax', expected 'conv_att'"),
        ("surprise", 7, r"layers\[0\].so3krates_layer.surprise = 7, expected no such"),
        ("gb_filter", "radial", r"layers\[1\].so3krates_layer.gb_filter = 'radial_sp"),
        ("n_heads", 3, r"layers\[1\].so3krates_layer.n_heads = 2, expected 3"),
        ("fb_rad_filter_features", [16, 8], r"features = \[16, 8\], expected \[8, 8\]"),
        ("degrees", [1], r"layers\[0\].so3krates_layer.degrees = \[1\], expected \[1, 2"),
    ],
)
def test_a_layer_option_that_does_not_exist_here_is_named(folder, name, value, message):
    edit_layer(folder, name, value)
    with pytest.raises(ModelError, match=message):
        import_mlff_checkpoint(folder)


@pytest.mark.parametrize(
    ("section", "module", "name", "value", "message"),
    [
        (
            *("geometry_embeddings", "geometry_embed"),
            *("radial_cutoff_fn", "polynomial_cutoff_fn"),
            r"option radial_cutoff_fn = 'polynomial_cutoff_fn', expected one of cosine",
        ),
        (
            *("geometry_embeddings", "geometry_embed"),
            *("radial_basis_function", "fourier"),
            r"option radial_basis_function = 'fourier', expected one of phys, bernstein",
        ),
        (
            *("geometry_embeddings", "geometry_embed", "solid_harmonic", True),
            r"geometry_embeddings\[0\].geometry_embed.solid_harmonic = True, expected F",
        ),
        (
            *("feature_embeddings", "atom_type_embed", "num_embeddings", 119),
            r"atom_type_embed.num_embeddings = 119, expected 100",
        ),
        (
            *("observables", "energy", "zbl_repulsion_shift", -0.5),
            r"observables\[0\].energy.zbl_repulsion_shift = -0.5, expected 0.0",
        ),
    ],
)
def test_an_option_of_another_module_is_named(
    folder, section, module, name, value, message
):
    edit_module(folder, section, module, name, value)
    with pytest.raises(ModelError, match=message):
        import_mlff_checkpoint(folder)


def test_an_unknown_filter_is_refused(folder):
    for t in (0, 1):
        edit_layer(folder, "fb_filter", "bilinear", t)
    with pytest.raises(
        ModelError, match=r"option fb_filter = 'bilinear', expected one of radial_sph"
    ):
        import_mlff_checkpoint(folder)


def test_degrees_beyond_three_are_refused(folder):
    for t in (0, 1):
        edit_layer(folder, "degrees", [1, 4], t)
    edit_module(folder, "geometry_embeddings", "geometry_embed", "degrees", [1, 4])
    with pytest.raises(
        ModelError, match=r"hyperparameters.json: degrees must .* 0..3, got \(1, 4\)"
    ):
        import_mlff_checkpoint(folder)


def test_another_module_is_named(folder):
    path = folder / "hyperparameters.json"
    edit(path, "stack_net", "layers", 1, value={"so3kratace_layer": {}})
    with pytest.raises(
        ModelError,
        match=r"layers\[1\] = \['so3kratace_layer'\], expected so3krates_layer",
    ):
        import_mlff_checkpoint(folder)
    edit(path, "stack_net", "observables", value=[])
    with pytest.raises(ModelError, match=r"observables = \[\], expected one energy"):
        import_mlff_checkpoint(folder)
    path.write_text('{"model": {}}')
    with pytest.raises(ModelError, match=r"no section stack_net, .* sections are model"):
        import_mlff_checkpoint(folder)


def test_norms_behind_some_layers_only_are_refused(folder):
    for t in (0, 1):
        edit_layer(folder, "layer_normalization", True, t)
    edit_layer(folder, "final_layer", True, 0)
    with pytest.raises(ModelError, match=r"final_layer = \[True, False\], expected true"):
        import_mlff_checkpoint(folder)


def test_parameters_must_fit_the_description(folder):
    for t in (0, 1):
        edit_layer(folder, "residual_mlp_2", False, t)
    with pytest.raises(
        ModelError, match=r"layers_0/ResidualMLP_0/Dense_0/kernel .* belongs to no part"
    ):
        import_mlff_checkpoint(folder)
    for t in (0, 1):
        edit_layer(folder, "residual_mlp_2", True, t)
    edit_module(folder, "geometry_embeddings", "geometry_embed", "n_rbf", 16)
    with pytest.raises(
        ModelError,
        match=r"VmapMLP_0/layers_0/kernel has shape \(1, 32, 8\), expected \(16, 8\)",
    ):
        import_mlff_checkpoint(folder)
    edit_module(folder, "observables", "energy", "zbl_repulsion", True)
    edit_module(folder, "geometry_embeddings", "geometry_embed", "n_rbf", 32)
    with pytest.raises(
        ModelError, match=r"ZBLRepulsion_0/c1 has shape nothing, expected \(1,\)"
    ):
        import_mlff_checkpoint(folder)


def test_a_scale_of_a_repulsive_network_is_refused(folder):
    edit_module(folder, "observables", "energy", "zbl_repulsion", True)
    edit(folder / "scales.json", "energy", "scale", value=2.0)
    with pytest.raises(ModelError, match=r"energy.scale = 2.0 .* expected 1.0 where zbl"):
        import_mlff_checkpoint(folder)


def test_missing_and_broken_files_are_named(folder):
    manifest = folder / "ckpt_3" / "state" / "manifest.ocdbt"
    manifest.unlink()
    with pytest.raises(ModelError, match=r"ckpt_3.state cannot be read by orbax: "):
        import_mlff_checkpoint(folder)
    (folder / "ckpt_3" / "state" / "_METADATA").unlink()
    with pytest.raises(ModelError, match=r"cannot be read by orbax: .*_METADATA"):
        import_mlff_checkpoint(folder)
    shutil.rmtree(folder / "ckpt_3" / "state")
    with pytest.raises(ModelError, match=r"no folder .*ckpt_3.state"):
        import_mlff_checkpoint(folder)
    shutil.rmtree(folder / "ckpt_3")
    with pytest.raises(ModelError, match=r"no folder ckpt_<number> in .*copy"):
        import_mlff_checkpoint(folder)
    edit(folder / "scales.json", "energy", value={})
    (folder / "ckpt_3" / "state").mkdir(parents=True)
    with pytest.raises(ModelError, match=r"scales.json has no energy.per_atom_shift"):
        import_mlff_checkpoint(folder)
    (folder / "scales.json").unlink()
    with pytest.raises(ModelError, match=r"no scales.json in .*copy, expected an mlff"):
        import_mlff_checkpoint(folder)
    (folder / "hyperparameters.json").write_text("{")
    with pytest.raises(ModelError, match=r"hyperparameters.json is not JSON"):
        import_mlff_checkpoint(folder)
