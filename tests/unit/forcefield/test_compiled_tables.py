import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.errors import ModelError
from confvib.forcefield.attention import PairFilter
from confvib.forcefield.compiled.polynomials import MOST_CELLS, tabulate
from confvib.forcefield.compiled.radial_tables import radial_tables
from confvib.forcefield.model import cast_parameters
from confvib.forcefield.network import So3kratesSettings
from confvib.forcefield.radial import radial_basis


def waves(t):
    return np.stack([np.sin(9 * t), np.exp(-3 * t), np.ones_like(t)], axis=-1)


def test_values_slopes_and_curvatures_of_known_functions():
    table = tabulate(waves, 0.2, 1.4, tolerance=1e-12)
    evaluate = table.evaluator(np.float64)
    t = np.random.default_rng(0).uniform(0.2, 1.4, 500)

    def total(t, weights):
        return jnp.sum(evaluate(t, None) * weights)

    np.testing.assert_allclose(evaluate(jnp.asarray(t), None), waves(t), atol=2e-12)
    weights = jnp.asarray([1.0, 1.0, 1.0])
    slope = jax.grad(total)
    expected = 9 * np.cos(9 * t) - 3 * np.exp(-3 * t)
    np.testing.assert_allclose(slope(jnp.asarray(t), weights), expected, atol=1e-9)
    ones = jnp.ones_like(t)
    bend = jax.jvp(lambda t: slope(t, weights), (jnp.asarray(t),), (ones,))[1]
    expected = -81 * np.sin(9 * t) + 9 * np.exp(-3 * t)
    np.testing.assert_allclose(bend, expected, atol=1e-6)


def test_rows_choose_among_sets_of_functions():
    def rows(t):
        return np.stack([waves(t), 2 * waves(t)], axis=1)

    evaluate = tabulate(rows, 0.0, 1.0, tolerance=1e-10).evaluator(np.float64)
    t = np.array([0.3, 0.3, 0.9])
    picked = evaluate(jnp.asarray(t), jnp.array([0, 1, 1], jnp.int32))
    expected = waves(t) * [[1], [2], [2]]
    np.testing.assert_allclose(picked, expected, atol=1e-9)


def test_single_precision_slopes_are_as_good_as_values():
    table = tabulate(waves, 0.2, 1.4, tolerance=1e-8)
    evaluate = table.evaluator(np.float32)
    t = np.random.default_rng(1).uniform(0.2, 1.4, 2000).astype(np.float32)
    slope = jax.grad(lambda t: jnp.sum(evaluate(t, None)[:, 0]))(jnp.asarray(t))
    assert slope.dtype == jnp.float32
    exact = 9 * np.cos(9 * t.astype(np.float64))
    assert np.abs(slope - exact).max() < 9 * 2e-6


def test_functions_that_no_table_holds_are_refused():
    with pytest.raises(ModelError, match=f"vary too fast to be tabulated: {MOST_CELLS}"):
        tabulate(lambda t: np.sign(t - 0.5001)[:, None], 0.0, 1.0, tolerance=1e-8)


@pytest.mark.parametrize(("tolerance", "accuracy"), [(1e-8, 3e-7), (1e-12, 3e-11)])
def test_filters_follow_from_the_basis(model, tolerance, accuracy):
    tables = radial_tables(model, (3, 8), shortest_A=1.1, tolerance=tolerance)
    assert abs(tables.shortest_A - 1.1) < 1e-12
    distance = np.random.default_rng(2).uniform(1.1, 4.0, 1000)
    basis = tables.basis.evaluator(np.float64)(jnp.exp(-distance), None)
    parameters = cast_parameters(model.parameters, np.float64)
    for message in ("feature", "geometric"):
        weights = parameters["attention_1"][message]["filter"]
        exact = PairFilter(12, angular=False).apply(
            {"params": weights},
            radial_basis(jnp.asarray(distance), cutoff_A=4.0, n_functions=32),
            None,
        )
        found = basis @ tables.mixing[f"attention_1/{message}"]
        constant = weights["angular_out"]["bias"]
        np.testing.assert_allclose(found, exact + constant, atol=accuracy)


def test_rank_grows_with_the_tolerance_and_is_below_the_number_of_filters(model):
    ranks = [
        radial_tables(model, (3,), shortest_A=1.0, tolerance=tolerance).rank
        for tolerance in (1e-4, 1e-8, 1e-12)
    ]
    assert ranks == sorted(ranks)
    assert 4 < ranks[0] < ranks[-1] <= 24


def test_one_layer_needs_no_basis(make_model):
    settings = So3kratesSettings(features=12, heads=2, layers=1, cutoff_A=4.0)
    tables = radial_tables(make_model(settings), (3,), shortest_A=1.0, tolerance=1e-8)
    assert tables.basis is None
    assert tables.rank == 0
