"""When a compiled force field is refused, and when its results carry a flag."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.errors import ModelError
from confvib.forcefield.compiled import compiler
from confvib.forcefield.compiled.compiler import (
    compile_model,
    fastest_energy_fn,
    unsupported_option,
)
from confvib.forcefield.compiled.radial_tables import radial_tables
from confvib.forcefield.compiled.self_check import Agreement
from confvib.forcefield.network import So3kratesSettings
from confvib.forcefield.potential import force_fn, so3krates_energy_fn

CAPACITY = 60
SMALL = So3kratesSettings(features=12, heads=2, layers=2, degrees=(0, 1), cutoff_A=4.0)


@pytest.fixture(scope="module")
def small_model(make_model):
    return make_model(SMALL, seed=2)


@pytest.fixture
def unchecked(monkeypatch):
    agreement = Agreement("nothing", 0.0, 0.0)
    monkeypatch.setattr(compiler, "check_distances", lambda *_: agreement)


def energy_fn_of(model, numbers, cell, *, at_once=32, capacity=CAPACITY, frames=None):
    return compile_model(
        model,
        numbers,
        cell,
        dtype=jnp.float64,
        capacity=capacity,
        frames=frames,
        pairs_at_once=at_once,
    ).energy_fn


OPTIONS = {
    "angular_filters": "none",
    "residual_networks": "both",
    "layer_norm": "pre",
    "chi_normalization": 17.0,
    "species_scale": True,
    "short_range_repulsion": True,
}


@pytest.mark.parametrize("option", OPTIONS)
def test_options_that_are_not_compiled_are_refused_by_name(make_model, option):
    model = make_model(replace(SMALL, **{option: OPTIONS[option]}))
    assert unsupported_option(model.settings) == option
    message = (
        f"a model with {option} = {OPTIONS[option]!r} cannot be compiled; use the plain "
        "evaluator"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        energy_fn_of(model, [8], 9.0 * np.eye(3))


def test_every_option_of_the_paper_is_compiled():
    for settings in (SMALL, So3kratesSettings(), So3kratesSettings(layers=3)):
        assert unsupported_option(settings) is None
    basis = replace(SMALL, radial_basis="rbf", cutoff_function="exponential")
    assert unsupported_option(basis) is None


def test_the_fastest_is_the_plain_one_for_other_options(
    make_model, numbers, cell, positions
):
    model = make_model(replace(SMALL, layers=1, layer_norm="pre"))
    options = {"capacity": CAPACITY, "dtype": jnp.float64}
    fastest = fastest_energy_fn(model, numbers, cell, frames=positions[None], **options)
    plain = so3krates_energy_fn(model, numbers, cell, **options)
    assert jax.jit(fastest)(positions)[0] == jax.jit(plain)(positions)[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"capacity": 0}, "capacity must be >= 1 neighbour slot, got 0"),
        ({"dtype": jnp.float16}, "dtype must be float32 or float64, got float16"),
        ({"numbers": [8, 11]}, r"atomic numbers \[11\] are not among those the model"),
        ({"cell": np.zeros((3, 3))}, "cell must enclose a volume"),
        (
            {"frames": np.zeros((2, 3))},
            r"frames must have shape \(B, 2, 3\) with B >= 1, got \(2, 3\)",
        ),
        (
            {"frames": np.zeros((0, 2, 3))},
            r"frames must have shape \(B, 2, 3\) with B >= 1, got \(0, 2, 3\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(small_model, changes, message):
    arguments = {
        "numbers": [8, 8],
        "cell": 9.0 * np.eye(3),
        "dtype": jnp.float64,
        "capacity": 4,
    }
    with pytest.raises(ModelError, match=message):
        compile_model(small_model, **(arguments | changes))


def damaged_tables(*args, **options):
    """Tables whose first layer is wrong by one part in a thousand."""
    tables = radial_tables(*args, **options)
    contact = replace(tables.contact, coefficients=1.001 * tables.contact.coefficients)
    return replace(tables, contact=contact)


def test_wrong_tables_are_refused(monkeypatch, small_model, numbers, cell):
    monkeypatch.setattr(compiler, "radial_tables", damaged_tables)
    number = r"\d\.\d\de[+-]\d\d"
    message = (
        "^the compiled force field disagrees with the plain one on 10240 random "
        rf"distances: forces differ by {number} of the force \(of 1 eV/Å where it is "
        rf"smaller\), expected at most {number}$"
    )
    with pytest.raises(ModelError, match=message):
        energy_fn_of(small_model, numbers, cell)


def test_frames_find_what_pairs_alone_do_not(
    monkeypatch, small_model, numbers, cell, positions
):
    """A lattice translation that is lost shows in a crystal only."""
    pair_vectors = compiler.pair_vectors

    def without_translations(positions, pairs, cell):
        return pair_vectors(
            positions, replace(pairs, shifts=jnp.sign(pairs.shifts)), 1.001 * cell
        )

    monkeypatch.setattr(compiler, "pair_vectors", without_translations)
    with pytest.raises(ModelError, match="disagrees with the plain one on 1 frames"):
        energy_fn_of(small_model, numbers, cell, frames=positions[None])


@pytest.mark.usefixtures("unchecked")
def test_frames_with_too_many_neighbours_are_refused(
    small_model, numbers, cell, positions
):
    message = (
        r"frames \[0\] to check the compiled force field with do not fit its tables: "
        "too many neighbours or two atoms too close"
    )
    with pytest.raises(ModelError, match=message):
        energy_fn_of(small_model, numbers, cell, capacity=6, frames=positions[None])


def test_the_limit_follows_the_precision():
    double = Agreement("frames", 2e-6, 0.0)
    assert double.limit == 1e-6
    single = replace(double, noise=1e-6)
    assert single.limit == 8e-6
    single.require()
    message = (
        "the compiled force field disagrees with the plain one on frames: forces differ "
        "by 2.00e-06 of the force (of 1 eV/Å where it is smaller), expected at most "
        "1.00e-06"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        double.require()
    with pytest.raises(ModelError, match="forces differ by nan of the force"):
        replace(single, error=np.nan).require()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("at_once", [32, 0])
def test_overflow_is_a_flag(small_model, numbers, cell, positions, at_once):
    for capacity, overflow in ((6, True), (CAPACITY, False)):
        energy_fn = energy_fn_of(
            small_model, numbers, cell, at_once=at_once, capacity=capacity
        )
        assert bool(jax.jit(energy_fn)(positions)[1]) is overflow


@pytest.mark.usefixtures("unchecked")
def test_atoms_below_the_tables_raise_the_flag_of_their_system_alone(make_model):
    """Tables start at 1 Å, or at 0.8 of the closest pair of the frames."""
    model = make_model(replace(SMALL, layers=1), seed=2)
    numbers, cell = [8, 8], 9.0 * np.eye(3)
    lengths = jnp.array([0.99, 1.01, 0.85, 3.0])
    batch = jnp.zeros((4, 2, 3)).at[:, 1, 0].set(lengths)
    for frames, expected in (
        (None, [True, False, True, False]),
        (np.asarray(batch[:1]), [False, False, False, False]),
        (np.asarray(batch[3:]), [True, False, True, False]),
    ):
        energy_fn = energy_fn_of(model, numbers, cell, capacity=4, frames=frames)
        flags = jax.jit(jax.vmap(energy_fn))(batch)[1]
        np.testing.assert_array_equal(flags, expected)


def products(program):
    """Lines of a lowered program that multiply matrices."""
    return [line for line in program.as_text().splitlines() if "dot_general" in line]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", ["plain", "blocks", "gathered"])
def test_no_product_is_left_to_the_precision_of_the_caller(
    small_model, numbers, cell, positions, kind
):
    """TF32, the default of some cards, makes forces wrong by a part in a thousand."""
    start = jnp.asarray(positions, jnp.float32)
    with jax.default_matmul_precision("tensorfloat32"):
        if kind == "plain":
            energy_fn = so3krates_energy_fn(
                small_model, numbers, cell, capacity=CAPACITY, dtype=jnp.float32
            )
        else:
            energy_fn = compile_model(
                small_model,
                numbers,
                cell,
                dtype=jnp.float32,
                capacity=CAPACITY,
                pairs_at_once=32 if kind == "blocks" else 0,
            ).energy_fn
        forces = force_fn(energy_fn)

        def curvature(positions):
            return jax.jvp(lambda x: forces(x)[1], (positions,), (positions,))[1]

        for evaluate in (energy_fn, forces, curvature):
            lines = products(jax.jit(evaluate).lower(start))
            assert len(lines) > 10
            assert all("precision = [HIGHEST, HIGHEST]" in line for line in lines)
