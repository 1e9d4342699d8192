"""Spectra of oscillators with known frequencies: area, parts, resolution, invariance."""

import numpy as np
import pytest

from confvib.errors import GridError, ThermodynamicsError
from confvib.thermo.checks import trapezoid_weights
from confvib.thermo.correlation import kinetic_autocorrelation
from confvib.thermo.spectrum import spectrum_from_correlation, vibrational_spectrum
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV

GRID = np.linspace(0.2, 30.0, 299)


def spectrum_of(crystal, **changes):
    settings = {
        "n_samples": 6000,
        "sample_fs": 1.0,
        "temperature_K": crystal.temperature_K,
        "frequency_grid_THz": GRID,
        "resolution_THz": 0.1,
        "centre_of_mass": "kept",
    } | changes
    n_samples = settings.pop("n_samples")
    velocities = crystal.velocities(n_samples, settings["sample_fs"])
    return vibrational_spectrum(
        velocities, crystal.masses_amu, crystal.numbers, **settings
    )


def test_correlation_agrees_with_brute_force(make_oscillators):
    crystal = make_oscillators(7, 300.0, 3)
    v = crystal.velocities(40, 5.0)
    found = kinetic_autocorrelation(v, crystal.masses_amu, crystal.numbers, sample_fs=5.0)
    assert found.numbers.tolist() == [3, 57]
    assert found.n_atoms_of.tolist() == [4, 3]
    weighted = v * np.sqrt(crystal.masses_amu)[:, None]
    for row, z in enumerate(found.numbers):
        part = weighted[:, crystal.numbers == z].reshape(40, -1)
        brute = sum(np.correlate(c, c, "full")[39:] for c in part.T) * KINETIC_EV / 40
        np.testing.assert_allclose(found.correlation_eV[row], brute, atol=1e-13)


def test_transform_agrees_with_the_direct_integral(make_oscillators):
    crystal = make_oscillators(4, 300.0, 5)
    sample_fs, sigma = 4.0, 0.9
    correlation = kinetic_autocorrelation(
        crystal.velocities(150, sample_fs),
        crystal.masses_amu,
        crystal.numbers,
        sample_fs=sample_fs,
    )
    found = spectrum_from_correlation(
        correlation,
        temperature_K=300.0,
        frequency_grid_THz=GRID,
        resolution_THz=sigma,
        centre_of_mass="kept",
    )
    lag_ps = 1e-3 * sample_fs * np.arange(150)
    window = np.exp(-0.5 * (2 * np.pi * sigma * lag_ps) ** 2)
    integrand = correlation.correlation_eV.sum(axis=0) * window
    kT = BOLTZMANN_EV_PER_K * 300.0
    direct = [
        4 / kT * np.trapezoid(integrand * np.cos(2 * np.pi * nu * lag_ps), lag_ps)
        for nu in GRID
    ]
    np.testing.assert_allclose(found.dos_per_THz, direct, rtol=2e-3, atol=2e-3)


def test_area_counts_the_modes_and_is_split_exactly(oscillators):
    found = spectrum_of(oscillators)
    assert found.n_modes == 36
    # 6 ps leave oscillations of v^2 unaveraged: 1 / (4 pi nu t) of each mode.
    assert found.raw_area == pytest.approx(36, rel=2e-3)
    assert found.area_error == pytest.approx(found.raw_area / 36 - 1, rel=1e-12)
    on_grid = float(found.dos_per_THz @ trapezoid_weights(GRID))
    assert on_grid + found.zero_frequency_weight + found.weight_above == pytest.approx(
        found.raw_area, rel=1e-12
    )
    assert found.zero_frequency_weight < 0.02
    assert found.weight_above < 0.1


def test_area_is_measured_over_stated_temperature(oscillators):
    found = spectrum_of(oscillators, temperature_K=600.0)
    assert found.raw_area == pytest.approx(
        36 * found.kinetic_temperature_K / 600.0, rel=1e-12
    )
    assert found.area_error == pytest.approx(-0.5, abs=2e-3)
    exact = spectrum_of(oscillators, temperature_K=found.kinetic_temperature_K)
    assert abs(exact.area_error) < 1e-12


def test_elements_have_their_own_modes(oscillators):
    found = spectrum_of(oscillators)
    weights = trapezoid_weights(GRID)
    assert sorted(found.dos_by_element_per_THz) == [3, 57]
    np.testing.assert_allclose(
        sum(found.dos_by_element_per_THz.values()), found.dos_per_THz, rtol=1e-12
    )
    # Mass weighting: 8 Li and 4 La atoms count 24 and 12 modes, whatever their speeds.
    assert found.dos_by_element_per_THz[3] @ weights == pytest.approx(24, rel=5e-3)
    assert found.dos_by_element_per_THz[57] @ weights == pytest.approx(12, rel=5e-3)
    lithium_band = (GRID > 7) & (GRID < 19)
    share = (found.dos_by_element_per_THz[3] * weights)[lithium_band].sum() / 24
    assert share > 0.99


def test_density_is_non_negative_and_keeps_the_mean_frequency(oscillators):
    found = spectrum_of(oscillators)
    assert found.dos_per_THz.min() > -1e-9 * found.dos_per_THz.max()
    mean = found.dos_per_THz * GRID @ trapezoid_weights(GRID) / found.raw_area
    assert mean == pytest.approx(oscillators.frequency_THz.mean(), rel=2e-3)


def test_resolution_is_the_width_of_a_line(make_oscillators):
    crystal = make_oscillators(1, 300.0, 0)
    line = spectrum_of(
        crystal,
        n_samples=20_000,
        resolution_THz=0.3,
        frequency_grid_THz=np.linspace(0.2, 8.0, 1561),
    )
    weights = trapezoid_weights(line.frequency_THz) * line.dos_per_THz
    offsets = np.abs(line.frequency_THz[:, None] - crystal.frequency_THz.ravel())
    near = weights[offsets.min(axis=1) < 0.3].sum() / weights.sum()
    assert near == pytest.approx(0.683, abs=0.02)  # one standard deviation


def test_centre_of_mass_is_checked(oscillators):
    v = oscillators.velocities(400, 1.0)
    m = oscillators.masses_amu
    still = v - np.einsum("snc,n->sc", v, m)[:, None] / m.sum()
    settings = {
        "sample_fs": 1.0,
        "temperature_K": 300.0,
        "frequency_grid_THz": GRID,
        "resolution_THz": 1.0,
    }
    found = vibrational_spectrum(still, m, oscillators.numbers, **settings)
    assert found.n_modes == 33
    kinetic = KINETIC_EV * np.einsum("snc,snc,n->", still, still, m) / 400
    measured = kinetic / (33 * BOLTZMANN_EV_PER_K)
    assert found.kinetic_temperature_K == pytest.approx(measured, rel=1e-12)
    assert found.raw_area == pytest.approx(33 * measured / 300, rel=1e-12)
    with pytest.raises(ThermodynamicsError, match=r"^the centre of mass carries 0\.\d+"):
        vibrational_spectrum(v, m, oscillators.numbers, **settings)


def test_diffusion_shows_as_weight_at_zero_frequency(make_oscillators):
    crystal = make_oscillators(6, 300.0, 1)
    v = crystal.velocities(6000, 1.0)
    # One lithium random-walks: Langevin velocities with friction 1 / (0.5 ps).
    rng = np.random.default_rng(2)
    walker = 1
    thermal = np.sqrt(BOLTZMANN_EV_PER_K * 300.0 / (KINETIC_EV * 6.94))
    decay = np.exp(-1 / 500)
    kicks = rng.normal(size=(6000, 3)) * thermal * np.sqrt(1 - decay**2)
    v[0, walker] = rng.normal(size=3) * thermal
    for t in range(1, 6000):
        v[t, walker] = decay * v[t - 1, walker] + kicks[t]
    found = vibrational_spectrum(
        v,
        crystal.masses_amu,
        crystal.numbers,
        sample_fs=1.0,
        temperature_K=300.0,
        frequency_grid_THz=GRID,
        resolution_THz=0.1,
        centre_of_mass="kept",
    )
    bound = spectrum_of(crystal)
    assert found.zero_frequency_weight > 20 * bound.zero_frequency_weight
    lithium, lanthanum = (found.fine_dos_by_element_per_THz[z] for z in (3, 57))
    assert lithium[0] > 100 * lanthanum[0]
    parts = found.zero_frequency_weight_by_element
    assert sum(parts.values()) == pytest.approx(found.zero_frequency_weight, rel=1e-12)
    assert parts[3] > 100 * parts[57]


def test_float32_velocities_are_enough(oscillators):
    v = oscillators.velocities(3000, 2.0)
    settings = {
        "sample_fs": 2.0,
        "temperature_K": 300.0,
        "frequency_grid_THz": GRID,
        "resolution_THz": 0.1,
        "centre_of_mass": "kept",
    }
    double = vibrational_spectrum(
        v, oscillators.masses_amu, oscillators.numbers, **settings
    )
    single = vibrational_spectrum(
        v.astype(np.float32), oscillators.masses_amu, oscillators.numbers, **settings
    )
    np.testing.assert_allclose(
        single.dos_per_THz, double.dos_per_THz, atol=1e-6 * double.dos_per_THz.max()
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sample_fs": 20.0},
            (
                "frequency_grid_THz ends at 30 THz, expected at most the Nyquist"
                " frequency 25 THz of samples every 20 fs"
            ),
        ),
        (
            {"resolution_THz": 0.01},
            "resolution_THz is 0.01, expected at least 0.0530516 for a run of 6000 fs",
        ),
        (
            {"resolution_THz": float("nan")},
            "resolution_THz is nan, expected at least 0.0530516 for a run of 6000 fs",
        ),
    ],
)
def test_requests_beyond_the_run_are_refused(oscillators, changes, message):
    with pytest.raises(GridError) as caught:
        spectrum_of(oscillators, **changes)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("velocities", "masses", "message"),
    [
        (
            np.ones((1, 2, 3)),
            [1.0, 1.0],
            "velocities have shape (1, 2, 3), expected (S >= 2, N, 3)",
        ),
        (np.ones((4, 2, 3)), [1.0, 0.0], "masses_amu: found 0.0, expected > 0"),
        (np.ones((4, 2, 3)), [1.0], "masses_amu: found 1 rows, expected 2"),
        (
            np.full((4, 2, 3), np.nan),
            [1.0, 1.0],
            "velocities contain values that are not finite",
        ),
        (
            np.zeros((4, 2, 3)),
            [1.0, 1.0],
            "all velocities are zero, expected a running crystal",
        ),
    ],
)
def test_velocity_messages(velocities, masses, message):
    with pytest.raises(ThermodynamicsError) as caught:
        kinetic_autocorrelation(velocities, masses, [3, 3], sample_fs=1.0)
    assert str(caught.value) == message


def test_temperature_message(oscillators):
    with pytest.raises(ThermodynamicsError) as caught:
        spectrum_of(oscillators, temperature_K=0.0)
    assert str(caught.value) == "temperature_K is 0.0, expected a finite value > 0"
