"""The pair table: closed forms typed from the publication, branches, switch and tail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from confvib.errors import LabelError
from confvib.reference.buckingham import (
    PAIRS_WITH_OXYGEN,
    buckingham_eV,
    charges,
    pair_arrays,
    switch,
    tail_eV_A3,
)

NUMBER = {"Li": 3, "O": 8, "Zr": 40, "La": 57}


def pair_energy(symbol, distance_A, other="O"):
    pair = pair_arrays(np.array([NUMBER[symbol]]), np.array([NUMBER[other]]), jnp.float64)
    return buckingham_eV(jnp.asarray(distance_A), jax.tree.map(lambda x: x[0], pair))


@pytest.mark.parametrize(
    ("symbol", "distance_A", "expected_eV"),
    [
        ("O", 2.9, 2029.2204 * np.exp(-2.9 / 0.343640) - 192.580 / 2.9**6),
        ("Li", 1.9, 41051.9380 * np.exp(-1.9 / 0.151160)),
        ("La", 2.5, 4369.3900 * np.exp(-2.5 / 0.278600) - 60.278 / 2.5**6),
        ("Zr", 2.1, 17943.3840 * np.exp(-2.1 / 0.226627) - 127.650 / 2.1**6),
        ("O", 1.5, 46.462 / 1.5**3.430 - 0.32605 * 1.5**2),
        ("La", 1.1, 75.669457 / 1.1**2.810890 - 4.482141 * 1.1**2),
        ("Zr", 1.1, 108.655 / 1.1**3.3050 - 8.481 * 1.1**2),
    ],
)
def test_energy_is_the_published_formula(symbol, distance_A, expected_eV):
    assert float(pair_energy(symbol, distance_A)) == pytest.approx(expected_eV, rel=1e-12)


def test_pairs_of_cations_have_no_short_range_term():
    distances = jnp.linspace(0.5, 6.0, 12)
    np.testing.assert_array_equal(pair_energy("Li", distances, other="La"), 0.0)


@pytest.mark.parametrize(
    ("symbol", "energy_step_eV", "slope_step_eV_per_A"),
    [("O", -9.35e-4, 1.81e-3), ("La", 1.4e-6, 6e-7), ("Zr", 1.81e-3, 2.01e-3)],
)
def test_branches_meet_at_r0_but_for_the_printed_digits(
    symbol, energy_step_eV, slope_step_eV_per_A
):
    r0 = PAIRS_WITH_OXYGEN[symbol].r0_A
    ends = jnp.array([r0, np.nextafter(r0, 10.0)])
    energy, slope = jax.jvp(
        lambda r: pair_energy(symbol, r), (ends,), (jnp.ones_like(ends),)
    )
    assert energy[1] - energy[0] == pytest.approx(energy_step_eV, rel=0.03)
    assert slope[1] - slope[0] == pytest.approx(slope_step_eV_per_A, rel=0.06)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_derivatives_are_finite_where_the_other_branch_overflows(dtype):
    pair = pair_arrays(np.array([8, 57, 40]), np.array([8, 8, 8]), dtype)

    @jax.jit
    def derivatives(r):
        slope = jax.grad(lambda x: jnp.sum(buckingham_eV(x, pair)))
        return jax.jvp(slope, (r,), (jnp.ones_like(r),))

    # 1e-7 Å: r^-6 of the outer branch overflows float32.
    first, second = derivatives(jnp.full(3, 1e-7, dtype))
    assert first.dtype == dtype
    assert np.isfinite(first).all()
    assert np.isfinite(derivatives(jnp.full(3, 1.0, dtype))[1]).all()
    assert np.isfinite(derivatives(jnp.full(3, 9.0, dtype))[1]).all()
    assert dtype == jnp.float32 or np.isfinite(second).all()


def test_switch_ends_with_two_vanishing_derivatives():
    def value(r):
        return switch(r, onset_A=5.0, cutoff_A=6.0)

    slope, curvature = jax.jit(jax.grad(value)), jax.jit(jax.grad(jax.grad(value)))
    assert [float(value(r)) for r in (4.0, 5.0, 5.5, 6.0, 7.0)] == [1, 1, 0.5, 0, 0]
    for end in (5.0, 6.0):
        for side in (-1e-9, 1e-9):
            assert abs(slope(end + side)) < 1e-15
            assert abs(curvature(end + side)) < 1e-6
    r = np.linspace(5.0, 6.0, 101)
    assert (np.diff(value(r)) < 0).all()


def test_tail_is_the_integral_of_what_the_switch_removes():
    numbers = np.array([8] * 5 + [3] * 2 + [57] + [40] * 3)
    count = {"O": 5, "Li": 2, "La": 1, "Zr": 3}
    onset, cutoff = 3.0, 4.5
    expected = 0.0
    for symbol, n in count.items():

        @jax.jit
        def removed(r, symbol=symbol):
            kept = switch(r, onset_A=onset, cutoff_A=cutoff)
            return (1 - kept) * pair_energy(symbol, r) * r**2

        integral = (
            quad(removed, onset, cutoff, epsabs=1e-12)[0]
            + quad(removed, cutoff, 40.0, epsabs=1e-12)[0]
        )
        integral -= PAIRS_WITH_OXYGEN[symbol].C_eV_A6 / (3 * 40.0**3)
        expected += 2 * np.pi * (1 if symbol == "O" else 2) * n * 5 * integral
    tail = tail_eV_A3(numbers, onset_A=onset, cutoff_A=cutoff)
    assert tail == pytest.approx(expected, rel=1e-9)


def test_unknown_species_are_named():
    with pytest.raises(LabelError) as error:
        charges(np.array([8, 3, 31, 13]))
    assert str(error.value) == (
        "the ionic potential has no parameters for Al, Ga; it knows La, Li, O, Zr"
    )
