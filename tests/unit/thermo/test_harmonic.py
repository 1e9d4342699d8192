"""Harmonic functionals against closed forms, finite differences and ASE."""

import numpy as np
import pytest
from ase.thermochemistry import HarmonicThermo as AseHarmonicThermo

from confvib.errors import GridError, SumRuleError, ThermodynamicsError
from confvib.thermo.harmonic import (
    harmonic_from_modes,
    harmonic_from_states,
    harmonic_thermo,
)
from confvib.units import BOLTZMANN_EV_PER_K, PLANCK_EV_PER_THZ

KB = BOLTZMANN_EV_PER_K
MODES = np.array([0.8, 3.0, 7.5, 12.0, 19.5])
TEMPERATURES = np.array([20.0, 150.0, 300.0, 900.0, 1500.0])


def test_einstein_oscillator():
    nu, T = 9.7, 300.0
    energy = PLANCK_EV_PER_THZ * nu
    x = energy / (KB * T)
    thermo = harmonic_from_modes([nu], [T])
    assert thermo.free_energy_eV[0] == pytest.approx(
        KB * T * np.log(2 * np.sinh(x / 2)), rel=1e-13
    )
    assert thermo.internal_energy_eV[0] == pytest.approx(
        energy / 2 / np.tanh(x / 2), rel=1e-13
    )
    assert thermo.heat_capacity_eV_per_K[0] == pytest.approx(
        KB * (x / 2 / np.sinh(x / 2)) ** 2, rel=1e-13
    )
    assert thermo.entropy_eV_per_K[0] == pytest.approx(
        KB * (x / np.expm1(x) - np.log1p(-np.exp(-x))), rel=1e-13
    )
    assert thermo.zero_point_energy_eV == pytest.approx(energy / 2, rel=1e-15)


def test_classical_closed_form():
    thermo = harmonic_from_modes(MODES, TEMPERATURES, statistics="classical")
    x = PLANCK_EV_PER_THZ * MODES / (KB * TEMPERATURES[:, None])
    np.testing.assert_allclose(
        thermo.free_energy_eV, KB * TEMPERATURES * np.log(x).sum(axis=1), rtol=1e-13
    )
    np.testing.assert_allclose(
        thermo.entropy_eV_per_K, KB * (1 - np.log(x)).sum(axis=1), rtol=1e-13
    )
    np.testing.assert_allclose(thermo.heat_capacity_eV_per_K, 5 * KB, rtol=1e-15)
    assert thermo.zero_point_energy_eV == 0.0


@pytest.mark.parametrize("statistics", ["quantum", "classical"])
def test_free_energy_is_u_minus_ts(statistics):
    thermo = harmonic_from_modes(MODES, TEMPERATURES, statistics=statistics)
    np.testing.assert_allclose(
        thermo.free_energy_eV,
        thermo.internal_energy_eV - TEMPERATURES * thermo.entropy_eV_per_K,
        rtol=1e-12,
    )


@pytest.mark.parametrize("statistics", ["quantum", "classical"])
def test_entropy_and_heat_capacity_are_derivatives(statistics):
    step = 1e-3 * TEMPERATURES
    above, here, below = (
        harmonic_from_modes(MODES, T, statistics=statistics)
        for T in (TEMPERATURES + step, TEMPERATURES, TEMPERATURES - step)
    )
    minus_slope = (below.free_energy_eV - above.free_energy_eV) / (2 * step)
    np.testing.assert_allclose(here.entropy_eV_per_K, minus_slope, rtol=3e-5)
    slope = (above.internal_energy_eV - below.internal_energy_eV) / (2 * step)
    np.testing.assert_allclose(here.heat_capacity_eV_per_K, slope, rtol=3e-4)


def test_agrees_with_ase():
    ase_thermo = AseHarmonicThermo(vib_energies=PLANCK_EV_PER_THZ * MODES)
    thermo = harmonic_from_modes(MODES, TEMPERATURES)
    for i, T in enumerate(TEMPERATURES):
        # ASE carries CODATA 2014 constants: 6e-7 relative.
        assert thermo.free_energy_eV[i] == pytest.approx(
            ase_thermo.get_helmholtz_energy(T, verbose=False), rel=1e-5
        )
        assert thermo.entropy_eV_per_K[i] == pytest.approx(
            ase_thermo.get_entropy(T, verbose=False), rel=1e-5
        )
        assert thermo.internal_energy_eV[i] == pytest.approx(
            ase_thermo.get_internal_energy(T, verbose=False), rel=1e-5
        )


def test_zero_temperature_is_the_limit():
    cold = harmonic_from_modes(MODES, [0.0, 1e-310, 1e-6])
    zero_point = PLANCK_EV_PER_THZ * MODES.sum() / 2
    np.testing.assert_allclose(cold.free_energy_eV, zero_point, rtol=1e-15)
    np.testing.assert_allclose(cold.internal_energy_eV, zero_point, rtol=1e-15)
    np.testing.assert_array_equal(cold.entropy_eV_per_K, 0.0)
    np.testing.assert_array_equal(cold.heat_capacity_eV_per_K, 0.0)


def test_soft_and_hot_modes_reach_the_classical_limit():
    quantum = harmonic_from_modes([1e-9], [1e4])
    classical = harmonic_from_modes([1e-9], [1e4], statistics="classical")
    assert quantum.entropy_eV_per_K[0] == pytest.approx(
        classical.entropy_eV_per_K[0], rel=1e-14
    )
    assert quantum.heat_capacity_eV_per_K[0] == pytest.approx(KB, rel=1e-14)


def test_quantum_correction_is_positive_and_x_squared_over_24():
    quantum = harmonic_from_modes(MODES, TEMPERATURES)
    classical = harmonic_from_modes(MODES, TEMPERATURES, statistics="classical")
    correction = quantum.free_energy_eV - classical.free_energy_eV
    assert np.all(correction > 0)
    hot = 1e4
    quantum_hot = harmonic_from_modes(MODES, [hot]).free_energy_eV[0]
    classical_hot = harmonic_from_modes(MODES, [hot], statistics="classical")
    x = PLANCK_EV_PER_THZ * MODES / (KB * hot)
    expected = KB * hot * np.sum(x**2) / 24
    assert quantum_hot - classical_hot.free_energy_eV[0] == pytest.approx(
        expected, rel=1e-3
    )


def test_states_count_as_repeated_modes():
    repeated = harmonic_from_modes([2.0, 2.0, 2.0, 5.0], [300.0])
    weighted = harmonic_from_states([5.0, 2.0], [1.0, 3.0], [300.0])
    np.testing.assert_allclose(weighted.free_energy_eV, repeated.free_energy_eV)
    assert weighted.zero_point_energy_eV == pytest.approx(repeated.zero_point_energy_eV)


@pytest.mark.parametrize("statistics", ["quantum", "classical"])
def test_debye_density_of_states(statistics):
    cutoff, T = 12.0, 300.0
    nu = np.linspace(1e-3, cutoff, 20001)
    dos = 9 * nu**2 / cutoff**3
    thermo = harmonic_thermo(nu, dos, [T], n_modes=3, statistics=statistics)
    x = PLANCK_EV_PER_THZ * cutoff / (KB * T)
    if statistics == "classical":
        # mean of ln nu over a Debye spectrum is ln(cutoff) - 1/3
        expected = 3 * KB * T * (np.log(x) - 1 / 3)
    else:
        # closed form with the Debye function D3, itself from its power series
        debye3 = 1 - 3 * x / 8 + x**2 / 20 - x**4 / 1680 + x**6 / 90720 - x**8 / 4435200
        zero_point = 9 / 8 * PLANCK_EV_PER_THZ * cutoff
        expected = zero_point + KB * T * (3 * np.log(-np.expm1(-x)) - debye3)
    assert thermo.free_energy_eV[0] == pytest.approx(expected, rel=1e-5)


def test_imaginary_modes_are_counted_and_refused():
    with pytest.raises(ThermodynamicsError) as caught:
        harmonic_from_modes([-1.5, 0.0, 3.0], [300.0])
    assert str(caught.value) == (
        "2 of 3 frequencies are not positive (lowest -1.5 THz): a configuration with"
        " imaginary modes has no harmonic free energy"
    )


@pytest.mark.parametrize(
    ("statistics", "T", "message"),
    [
        ("quantum", -1.0, "temperature_K is -1.0, expected >= 0"),
        (
            "classical",
            0.0,
            "temperature_K is 0.0, expected > 0: the classical entropy diverges at T = 0",
        ),
    ],
)
def test_temperature_domain(statistics, T, message):
    with pytest.raises(ThermodynamicsError) as caught:
        harmonic_from_modes(MODES, [T], statistics=statistics)
    assert str(caught.value) == message


def test_a_lost_mode_is_an_error():
    nu = np.linspace(1.0, 10.0, 91)
    dos = np.full(91, 1 / 3)
    assert harmonic_thermo(nu, dos, [300.0], n_modes=3).free_energy_eV.shape == (1,)
    with pytest.raises(SumRuleError) as caught:
        harmonic_thermo(nu, dos, [300.0], n_modes=4)
    assert str(caught.value) == (
        "density of states counts 3 modes, expected 4 within 0.01 (deviation -25.000%)"
    )


def test_nan_density_never_passes_the_sum_rule():
    nu = np.linspace(1.0, 2.0, 3)
    with pytest.raises(ThermodynamicsError) as caught:
        harmonic_thermo(nu, [1.0, np.nan, 1.0], [300.0], n_modes=1)
    assert str(caught.value) == (
        "dos_per_THz has 1 non-finite value(s), the first is nan at row 1;"
        " select the rows that are ok first"
    )


def test_negative_density_is_an_error():
    nu = np.linspace(1.0, 10.0, 4)
    with pytest.raises(SumRuleError) as caught:
        harmonic_thermo(nu, [1.0, -0.5, 1.0, 1.0], [300.0], n_modes=3)
    assert str(caught.value) == (
        "density of states is -0.5 per THz at 4 THz, expected >= 0"
    )


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([1.0], "frequency_THz has shape (1,), expected (F,) with F >= 2"),
        ([0.0, 1.0], "frequency_THz starts at 0.0, expected finite values > 0"),
        (
            [1.0, 3.0, 2.0],
            "frequency_THz is not strictly increasing: point 1 is 3.0, point 2 is 2.0",
        ),
    ],
)
def test_grid_messages(grid, message):
    with pytest.raises(GridError) as caught:
        harmonic_thermo(grid, np.ones(len(grid)), [300.0], n_modes=1)
    assert str(caught.value) == message


def test_vector_messages():
    with pytest.raises(ThermodynamicsError) as caught:
        harmonic_from_modes([], [300.0])
    assert str(caught.value) == (
        "frequencies_THz has shape (0,), expected a non-empty vector (n,)"
    )
    with pytest.raises(ThermodynamicsError) as caught:
        harmonic_from_states([1.0, 2.0], [1.0], [300.0])
    assert str(caught.value) == "states: found 1 rows, expected 2"
