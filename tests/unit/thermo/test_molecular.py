"""Free energies from trajectories of oscillators whose free energy is known."""

from dataclasses import replace

import numpy as np
import pytest

from confvib.errors import SumRuleError, ThermodynamicsError
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.thermo.molecular import largest_temperature_deviation_K, md_free_energy
from confvib.thermo.spectrum import vibrational_spectrum
from confvib.units import BOLTZMANN_EV_PER_K

KB = BOLTZMANN_EV_PER_K
GRID = np.linspace(0.2, 30.0, 299)
STATIC_EV = -1500.0


def run(crystal, *, n_samples=6000, sample_fs=1.0, temperature_K=None):
    spectrum = vibrational_spectrum(
        crystal.velocities(n_samples, sample_fs),
        crystal.masses_amu,
        crystal.numbers,
        sample_fs=sample_fs,
        temperature_K=temperature_K or crystal.temperature_K,
        frequency_grid_THz=GRID,
        resolution_THz=0.12,
        centre_of_mass="kept",
    )
    n_modes = crystal.frequency_THz.size
    potential = STATIC_EV + 0.5 * n_modes * KB * crystal.temperature_K
    return potential, spectrum


@pytest.mark.parametrize("temperature_K", [150.0, 300.0, 1500.0])
def test_both_methods_reproduce_the_harmonic_free_energy(make_oscillators, temperature_K):
    crystal = make_oscillators(12, temperature_K, 11)
    potential, spectrum = run(crystal)
    found = md_free_energy(potential, spectrum, temperature_K, n_atoms=12)
    modes = crystal.frequency_THz.ravel()
    for state, statistics in (
        (found.classical, "classical"),
        (found.quantum, "quantum"),
    ):
        exact = harmonic_from_modes(modes, [temperature_K], statistics=statistics)
        assert state.entropy_eV_per_K == pytest.approx(
            exact.entropy_eV_per_K[0], rel=5e-3, abs=1e-3 * KB * modes.size
        )
        assert state.internal_energy_eV - STATIC_EV == pytest.approx(
            exact.internal_energy_eV[0], rel=5e-3
        )
        error = state.free_energy_eV - STATIC_EV - exact.free_energy_eV[0]
        assert abs(error) < 0.01 * KB * temperature_K * modes.size


def test_parts_add_up(oscillators):
    potential, spectrum = run(oscillators)
    found = md_free_energy(potential, spectrum, 300.0, n_atoms=12)
    for state in (found.classical, found.quantum):
        assert state.free_energy_eV == pytest.approx(
            state.internal_energy_eV - 300.0 * state.entropy_eV_per_K, abs=1e-10
        )
    # The forbidden sum counts the thermal potential energy twice.
    exact = harmonic_from_modes(oscillators.frequency_THz.ravel(), [300.0])
    forbidden = potential + exact.free_energy_eV[0]
    excess = forbidden - found.quantum.free_energy_eV
    assert excess == pytest.approx(0.5 * 36 * KB * 300.0, rel=1e-2)


@pytest.mark.parametrize(
    "changes",
    [{"sample_fs": 2.0, "n_samples": 3000}, {"n_samples": 12_000}, {"n_samples": 3000}],
)
def test_entropy_does_not_depend_on_step_or_length(oscillators, changes):
    reference = md_free_energy(*run(oscillators), 300.0, n_atoms=12)
    other = md_free_energy(*run(oscillators, **changes), 300.0, n_atoms=12)
    assert other.classical.entropy_eV_per_K == pytest.approx(
        reference.classical.entropy_eV_per_K, rel=2e-3
    )
    assert other.quantum.entropy_eV_per_K == pytest.approx(
        reference.quantum.entropy_eV_per_K, rel=2e-3
    )


def test_entropy_is_extensive(oscillators):
    doubled = replace(
        oscillators,
        frequency_THz=np.tile(oscillators.frequency_THz, (2, 1)),
        masses_amu=np.tile(oscillators.masses_amu, 2),
        numbers=np.tile(oscillators.numbers, 2),
        phase=np.tile(oscillators.phase, (2, 1)),
    )
    one = md_free_energy(*run(oscillators), 300.0, n_atoms=12)
    two = md_free_energy(*run(doubled), 300.0, n_atoms=24)
    assert two.quantum.entropy_eV_per_K == pytest.approx(
        2 * one.quantum.entropy_eV_per_K, rel=1e-10
    )


def test_a_run_at_another_temperature_is_carried_over(make_oscillators):
    crystal = make_oscillators(12, 290.0, 11)
    potential, spectrum = run(crystal)
    found = md_free_energy(potential, spectrum, 300.0, n_atoms=12)
    assert (found.temperature_K, found.measured_temperature_K) == (300.0, 290.0)
    modes = crystal.frequency_THz.ravel()
    exact = harmonic_from_modes(modes, [300.0], statistics="classical")
    assert found.classical.internal_energy_eV - STATIC_EV == pytest.approx(
        36 * KB * 300.0, rel=1e-12
    )
    error = found.classical.free_energy_eV - STATIC_EV - exact.free_energy_eV[0]
    assert abs(error) < 0.01 * KB * 300.0 * 36


def test_half_the_nominal_temperature_is_refused(make_oscillators):
    potential, spectrum = run(make_oscillators(12, 150.0, 11))
    assert largest_temperature_deviation_K(300.0, 12) == pytest.approx(212.13, abs=0.01)
    with pytest.raises(ThermodynamicsError) as caught:
        md_free_energy(potential, spectrum, 600.0, n_atoms=12)
    # 3 sqrt(2 / 36) is wide for 12 atoms; 192 atoms may deviate by 18 %.
    assert largest_temperature_deviation_K(300.0, 192) == pytest.approx(53.0, abs=0.1)
    assert str(caught.value) == (
        "the run was at 150 K, expected 600 K within 424 K: state the free energy at the"
        " measured temperature"
    )


def test_states_below_the_grid_are_an_integrable_flat_density(oscillators):
    _, spectrum = run(oscillators)
    low = 0.36
    diffusive = replace(
        spectrum,
        zero_frequency_weight=low,
        raw_area=spectrum.raw_area + low - spectrum.zero_frequency_weight,
    )
    found = md_free_energy(0.0, diffusive, 300.0, n_atoms=12, sum_rule_rtol=0.02)
    assert found.zero_frequency_weight == pytest.approx(low * found.renormalisation)
    # Integral of 1 - ln(x) over a flat density, by brute force.
    nu = (np.arange(1_000_000) + 0.5) * (GRID[0] / 1_000_000)
    flat = harmonic_from_modes(nu, [300.0], statistics="classical")
    expected = found.zero_frequency_weight * flat.entropy_eV_per_K[0] / nu.size
    assert found.zero_frequency_entropy_eV_per_K == pytest.approx(expected, rel=1e-5)


def test_area_is_checked_before_it_is_scaled(oscillators):
    potential, spectrum = run(oscillators)
    close = replace(spectrum, raw_area=36 * 1.01)
    found = md_free_energy(potential, close, 300.0, n_atoms=12)
    assert found.renormalisation == pytest.approx(1 / 1.01)
    far = replace(spectrum, raw_area=36 * 1.03)
    with pytest.raises(SumRuleError) as caught:
        md_free_energy(potential, far, 300.0, n_atoms=12)
    assert str(caught.value) == (
        "density of states counts 37.08 modes, expected 36 within 0.02"
        " (deviation +3.000%)"
    )


def test_a_grid_that_ends_too_low_is_refused(oscillators):
    potential, spectrum = run(oscillators)
    with pytest.raises(SumRuleError) as caught:
        md_free_energy(potential, replace(spectrum, weight_above=2.0), 300.0, n_atoms=12)
    assert str(caught.value) == (
        "2 of 36 states lie above the frequency grid, which ends at 30 THz;"
        " expected at most 1%"
    )


def test_the_spectrum_of_another_cell_is_refused(oscillators):
    potential, spectrum = run(oscillators)
    with pytest.raises(ThermodynamicsError) as caught:
        md_free_energy(potential, spectrum, 300.0, n_atoms=14)
    assert str(caught.value) == (
        "the spectrum counts 36 modes, expected 39 or 42 for 14 atoms"
    )


def test_negative_spectrum_is_refused(oscillators):
    potential, spectrum = run(oscillators)
    dos = spectrum.dos_per_THz.copy()
    dos[10] = -1.0
    with pytest.raises(SumRuleError) as caught:
        md_free_energy(potential, replace(spectrum, dos_per_THz=dos), 300.0, n_atoms=12)
    assert str(caught.value) == (
        "density of states is -1 per THz at 1.2 THz, expected >= 0"
    )
