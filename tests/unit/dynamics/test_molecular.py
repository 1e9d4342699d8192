"""Runs of a batch: temperature by equipartition, sampling, isolation, honest status."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from confvib.dynamics.evaluation import BatchMode
from confvib.dynamics.molecular import MolecularDynamicsSettings, Protocol, run_md
from confvib.dynamics.state import Bounds, Status, statuses
from confvib.dynamics.velocities import configuration_key
from confvib.errors import DynamicsError
from confvib.units import ACCELERATION_A_PER_FS2, BOLTZMANN_EV_PER_K, KINETIC_EV

MODES = list(BatchMode)
THERMALISED = MolecularDynamicsSettings(
    protocol=Protocol.THERMALISED,
    temperature_K=300.0,
    timestep_fs=2.0,
    equilibration_fs=500.0,
    production_fs=1000.0,
    friction_per_fs=0.01,
    sample_interval=5,
    segment_steps=100,
)
PUBLISHED = dataclasses.replace(
    THERMALISED, protocol=Protocol.PUBLISHED_2025, equilibration_fs=0.0
)
SHORT = dataclasses.replace(THERMALISED, equilibration_fs=20.0, production_fs=200.0)


def batch(crystal, n_cells=6):
    return np.stack([crystal.positions] * n_cells).astype(np.float32)


@pytest.fixture(scope="module")
def equilibrated(guarded):
    keys = jnp.stack([configuration_key(5, f"c{i}", 300.0, "md") for i in range(6)])
    return run_md(
        guarded.energy_fn, batch(guarded), guarded.masses_amu, keys, THERMALISED
    )


def test_thermalised_run_has_the_temperature_it_says(equilibrated):
    assert statuses(equilibrated.status) == [Status.OK] * 6
    # NVE at canonical total energies: T scatters by about 1 / sqrt(3N) between cells.
    error = 300 / np.sqrt(192 * 6)
    assert equilibrated.temperature_K.mean() == pytest.approx(300, abs=3 * error)
    potential = equilibrated.potential_eV.mean() / (189 / 2 * BOLTZMANN_EV_PER_K)
    assert potential == pytest.approx(300, abs=3 * error)


def test_start_at_twice_the_temperature_needs_no_bath_in_a_harmonic_crystal(
    guarded, keys
):
    settings = dataclasses.replace(THERMALISED, equilibration_fs=0.0)
    found = run_md(
        guarded.energy_fn, batch(guarded), guarded.masses_amu, keys(6), settings
    )
    error = 300 * np.sqrt(2 / 192 / 6)
    late = found.kinetic_eV[:, 50:].mean() / (189 / 2 * BOLTZMANN_EV_PER_K)
    assert late == pytest.approx(300, abs=3 * error)


def test_published_protocol_ends_at_half_its_temperature(guarded, keys):
    found = run_md(
        guarded.energy_fn, batch(guarded), guarded.masses_amu, keys(6), PUBLISHED
    )
    assert statuses(found.status) == [Status.OK] * 6
    error = 150 * np.sqrt(2 / 192 / 6)
    # The first cycles still oscillate about the balance: look at the second half.
    late = found.kinetic_eV[:, 50:].mean() / (189 / 2 * BOLTZMANN_EV_PER_K)
    assert late == pytest.approx(150, abs=3 * error)


def test_samples_are_the_energies_of_their_velocities(equilibrated, guarded):
    assert equilibrated.velocities.shape == (6, 100, 64, 3)
    assert equilibrated.velocities.dtype == np.float32
    assert equilibrated.sample_spacing_fs == 10.0
    squared = (equilibrated.velocities.astype(float) ** 2).sum((2, 3))
    np.testing.assert_allclose(
        0.5 * KINETIC_EV * 20.0 * squared, equilibrated.kinetic_eV, rtol=1e-6
    )
    momentum = equilibrated.velocities.astype(float).sum(2)
    assert np.abs(momentum).max() < 1e-6 * np.abs(equilibrated.velocities).sum(2).mean()


def test_energy_is_conserved_in_single_precision(equilibrated):
    assert np.abs(equilibrated.drift_eV_per_atom_ps).max() < 5e-5
    # Verlet trades at most (ωτ)²/4 of the kinetic energy; m ω² = 12 k at the zone corner.
    share = ACCELERATION_A_PER_FS2 * 12 * 3.0 / 20.0 * 2.0**2 / 4
    total = equilibrated.potential_eV + equilibrated.kinetic_eV
    assert (total.std(1) < share * equilibrated.kinetic_eV.std(1)).all()


def test_segments_and_batch_do_not_matter(guarded, equilibrated):
    one = configuration_key(5, "c3", 300.0, "md")[None]
    settings = dataclasses.replace(THERMALISED, segment_steps=250)
    alone = run_md(
        guarded.energy_fn, batch(guarded, 1), guarded.masses_amu, one, settings
    )
    np.testing.assert_array_equal(alone.velocities[0], equilibrated.velocities[3])
    np.testing.assert_array_equal(
        alone.final_positions[0], equilibrated.final_positions[3]
    )


@pytest.mark.parametrize("mode", MODES)
def test_permuting_slots_permutes_results_bitwise(guarded, keys, mode):
    order = np.array([2, 0, 5, 3, 1, 4])
    start = guarded.rattled(6, 0.05, dtype=np.float32)
    args = (guarded.energy_fn, start, guarded.masses_amu, keys(6), SHORT)
    found = run_md(*args, batch_mode=mode)
    args = (guarded.energy_fn, start[order], guarded.masses_amu, keys(6)[order], SHORT)
    permuted = run_md(*args, batch_mode=mode)
    for name in ("velocities", "potential_eV", "final_positions", "status"):
        np.testing.assert_array_equal(
            getattr(permuted, name), getattr(found, name)[order], err_msg=name
        )
    assert found.final_positions.dtype == np.float32


@pytest.mark.parametrize("mode", MODES)
def test_failed_neighbours_change_nothing(guarded, keys, mode):
    start = batch(guarded)
    args = (guarded.masses_amu, keys(6), SHORT)
    healthy = run_md(guarded.energy_fn, start, *args, batch_mode=mode)
    planted = start.copy()
    planted[1, 3, 0] = np.nan
    planted[2, 0, 0] = -0.8
    planted[4, 5, 0] += 9.0
    bounds = Bounds(energy_change_eV_per_atom=0.5)
    found = run_md(guarded.energy_fn, planted, *args, bounds=bounds, batch_mode=mode)
    assert statuses(found.status)[1:3] == [Status.NAN, Status.OVERFLOW]
    assert statuses(found.status)[4] is Status.DIVERGED
    healthy_rows = [0, 3, 5]
    for name in ("velocities", "potential_eV", "final_positions", "status"):
        np.testing.assert_array_equal(
            getattr(found, name)[healthy_rows],
            getattr(healthy, name)[healthy_rows],
            err_msg=name,
        )
    assert np.isnan(found.velocities[[1, 2, 4]]).all()
    assert np.isnan(found.temperature_K[[1, 2, 4]]).all()
    assert np.isnan(found.drift_eV_per_atom_ps[[1, 2, 4]]).all()
    assert np.isfinite(found.final_positions[4]).all()


def test_failure_in_production_keeps_the_samples_before_it(guarded, keys):
    start = batch(guarded)
    start[1] += [0.0, 0.5, 0.0]
    start[1, :, 0] += 0.6 * np.cos(np.pi * np.round(guarded.positions[:, 0] / 3.0))
    found = run_md(guarded.energy_fn, start, guarded.masses_amu, keys(6), PUBLISHED)
    assert statuses(found.status)[1] is Status.OVERFLOW
    finite = np.isfinite(found.potential_eV[1])
    assert 0 < finite.sum() < 100
    assert (np.diff(finite.astype(int)) <= 0).all()
    np.testing.assert_array_equal(finite, np.isfinite(found.velocities[1]).all((1, 2)))
    assert found.final_positions[1, 0, 0] >= -0.4


def test_a_run_that_is_not_thermal_is_refused_its_label(guarded, keys):
    # A wave frozen in is heat that two femtoseconds in the bath cannot remove.
    hot = batch(guarded)
    hot[1, :, 1] += 0.2 * np.cos(np.pi * np.round(guarded.positions[:, 0] / 3.0))
    settings = dataclasses.replace(
        THERMALISED, equilibration_fs=2.0, friction_per_fs=1e-4
    )
    found = run_md(guarded.energy_fn, hot, guarded.masses_amu, keys(6), settings)
    assert statuses(found.status)[1] is Status.WRONG_TEMPERATURE
    assert found.temperature_K[1] > 300 * (1 + 3 * np.sqrt(2 / 192))
    assert np.isfinite(found.velocities).all()


def test_single_precision_energy_of_double_precision_positions(keys):
    def bond(positions):
        stretch = (positions[0] - positions[1]).astype(jnp.float32) - 1.5
        return -1000 + 5 * (stretch**2).sum(), jnp.array(False)

    start = np.array([[[1.5, 1.5, 1.5], [0.0, 0, 0]]])
    found = run_md(bond, start, np.array([7.0, 16.0]), keys(1), SHORT)
    assert found.final_positions.dtype == np.float64
    assert np.abs(found.drift_eV_per_atom_ps[0]) < 1e-3
    assert np.isfinite(found.velocities).all()


def test_progress_counts_steps(guarded, keys):
    seen = []
    run_md(
        guarded.energy_fn,
        batch(guarded),
        guarded.masses_amu,
        keys(6),
        SHORT,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(10, 110), (110, 110)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature_K": -1.0}, "temperature_K is -1.0; expected a positive number"),
        ({"production_fs": 1003.0}, "production_fs is 1003.0; expected a multiple of 10"),
        ({"equilibration_fs": 5.0}, "equilibration_fs is 5.0; expected a multiple of 2"),
        ({"equilibration_fs": -2.0}, "equilibration_fs is -2.0; expected >= 0"),
        ({"protocol": Protocol.PUBLISHED_2025}, "500.0; expected 0 with published_2025"),
        ({"production_fs": 10.0}, "production gives 1 sample; expected at least 2"),
        ({"sample_interval": 0}, "sample_interval is 0; expected a positive number"),
    ],
)
def test_refuses_nonsense(guarded, keys, change, message):
    settings = dataclasses.replace(THERMALISED, **change)
    with pytest.raises(DynamicsError, match=message):
        run_md(
            guarded.energy_fn, batch(guarded, 1), guarded.masses_amu, keys(1), settings
        )


def test_refuses_rows_that_do_not_fit(guarded, keys):
    start = batch(guarded, 2)
    with pytest.raises(DynamicsError, match=r"keys have shape \(3,\); expected \(2,\)"):
        run_md(guarded.energy_fn, start, guarded.masses_amu, keys(3), THERMALISED)
    with pytest.raises(DynamicsError, match="expected 64 positive numbers"):
        run_md(guarded.energy_fn, start, np.ones(63), keys(2), THERMALISED)
