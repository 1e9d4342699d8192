"""2PT against its limits: ideal gas, harmonic solid, hard spheres, and a random walk."""

import math

import numpy as np
import pytest
from scipy import constants as codata
from scipy.integrate import quad

from confvib.errors import GridError, ThermodynamicsError
from confvib.thermo.hard_spheres import (
    RANDOM_CLOSE_PACKING,
    carnahan_starling_Z,
    fluidity,
    hard_sphere_entropy,
    packing_fraction,
    thermal_velocity_A_per_ps,
)
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.thermo.spectrum import vibrational_spectrum
from confvib.thermo.two_phase import Species, two_phase, two_phase_of_elements
from confvib.units import BOLTZMANN_EV_PER_K as KB
from confvib.units import PLANCK_EV_PER_THZ

T = 1500.0
LITHIUM = Species(n_atoms=56, mass_amu=6.94, volume_A3=13.0**3)
FINE = np.arange(0, 60, 0.005)


def polynomial(f, delta):
    """Return the left side of the fluidity equation as Lin et al. print it."""
    return (
        2 * delta**-4.5 * f**7.5
        - 6 * delta**-3 * f**5
        - delta**-1.5 * f**3.5
        + 6 * delta**-1.5 * f**2.5
        + 2 * f
        - 2
    )


@pytest.mark.parametrize("delta", np.geomspace(1e-2, 1e3, 11))
def test_the_fluidity_solves_its_equation_alone(delta):
    f = fluidity(delta)
    assert 0 < f < 1
    assert polynomial(f, delta) == pytest.approx(0, abs=1e-9)
    trial = np.linspace(1e-6, 1, 20_001)
    signs = np.sign(polynomial(trial, delta))
    assert (np.diff(signs) != 0).sum() == 1


def test_the_fluidity_goes_from_solid_to_gas():
    deltas = np.geomspace(1e-12, 1e8, 41)
    values = [fluidity(delta) for delta in deltas]
    assert np.all(np.diff(values) > 0)
    assert fluidity(0) == 0
    assert values[-1] == pytest.approx(1, abs=1e-11)
    # Dense spheres: Z - 1 -> 2 / (1 - eta)^3 = 4 y, so f -> Delta^(3/5).
    assert values[0] == pytest.approx(deltas[0] ** 0.6, rel=1e-2)
    assert packing_fraction(0) == 1
    assert packing_fraction(1e12) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("delta", [0.05, 1.0, 20.0])
def test_fluidity_makes_the_gas_diffuse_as_enskog_says(delta):
    f, eta = fluidity(delta), packing_fraction(delta)
    assert eta == pytest.approx(f**2.5 * delta**-1.5, rel=1e-12)
    # D(gas) / D0(gas) = 4 eta / (Z - 1), and both D are 1 / f of those of the liquid.
    assert carnahan_starling_Z(eta) - 1 == pytest.approx(4 * eta / f, rel=1e-11)


def test_carnahan_starling_by_hand_and_by_its_virials():
    assert carnahan_starling_Z(0) == 1
    assert carnahan_starling_Z(0.25) == pytest.approx((1.3125 - 0.015625) / 0.421875)
    # Z = 1 + 4 eta + 10 eta^2 + 18 eta^3 + ..., coefficients k^2 + 3k.
    series = 1 + sum((k * k + 3 * k) * 0.1**k for k in range(1, 60))
    assert carnahan_starling_Z(0.1) == pytest.approx(series, rel=1e-13)


def test_the_entropy_of_spheres_is_sackur_tetrode_and_the_integral_of_pressure():
    m, kT = 39.948 * codata.atomic_mass, codata.k * 300.0
    v_m3 = kT / 101_325
    wavelength = codata.h / math.sqrt(2 * math.pi * m * kT)
    exact = 2.5 + math.log(v_m3 / wavelength**3)
    found = hard_sphere_entropy(39.948, 300.0, 1e30 * v_m3, 0.0) / KB
    assert found == pytest.approx(exact, rel=1e-12)
    # Argon gas at 300 K and 1 atm: 154.9 J/(mol K).
    assert found * codata.R == pytest.approx(154.9, abs=0.1)
    excess, _ = quad(lambda eta: (carnahan_starling_Z(eta) - 1) / eta, 0, 0.4)
    dense = hard_sphere_entropy(39.948, 300.0, 1e30 * v_m3, 0.4) / KB
    assert found - dense == pytest.approx(excess, rel=1e-10)


def gas(frequency, s0, species=LITHIUM):
    """Return the gas part that 2PT assigns to s(0), and its fluidity."""
    flat = two_phase(frequency, np.full(frequency.size, s0), species, T)
    f = flat.fluidity
    scaled = math.pi * s0 * frequency / (6 * f * species.n_atoms)
    return s0 / (1 + scaled**2), f


def test_a_spectrum_that_is_all_gas_leaves_no_solid():
    s0 = 1.5
    dos, f = gas(FINE, s0)
    found = two_phase(FINE, dos, LITHIUM, T)
    n = LITHIUM.n_atoms
    assert found.fluidity == pytest.approx(f, rel=1e-14)
    assert found.solid_entropy_eV_per_K == pytest.approx(0, abs=1e-12)
    width = found.half_width_THz
    assert two_phase(FINE, dos, LITHIUM, T).zero_frequency_dos_per_THz == s0
    assert np.interp(width, FINE, dos) == pytest.approx(s0 / 2, rel=1e-4)
    # The Lorentzian counts 3 f N states on the half axis.
    assert s0 * width * math.pi / 2 == pytest.approx(3 * f * n, rel=1e-12)
    expected = f * n * hard_sphere_entropy(6.94, T, 13.0**3 / (f * n), found.packing)
    assert found.entropy_eV_per_K == pytest.approx(expected, rel=1e-12)
    # D = (3/8 rho sigma^2) sqrt(kT/pi m) f, with eta = pi/6 f rho sigma^3.
    rho = n / 13.0**3
    sigma = (6 * found.packing / (math.pi * f * rho)) ** (1 / 3)
    thermal = thermal_velocity_A_per_ps(6.94, T)
    dilute = 3 / (8 * rho * sigma**2) * thermal / math.sqrt(math.pi)
    assert found.diffusivity_A2_per_ps == pytest.approx(f * dilute, rel=1e-10)


def test_gas_and_oscillators_add_up():
    dos, f = gas(FINE, 0.8)
    peak = np.exp(-0.5 * ((FINE - 12.0) / 0.02) ** 2) / (0.02 * math.sqrt(2 * math.pi))
    n_solid = 3 * 56 * (1 - f)
    found = two_phase(FINE, dos + n_solid * peak, LITHIUM, T)
    one = harmonic_from_modes([12.0], [T])
    assert found.solid_entropy_eV_per_K == pytest.approx(
        n_solid * one.entropy_eV_per_K[0], rel=1e-5
    )
    assert found.fluidity == pytest.approx(f, rel=1e-12)


def test_an_ideal_gas_is_sackur_tetrode():
    """Free flight: all 3N states in a peak at zero, ever narrower."""
    ideal = hard_sphere_entropy(6.94, T, 13.0**3 / 56, 0.0) * 56
    errors = []
    for width in (1e-2, 1e-3, 1e-4):
        frequency = width * np.concatenate([[0], np.geomspace(1e-3, 1e6, 40_000)])
        s0 = 3 * 56 * 2 / (math.pi * width)
        dos = s0 / (1 + (frequency / width) ** 2)
        found = two_phase(frequency, dos, LITHIUM, T)
        errors.append(abs(found.entropy_eV_per_K / ideal - 1))
        assert found.fluidity > 0.9
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 2e-3


def test_a_harmonic_solid_has_no_gas_and_the_harmonic_entropy():
    modes = np.random.default_rng(0).choice(FINE[400:6000], 168)
    dos = np.zeros_like(FINE)
    np.add.at(dos, np.searchsorted(FINE, modes), 1 / 0.005)
    found = two_phase(FINE, dos, LITHIUM, 300.0)
    exact = harmonic_from_modes(modes, [300.0])
    assert (found.fluidity, found.gas_entropy_eV_per_K) == (0, 0)
    assert found.half_width_THz == math.inf
    assert found.diffusivity_cm2_per_s == 0
    assert found.entropy_eV_per_K == pytest.approx(exact.entropy_eV_per_K[0], rel=1e-9)
    stated = two_phase(FINE, dos, LITHIUM, 300.0, stated_K=310.0)
    other = harmonic_from_modes(modes, [310.0])
    assert stated.entropy_eV_per_K == pytest.approx(other.entropy_eV_per_K[0], rel=1e-9)


def test_diffusion_of_a_langevin_walker(make_oscillators):
    """Velocities that forget at a rate gamma diffuse with D = kT / (m gamma)."""
    crystal = make_oscillators(90, T, 3)
    rng, n_samples, gamma_per_fs = np.random.default_rng(5), 8000, 0.05
    walkers = crystal.numbers == 3
    thermal = 1e-3 * thermal_velocity_A_per_ps(6.94, T)
    decay = math.exp(-gamma_per_fs)
    v = crystal.velocities(n_samples, 1.0)
    kicks = rng.normal(size=(n_samples, walkers.sum(), 3)) * thermal
    v[0, walkers] = kicks[0]
    for t in range(1, n_samples):
        v[t, walkers] = decay * v[t - 1, walkers] + math.sqrt(1 - decay**2) * kicks[t]
    spectrum = vibrational_spectrum(
        v,
        crystal.masses_amu,
        crystal.numbers,
        sample_fs=1.0,
        temperature_K=T,
        frequency_grid_THz=np.arange(0.2, 60, 0.2),
        resolution_THz=0.3,
        centre_of_mass="kept",
    )
    found = two_phase_of_elements(spectrum, crystal.masses_amu, crystal.numbers, 1e4, T)
    # Sums over samples, dt (1 + decay) / (1 - decay) / 2, instead of 1 / gamma.
    time_ps = 0.5e-3 * (1 + decay) / (1 - decay)
    exact = (1e3 * thermal) ** 2 * time_ps
    # Gaussian window: relative error (3 N sqrt(pi) sigma t)^(-1/2) = 3.6 %.
    assert found[3].diffusivity_A2_per_ps == pytest.approx(exact, rel=0.11)
    assert found[3].diffusivity_cm2_per_s == 1e-4 * found[3].diffusivity_A2_per_ps
    # Oscillators do not diffuse (the ends of a run leak a little), and their entropy
    # stays the harmonic one.
    assert found[57].diffusivity_A2_per_ps < 1e-3 * exact
    bound = harmonic_from_modes(crystal.frequency_THz[~walkers].ravel(), [T])
    assert found[57].entropy_eV_per_K == pytest.approx(
        bound.entropy_eV_per_K[0], rel=0.006
    )
    assert [part.is_fluid for part in found.values()] == [True, False]


def test_spheres_that_are_packed_too_densely_are_a_solid():
    peak = np.exp(-0.5 * ((FINE - 12.0) / 2) ** 2) * 168 / (2 * math.sqrt(2 * math.pi))
    solid = two_phase(FINE, peak, LITHIUM, 300.0)
    noisy = two_phase(FINE, peak + 0.02 * (FINE < 1), LITHIUM, 300.0)
    assert (noisy.fluidity > 0.001, noisy.is_fluid) == (True, False)
    assert noisy.packing > RANDOM_CLOSE_PACKING
    added = noisy.entropy_eV_per_K - solid.entropy_eV_per_K
    # 0.02 states below 1 THz; the mean of 1 - ln x from 0 to x is 2 - ln x.
    x = PLANCK_EV_PER_THZ / (KB * 300.0)
    assert added / KB == pytest.approx(0.02 * (2 - math.log(x)), rel=0.01)


def test_what_makes_no_sense_is_refused():
    flat = np.ones(FINE.size)
    with pytest.raises(GridError, match=r"starts at 0.005 with 11999 points, expected"):
        two_phase(FINE[1:], flat[1:], LITHIUM, T)
    with pytest.raises(ThermodynamicsError, match=r"s\(0\) is -1 per THz, expected >= 0"):
        two_phase(FINE, -flat, LITHIUM, T)
    with pytest.raises(ThermodynamicsError, match="normalised diffusivity is -1"):
        fluidity(-1.0)
    with pytest.raises(ThermodynamicsError, match="expected 0 <= packing < 1"):
        hard_sphere_entropy(6.94, T, 10.0, 1.0)
    with pytest.raises(ThermodynamicsError, match="temperature_K is 0"):
        two_phase(FINE, flat, LITHIUM, 0.0)


def test_isotopes_of_one_element_are_refused(oscillators):
    spectrum = vibrational_spectrum(
        oscillators.velocities(2000, 2.0),
        oscillators.masses_amu,
        oscillators.numbers,
        sample_fs=2.0,
        temperature_K=300.0,
        frequency_grid_THz=np.arange(0.2, 30, 0.2),
        resolution_THz=0.3,
        centre_of_mass="kept",
    )
    masses = oscillators.masses_amu.copy()
    masses[1] = 6.015
    with pytest.raises(ThermodynamicsError, match=r"element 3 weigh 6.015 to 6.94 amu"):
        two_phase_of_elements(spectrum, masses, oscillators.numbers, 1e3, 300.0)
