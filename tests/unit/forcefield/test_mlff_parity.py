"""Energies, forces and stress against mlff's own, from stored numbers.

benchmarks/mlff/make_golden.py wrote the numbers and states the rule for the parameters.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.forcefield.mlff_hyperparameters import read_network
from confvib.forcefield.mlff_leaves import parameters_from
from confvib.forcefield.model import TrainedModel
from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.strain import stress_fn

DATA = Path(__file__).parent / "data"
CUTOFF_A = 5.0

ZBL = ("a1", "a2", "a3", "a4", "c1", "c2", "c3", "c4", "p", "d")
ZBL_START = (3.2, 0.9423, 0.4028, 0.2016, 0.1818, 0.5099, 0.2802, 0.02817, 0.23, 2.134)

# From uniform numbers u of unit variance to a leaf, by the leaf's name.
RULES = {
    "kernel": lambda u: 0.8 * u / np.sqrt(u.shape[-2]),
    "bias": lambda u: 0.2 * u,
    "embedding": lambda u: 0.7 * u,
    "scale": lambda u: 1.0 + 0.2 * u,
    "centers": lambda u: np.linspace(0.0, CUTOFF_A, u.size) + 0.05 * u,
    "widths": lambda u: CUTOFF_A / (u.size - 1) * (1.0 + 0.1 * u),
}


@cache
def golden():
    """Return the cases, the networks by name, and the arrays by name."""
    content = json.loads((DATA / "so3krates_mlff.json").read_text())
    with np.load(DATA / "so3krates_mlff.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    return content, arrays


def case_names():
    """Return (network, structure) of every case."""
    return [(case["name"], case["structure"]) for case in golden()[0]["cases"]]


def drawn_leaves(shapes, seed):
    """Draw all leaves in the order of their paths, from the raw bits of Philox."""
    generator = np.random.Philox(seed)
    leaves = {}
    for path in sorted(shapes):
        shape = tuple(shapes[path])
        raw = generator.random_raw(int(np.prod(shape))) >> np.uint64(11)
        u = np.sqrt(3.0) * (2.0 * raw.astype(np.float64) / 2.0**53 - 1.0)
        name = path.rsplit("/", 1)[-1]
        if name in ZBL:
            start = ZBL_START[ZBL.index(name)]
            leaf = np.log(np.expm1(start)) + 0.1 * u
        else:
            leaf = RULES[name](u.reshape(shape))
        leaves[path] = leaf.astype(np.float32)
    return leaves


def golden_model(name):
    """Build the force field of a golden network through the importer's own steps."""
    content, _ = golden()
    described = content["networks"][name]
    network = read_network(described["hyperparameters"])
    settings = replace(network.settings, species_scale=network.scale is not None)
    leaves = drawn_leaves(described["leaves"], content["seed"])
    parameters = parameters_from(leaves, settings, name)
    if network.scale is not None:
        parameters["species_scale"] = np.asarray(network.scale, np.float32)
    shifts_eV = np.zeros(100) if network.shift_eV is None else np.array(network.shift_eV)
    return TrainedModel(settings, parameters, shifts_eV, tuple(range(1, 100)), "g", "g")


def structure(name):
    """Return numbers, cell and positions of a golden structure."""
    _, arrays = golden()
    return tuple(arrays[f"{name}/{part}"] for part in ("numbers", "cell", "positions"))


def expected(name, structure_name):
    """Return mlff's energy [eV], forces [eV/Å] and strain derivative [eV]."""
    content, arrays = golden()
    energies = {
        (case["name"], case["structure"]): case["energy_eV"] for case in content["cases"]
    }
    key = f"{name}/{structure_name}"
    forces = arrays[f"{key}/forces_eV_per_A"]
    return energies[name, structure_name], forces, arrays[f"{key}/strain_derivative_eV"]


# mlff holds the constants of one contraction in float32, which leaves up to 1e-8.
TOLERANCE = {"float64": 3e-8, "float32": 1e-4}


def evaluate(name, structure_name, dtype):
    model = golden_model(name)
    numbers, cell, positions = structure(structure_name)
    cutoff_A = model.settings.cutoff_A
    capacity = neighbor_capacity(positions, cell=cell, cutoff_A=cutoff_A, margin=0)
    fn = stress_fn(model, numbers, cell, capacity=capacity, dtype=dtype)
    energy_eV, forces, stress, overflow = jax.jit(fn)(positions)
    assert not overflow
    volume_A3 = abs(np.linalg.det(cell))
    return float(energy_eV), np.asarray(forces), np.asarray(stress) * volume_A3


def require_parity(name, structure_name, dtype, tolerance=None):
    energy_eV, forces, derivative = expected(name, structure_name)
    found = evaluate(name, structure_name, dtype)
    tolerance = tolerance or TOLERANCE[dtype]
    assert abs(found[0] - energy_eV) < tolerance * abs(energy_eV)
    assert np.abs(found[1] - forces).max() < tolerance * np.abs(forces).max()
    assert np.abs(found[2] - derivative).max() < tolerance * np.abs(derivative).max()


def test_one_ordinary_case():
    require_parity("degrees_0123_T2", "triclinic", "float64")


def test_many_options_at_once_in_float32():
    require_parity("all_at_once", "triclinic", "float32")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "structure_name"), case_names())
def test_every_case(name, structure_name, dtype):
    require_parity(name, structure_name, dtype)


def contract_as_mlff(vectors, degrees):
    """The contraction of the interaction block with constants of float32."""
    sizes = [2 * degree + 1 for degree in degrees]
    constants = np.repeat(np.float32(1.0 / np.sqrt(sizes)), sizes)
    members = np.repeat(np.eye(len(degrees)), sizes, axis=1) * constants
    return vectors**2 @ jnp.asarray(members.T, vectors.dtype)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["degrees_123_T3", "residual_both", "norm", "zbl", "all_at_once"]
)
def test_with_the_same_constants_only_rounding_is_left(name, monkeypatch):
    monkeypatch.setattr("confvib.forcefield.network.contract", contract_as_mlff)
    place = "close" if name == "zbl" else "triclinic"
    require_parity(name, place, "float64", tolerance=1e-12)


def test_degree_zero_agrees_to_rounding():
    """Its constant is one, so float32 holds it exactly."""
    require_parity("degrees_0_T2", "triclinic", "float64", tolerance=1e-13)


def test_the_cases_cover_what_they_promise():
    names = {name for name, _ in case_names()}
    sets = ("0", "01", "012", "0123", "123")
    assert {f"degrees_{s}_T{t}" for s in sets for t in (2, 3)} <= names
    assert {("paper_T2", "llzo"), ("paper_T3", "llzo")} <= set(case_names())
    assert len(structure("llzo")[0]) == 192
    _, cell, _ = structure("triclinic")
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    assert heights.max() < 2 * 5.0  # several images of one neighbour
