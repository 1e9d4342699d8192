"""The compiled force field gives the numbers of the plain one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.dynamics.hessian import hessian
from confvib.forcefield.compiled import compiler
from confvib.forcefield.compiled.compiler import compile_model, fastest_energy_fn
from confvib.forcefield.compiled.layout import PAIRS_AT_ONCE
from confvib.forcefield.compiled.radial_tables import radial_tables
from confvib.forcefield.compiled.self_check import Agreement
from confvib.forcefield.network import So3kratesSettings
from confvib.forcefield.potential import force_fn, so3krates_energy_fn

CAPACITY = 60
LAYOUTS = {"blocks": 32, "gathered": 0}
"""Pairs at once: blocks as on a processor, all pairs with gathered sums as on a GPU."""

VARIANTS = {
    "one layer, scalars": {
        "layers": 1,
        "degrees": (0,),
        "radial_basis": "bessel",
        "cutoff_function": "phys",
    },
    "two layers, vectors": {
        "layers": 2,
        "degrees": (0, 1),
        "radial_basis": "bernstein",
        "cutoff_function": "exponential",
    },
    "three layers, as in the paper": {"layers": 3, "degrees": (1, 2, 3)},
    "learned basis": {"layers": 2, "degrees": (1, 2, 3), "radial_basis": "rbf"},
}


@pytest.fixture(scope="module")
def known_tables():
    return {}


@pytest.fixture
def unchecked(monkeypatch, known_tables):
    """Leave the comparison to the test, and tabulate a model once for both layouts."""

    def tables(model, species, **options):
        key = (id(model), species, *options.values())
        if key not in known_tables:
            known_tables[key] = radial_tables(model, species, **options), model
        return known_tables[key][0]

    agreement = Agreement("nothing", 0.0, 0.0)
    monkeypatch.setattr(compiler, "check_distances", lambda *_: agreement)
    monkeypatch.setattr(compiler, "radial_tables", tables)


def settings_of(variant):
    return So3kratesSettings(features=12, heads=2, cutoff_A=4.0, **variant)


def compiled_fn(model, numbers, cell, layout, dtype=jnp.float64, capacity=CAPACITY):
    return compile_model(
        model,
        numbers,
        cell,
        dtype=dtype,
        capacity=capacity,
        pairs_at_once=LAYOUTS[layout],
    ).energy_fn


def plain_fn(model, numbers, cell, dtype=jnp.float64, capacity=CAPACITY):
    return so3krates_energy_fn(model, numbers, cell, capacity=capacity, dtype=dtype)


def evaluated(energy_fn, positions, dtype=jnp.float64):
    energy_eV, forces, trouble = jax.jit(force_fn(energy_fn))(
        jnp.asarray(positions, dtype)
    )
    assert not trouble
    assert energy_eV.dtype == forces.dtype == dtype
    return float(energy_eV), np.asarray(forces, np.float64)


def require_equal(found, expected, tolerance=1e-8):
    """Compare energy and forces relative to the largest force, at least 1 eV/Å."""
    scale = max(1.0, np.abs(expected[1]).max())
    assert abs(found[0] - expected[0]) < tolerance * scale
    assert np.abs(found[1] - expected[1]).max() < tolerance * scale


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("name", "layouts"),
    [
        ("one layer, scalars", ["blocks"]),
        ("two layers, vectors", ["gathered"]),
        ("three layers, as in the paper", ["blocks", "gathered"]),
        pytest.param("learned basis", ["blocks"], marks=pytest.mark.slow),
    ],
)
def test_energies_and_forces_are_those_of_the_plain_model(
    make_model, numbers, cell, positions, name, layouts
):
    """The cell is smaller than the cutoff's sphere: neighbours in several images."""
    model = make_model(settings_of(VARIANTS[name]), seed=1)
    expected = evaluated(plain_fn(model, numbers, cell), positions)
    assert np.abs(expected[1]).max() > 0.05
    for layout in layouts:
        found = evaluated(compiled_fn(model, numbers, cell, layout), positions)
        require_equal(found, expected)


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("degrees", [(0,), (0, 1), (0, 1, 2, 3), (1, 2, 3)])
def test_every_depth_and_degree(make_model, numbers, cell, positions, layers, degrees):
    choices = itertools.product(
        ("phys", "bernstein", "rbf", "bessel"), ("cosine", "phys", "exponential")
    )
    for basis, cutoff in list(choices)[layers + len(degrees) :: 5]:
        settings = settings_of(
            {
                "layers": layers,
                "degrees": degrees,
                "radial_basis": basis,
                "cutoff_function": cutoff,
            }
        )
        model = make_model(settings, seed=layers)
        expected = evaluated(plain_fn(model, numbers, cell), positions)
        for layout in LAYOUTS:
            found = evaluated(compiled_fn(model, numbers, cell, layout), positions)
            require_equal(found, expected)


@pytest.mark.usefixtures("unchecked")
def test_atoms_may_be_their_own_neighbours(model, numbers, cell, positions):
    expected = evaluated(
        plain_fn(model, numbers, 0.8 * cell, capacity=120), 0.8 * positions
    )
    energy_fn = compiled_fn(model, numbers, 0.8 * cell, "gathered", capacity=120)
    require_equal(evaluated(energy_fn, 0.8 * positions), expected)


@pytest.mark.usefixtures("unchecked")
def test_an_atom_without_neighbours_has_an_energy(make_model):
    model = make_model(settings_of({"layers": 1, "degrees": (0,)}), seed=1)
    alone = [8], 30.0 * np.eye(3)
    expected = evaluated(plain_fn(model, *alone, capacity=1), np.zeros((1, 3)))
    for layout in LAYOUTS:
        found = evaluated(compiled_fn(model, *alone, layout), np.zeros((1, 3)))
        require_equal(found, expected)
        np.testing.assert_array_equal(found[1], 0.0)


def test_single_precision_is_as_good_as_that_of_the_plain_model(
    model, numbers, cell, positions
):
    compiled = compile_model(
        model,
        numbers,
        cell,
        dtype=jnp.float32,
        capacity=CAPACITY,
        frames=positions[None],
    )
    assert compiled.shortest_A == pytest.approx(1.0)
    assert 4 < compiled.rank <= 24
    assert compiled.pair_capacity % PAIRS_AT_ONCE == 0
    subjects = [check.subject for check in compiled.checks]
    assert subjects == ["10240 random distances", "1 frames"]
    for check in compiled.checks:
        assert 0 < check.error < 3 * check.noise


SLOW_BLOCKS = ["gathered", pytest.param("blocks", marks=pytest.mark.slow)]
SLOW_GATHERED = ["blocks", pytest.param("gathered", marks=pytest.mark.slow)]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("layout", SLOW_GATHERED)
def test_hessian_is_that_of_the_plain_model(make_model, numbers, cell, positions, layout):
    model = make_model(settings_of({"layers": 2, "degrees": (0, 1)}), seed=1)
    expected = hessian(plain_fn(model, numbers, cell), positions)
    largest = np.abs(expected.matrix_eV_per_A2).max()
    found = hessian(compiled_fn(model, numbers, cell, layout), positions)
    error = np.abs(found.matrix_eV_per_A2 - expected.matrix_eV_per_A2).max()
    assert error < 1e-6 * largest
    assert found.asymmetry < 1e-9


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("layout", SLOW_BLOCKS)
def test_no_system_of_a_batch_touches_another(model, numbers, cell, positions, layout):
    evaluate = force_fn(compiled_fn(model, numbers, cell, layout, jnp.float32))
    rng = np.random.default_rng(4)
    batch = positions + 0.02 * rng.normal(size=(3, *positions.shape))
    batch = jnp.asarray(batch, jnp.float32)
    broken = batch.at[1, 4, 2].set(jnp.nan)
    together = jax.jit(jax.vmap(evaluate))
    whole, poisoned = together(batch), together(broken)
    swapped = together(batch[jnp.array([2, 1, 0])])
    for kind in range(3):  # energies, forces, flags: equal to the last bit
        for slot in (0, 2):
            np.testing.assert_array_equal(poisoned[kind][slot], whole[kind][slot])
            np.testing.assert_array_equal(swapped[kind][2 - slot], whole[kind][slot])
    assert not np.isfinite(poisoned[0][1])
    alone = together(batch[:1])  # another program, so only as good as its rounding
    np.testing.assert_allclose(alone[1], whole[1][:1], atol=1e-5)


@pytest.mark.usefixtures("unchecked")
def test_the_fastest_is_the_compiled_one_where_it_can_be(model, numbers, cell, positions):
    fastest = fastest_energy_fn(
        model, numbers, cell, capacity=CAPACITY, dtype=jnp.float64
    )
    found = evaluated(fastest, positions)
    expected = evaluated(plain_fn(model, numbers, cell), positions)
    require_equal(found, expected)
    assert found[0] != expected[0]  # another order of operations, so not the same one
