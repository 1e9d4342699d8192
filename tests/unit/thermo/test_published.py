"""The published convention: it reproduces the paper and is no entropy."""

from dataclasses import fields

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.published import published_2025_TS_vib, published_ensemble
from confvib.units import BOLTZMANN_EV_PER_K

KB = BOLTZMANN_EV_PER_K
N_ATOMS = 192

# Tables 3 to 5 of the paper: <.>, S [meV/(atom K)], -TS, G; eV per atom.
PRINTED = [
    (300, -7.839, 0.7118, -0.2135, -8.053),
    (1500, -7.839, 0.7168, -1.075, -8.914),
    (300, -8.107, 0.6578, -0.1973, -8.305),
    (1500, -9.093, 0.6863, -1.029, -10.12),
    (300, -7.839, 0.9494, -0.2848, -8.123),
    (1500, -7.839, 0.9549, -1.432, -9.270),
    (300, -8.106, 0.8792, -0.2638, -8.369),
    (1500, -9.092, 0.9195, -1.379, -10.47),
]


@pytest.mark.parametrize(("T", "average", "entropy", "minus_TS", "G"), PRINTED)
def test_printed_tables_are_average_minus_ts(T, average, entropy, minus_TS, G):
    assert minus_TS == pytest.approx(-T * entropy * 1e-3, abs=6e-4)
    assert pytest.approx(average + minus_TS, abs=4e-3) == G


@pytest.mark.parametrize(
    ("n", "limit", "printed_300", "printed_1500"),
    [(4162, 0.7181, 0.7118, 0.7168), (65_958, 0.9562, 0.9494, 0.9549)],
)
def test_printed_entropies_are_the_logarithm_of_the_count(
    n, limit, printed_300, printed_1500
):
    equal = published_ensemble(np.full(n, -1505.0), 300.0, n_atoms=N_ATOMS)
    assert 1e3 * equal.entropy_eV_per_atom_K == pytest.approx(limit, abs=5e-5)
    # A Gaussian landscape of 0.09 eV per cell, 4.5 kT wide at 300 K from its minimum:
    # per-atom factors hardly see it, exactly as printed.
    energy = -1505.0 + 0.09 * np.random.default_rng(0).normal(size=n)
    for T, printed in ((300.0, printed_300), (1500.0, printed_1500)):
        found = published_ensemble(energy, T, n_atoms=N_ATOMS)
        assert 1e3 * found.entropy_eV_per_atom_K == pytest.approx(printed, abs=3e-3)
        assert 1e3 * found.entropy_eV_per_atom_K < limit


def test_published_entropy_is_far_above_the_canonical_limit():
    n, sum_g = 4162, 426_024
    energy = -1505.0 + 0.09 * np.random.default_rng(0).normal(size=n)
    published = published_ensemble(energy, 1500.0, n_atoms=N_ATOMS)
    canonical = canonical_ensemble(energy, np.full(n, sum_g / n), 1500.0, n_atoms=N_ATOMS)
    per_atom = canonical.entropy_eV_per_K / N_ATOMS
    assert per_atom < KB * np.log(sum_g) / N_ATOMS
    assert published.entropy_eV_per_atom_K / per_atom > 100


def test_published_sums_by_hand():
    found = published_ensemble([-8.0, -7.8], 1000.0, n_atoms=2)
    factor = np.exp(-0.1 / (KB * 1000.0))
    assert found.log_Z == pytest.approx(np.log(1 + factor), rel=1e-12)
    average = (-4.0 - 3.9 * factor) / (1 + factor)
    assert found.average_eV_per_atom == pytest.approx(average, rel=1e-14)
    assert (
        pytest.approx(average - 1000.0 * KB * np.log(1 + factor), rel=1e-14)
        == found.G_eV_per_atom
    )


def test_published_sums_merge():
    energy = -1505.0 + 0.4 * np.random.default_rng(2).normal(size=300)
    whole = published_ensemble(energy, 300.0, n_atoms=N_ATOMS)
    parts = [
        published_ensemble(part, 300.0, n_atoms=N_ATOMS)
        for part in np.split(energy, [1, 120])
    ]
    merged = parts[0].merged(parts[1]).merged(parts[2])
    for field in fields(whole):
        assert getattr(merged, field.name) == pytest.approx(
            getattr(whole, field.name), rel=1e-11
        )


def test_published_entropy_is_not_a_derivative():
    energy = -1505.0 + 0.09 * np.random.default_rng(0).normal(size=500)
    below, here, above = (
        published_ensemble(energy, T, n_atoms=N_ATOMS) for T in (599.0, 600.0, 601.0)
    )
    slope = (above.G_eV_per_atom - below.G_eV_per_atom) / 2
    heat = (above.average_eV_per_atom - below.average_eV_per_atom) / 2
    missing = (here.average_eV_per_atom - energy.min() / N_ATOMS) / 600.0 - heat
    assert -slope - here.entropy_eV_per_atom_K == pytest.approx(missing, rel=1e-3)
    assert missing > 1e-3 * here.entropy_eV_per_atom_K
    # kB ln Z lacks <h>/T: it is not -sum p ln p of its own probabilities, and
    # G is not the -kT ln Z of its own partition function.
    excess = (energy - energy.min()) / N_ATOMS
    p = np.exp(-excess / (KB * 600.0))
    p /= p.sum()
    assert here.ess == pytest.approx(1 / np.sum(p**2))
    own = -KB * np.sum(p * np.log(p))
    lacking = (here.average_eV_per_atom - energy.min() / N_ATOMS) / 600.0
    assert own - here.entropy_eV_per_atom_K == pytest.approx(lacking, rel=1e-9)
    assert lacking > 0


def brute_force_TS(velocities, timestep_fs, T):
    """Evaluate the published script's steps one after the other."""
    n_samples, n_atoms = velocities.shape[:2]
    vaf = np.zeros(2 * n_samples - 1)
    for i in range(n_atoms):
        for j in range(3):
            vaf += np.correlate(velocities[:, i, j], velocities[:, i, j], "full")
    vaf /= np.sum(velocities**2)
    omega_meV = np.fft.fftfreq(2 * n_samples - 1, timestep_fs * 1e-15) * 1e-12 * 4.13567
    pdos = np.abs(np.fft.fft(vaf - np.average(vaf))) ** 2
    energy_eV, pdos = 1e-3 * omega_meV[1:n_samples], pdos[1:n_samples]
    log_sinh = np.log(2 * np.sinh(4.136e-15 * energy_eV / (2 * 8.617e-5 * T)))
    integral = np.trapezoid(log_sinh * pdos, energy_eV)
    return -8.617e-5 * T / n_atoms * integral


@pytest.mark.parametrize("n_samples", [8, 63, 200])
def test_agrees_with_the_published_steps(n_samples):
    velocities = np.random.default_rng(n_samples).normal(size=(n_samples, 30, 3))
    found = published_2025_TS_vib(velocities, timestep_fs=2.0, temperature_K=300.0)
    assert found == pytest.approx(brute_force_TS(velocities, 2.0, 300.0), rel=1e-11)
    assert found > 0


def test_it_scales_with_the_inverse_square_of_the_step(oscillators):
    one = published_2025_TS_vib(
        oscillators.velocities(4000, 1.0), timestep_fs=1.0, temperature_K=300.0
    )
    two = published_2025_TS_vib(
        oscillators.velocities(2000, 2.0), timestep_fs=2.0, temperature_K=300.0
    )
    assert one / two == pytest.approx(4.0, rel=1e-2)


def test_it_halves_when_the_cell_doubles(oscillators):
    velocities = oscillators.velocities(1000, 1.0)
    one = published_2025_TS_vib(velocities, timestep_fs=1.0, temperature_K=300.0)
    two = published_2025_TS_vib(
        np.concatenate([velocities, velocities], axis=1),
        timestep_fs=1.0,
        temperature_K=300.0,
    )
    assert one / two == pytest.approx(2.0, rel=1e-12)


def test_it_ignores_the_temperature_of_the_velocities(oscillators):
    velocities = oscillators.velocities(500, 1.0)
    cold = published_2025_TS_vib(velocities, timestep_fs=1.0, temperature_K=300.0)
    scaled = published_2025_TS_vib(3 * velocities, timestep_fs=1.0, temperature_K=300.0)
    assert scaled == pytest.approx(cold, rel=1e-12)


def test_it_counts_squared_spectral_weight_and_not_modes(oscillators):
    # Planck's constant enters twice, so the logarithm stays near -33 from 5 to 80 meV
    # and T S / kT N is 33 times the area of the squared transform, within 10 %.
    velocities = oscillators.velocities(2000, 1.0)
    found = published_2025_TS_vib(velocities, timestep_fs=1.0, temperature_K=300.0)
    columns = velocities.reshape(2000, -1)
    power = np.sum(np.abs(np.fft.rfft(columns, n=3999, axis=0)) ** 2, axis=1)
    bin_eV = 4.13567e-3 / (3999 * 1e-3)
    area_eV = np.sum((power[1:] / np.sum(columns**2)) ** 2) * bin_eV
    assert found / (KB * 300.0 / 12) == pytest.approx(33 * area_eV, rel=0.1)


@pytest.mark.parametrize(
    ("velocities", "step", "T", "message"),
    [
        (
            np.ones((1, 2, 3)),
            1.0,
            300.0,
            "velocities have shape (1, 2, 3), expected (S >= 2, N, 3)",
        ),
        (
            np.zeros((4, 2, 3)),
            1.0,
            300.0,
            "the sum of v^2 is 0.0, expected a finite value > 0",
        ),
        (
            np.ones((4, 2, 3)),
            0.0,
            300.0,
            "timestep_fs is 0.0, expected a finite value > 0",
        ),
        (
            np.ones((4, 2, 3)),
            1.0,
            -3.0,
            "temperature_K is -3.0, expected a finite value > 0",
        ),
    ],
)
def test_messages(velocities, step, T, message):
    with pytest.raises(ThermodynamicsError) as caught:
        published_2025_TS_vib(velocities, timestep_fs=step, temperature_K=T)
    assert str(caught.value) == message


def test_a_spectrum_as_wide_as_that_of_llzo_gives_the_printed_size():
    # Table 2, force field at 300 K: 0.928 meV/(atom K) = 10.8 kB. The correct entropy
    # of LLZO is near 2.2 kB; this number follows from band width, step and atoms alone.
    rng = np.random.default_rng(0)
    masses = np.repeat([6.94, 138.905, 91.224, 15.999], [56, 24, 16, 96])
    heavy = np.isin(masses, (138.905, 91.224))
    top_THz = np.where(heavy, 9.0, 20.3)[:, None]
    nu = 1.2 + (top_THz - 1.2) * rng.random((N_ATOMS, 3))
    phase = rng.uniform(0, 2 * np.pi, (N_ATOMS, 3))
    t_ps = 1e-3 * np.arange(6000)[:, None, None]
    velocities = np.cos(2 * np.pi * nu * t_ps + phase) / np.sqrt(masses)[:, None]
    found = published_2025_TS_vib(velocities, timestep_fs=1.0, temperature_K=300.0)
    assert found / (KB * 300.0) == pytest.approx(10.77, rel=0.1)
