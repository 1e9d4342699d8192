"""Our spectrum against tidynamics and scipy on the same velocities."""

import sys

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.independent_spectrum import compare_spectra, independent_spectrum
from confvib.thermo.spectrum import vibrational_spectrum
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV

MASSES = np.array([6.94, 16.0, 16.0, 91.2])
NUMBERS = np.array([3, 8, 8, 40])
GRID = 0.2 * np.arange(1, 151)


@pytest.fixture(scope="module")
def velocities():
    """Independent oscillators of 2-25 THz, centre of mass kept."""
    rng = np.random.default_rng(3)
    time_ps = 1e-3 * np.arange(1500)
    frequency, phase = rng.uniform(2, 25, (4, 3)), rng.uniform(0, 2 * np.pi, (4, 3))
    angle = 2 * np.pi * frequency * time_ps[:, None, None] + phase
    speed = np.sqrt(2 * BOLTZMANN_EV_PER_K * 300 / (KINETIC_EV * MASSES))
    return speed[:, None] * np.cos(angle)


def spectrum_of(velocities, resolution_THz=0.4):
    return vibrational_spectrum(
        velocities,
        MASSES,
        NUMBERS,
        sample_fs=1.0,
        temperature_K=300.0,
        frequency_grid_THz=GRID,
        resolution_THz=resolution_THz,
        centre_of_mass="kept",
    )


@pytest.mark.parametrize("resolution_THz", [0.3, 1.0])
def test_two_libraries_find_the_same_states(velocities, resolution_THz):
    ours = spectrum_of(velocities, resolution_THz)
    other = independent_spectrum(velocities, MASSES, sample_fs=1.0, spectrum=ours)
    found = compare_spectra(ours, other)
    # What is left is our grid, sixteen times finer than the output.
    assert found.largest_difference < 2e-3
    assert found.area_ratio == pytest.approx(1, abs=1e-4)
    assert ours.raw_area == pytest.approx(12, rel=0.05)


def test_a_forgotten_mass_is_seen(velocities):
    ours = spectrum_of(velocities)
    other = independent_spectrum(
        velocities, np.ones(4) * MASSES.mean(), sample_fs=1.0, spectrum=ours
    )
    assert compare_spectra(ours, other).largest_difference > 0.1


def test_a_missing_package_is_named(velocities, monkeypatch):
    ours = spectrum_of(velocities)
    monkeypatch.setitem(sys.modules, "tidynamics", None)
    with pytest.raises(ThermodynamicsError, match="tidynamics is not installed"):
        independent_spectrum(velocities, MASSES, sample_fs=1.0, spectrum=ours)
