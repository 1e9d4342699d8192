"""Verlet and Langevin steps by the laws they must keep."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.dynamics import thermostat, verlet
from confvib.dynamics.velocities import (
    configuration_key,
    degrees_of_freedom,
    kinetic_energy_eV,
    kinetic_temperature_K,
    maxwell_boltzmann,
    without_momentum,
)
from confvib.errors import DynamicsError
from confvib.units import (
    ACCELERATION_A_PER_FS2,
    BOLTZMANN_EV_PER_K,
    FREQUENCY_THZ,
    KINETIC_EV,
)


@jax.jit
def draw(key, masses, temperature_K, like):
    return maxwell_boltzmann(key, masses, temperature_K, like=like)


init = jax.jit(verlet.init, static_argnums=0)


def started(crystal, temperature_K, seed=0):
    positions = jnp.asarray(crystal.positions)
    drawn = draw(jax.random.key(seed), crystal.masses_amu, temperature_K, positions)
    return init(crystal.energy_fn, positions, drawn)


@functools.partial(jax.jit, static_argnums=0)
def trajectory(energy_fn, state, masses, timestep_fs, n_steps):
    """Return the last state and the mean square change of the energy."""

    def energy(state):
        return state.potential_eV + kinetic_energy_eV(state.velocities, masses)

    def advance(_, carry):
        now, squares = carry
        after = verlet.step(energy_fn, now, masses, timestep_fs)
        return after, squares + (energy(after) - energy(state)) ** 2

    end, squares = jax.lax.fori_loop(0, n_steps, advance, (state, 0.0))
    return end, squares / n_steps


def test_energy_error_scales_with_the_timestep_squared(argon):
    start = started(argon, 40.0)
    spread = [
        math.sqrt(trajectory(argon.energy_fn, start, argon.masses_amu, tau, n)[1])
        for tau, n in ((8.0, 100), (4.0, 200), (2.0, 400))
    ]
    assert spread[0] / spread[1] == pytest.approx(4, rel=0.1)
    assert spread[1] / spread[2] == pytest.approx(4, rel=0.1)


def test_momentum_is_conserved_and_time_reversible(argon):
    start = started(argon, 80.0)
    masses = argon.masses_amu[:, None]
    end, _ = trajectory(argon.energy_fn, start, argon.masses_amu, 5.0, 200)
    thermal = np.sqrt((masses**2 * np.asarray(start.velocities) ** 2).sum())
    assert np.abs((masses * end.velocities).sum(0)).max() < 1e-12 * thermal
    moved = np.abs(np.asarray(end.positions - start.positions)).max()
    assert moved > 0.3
    back, _ = trajectory(argon.energy_fn, end, argon.masses_amu, -5.0, 200)
    np.testing.assert_allclose(back.positions, start.positions, atol=1e-9)
    np.testing.assert_allclose(back.velocities, start.velocities, atol=1e-11)


def test_oscillator_has_the_frequency_of_verlet(chain):
    # Staggered motion is no mode of an odd ring; take the wave of q = 1 instead.
    phase = 2 * np.pi * np.arange(7) / 7
    omega_sq = 4 * 2.0 * math.sin(math.pi / 7) ** 2 / 28.0
    period_fs = 1e3 / (FREQUENCY_THZ * math.sqrt(omega_sq))
    timestep_fs = period_fs / 40
    # Verlet runs fast: sin(ω' τ / 2) = ω τ / 2.
    exact = math.asin(math.pi / 40) * 2 / timestep_fs
    displaced = chain.positions.copy()
    displaced[:, 1] += 0.1 * np.cos(phase)
    state = init(chain.energy_fn, jnp.asarray(displaced), jnp.zeros((7, 3)))
    end, _ = trajectory(chain.energy_fn, state, chain.masses_amu, timestep_fs, 33)
    expected = 0.1 * np.cos(phase) * math.cos(exact * timestep_fs * 33)
    np.testing.assert_allclose(end.positions[:, 1], expected, atol=1e-12)


def test_langevin_samples_maxwell_and_boltzmann(lattice):
    temperature_K, timestep_fs, n_cells, n_samples = 500.0, 3.0, 4, 100
    stride = 50
    masses = jnp.asarray(lattice.masses_amu)

    def cell(key):
        state = started(lattice, 2 * temperature_K)

        def advance(index, state):
            bath = (jax.random.fold_in(key, index), temperature_K, 0.02)
            return thermostat.step(lattice.energy_fn, state, masses, timestep_fs, bath)

        def sample(state, number):
            first = number * stride
            state = jax.lax.fori_loop(first, first + stride, advance, state)
            return state, (
                kinetic_energy_eV(state.velocities, masses),
                state.potential_eV,
            )

        return jax.lax.scan(sample, state, jnp.arange(n_samples + 10))[1]

    keys = jax.random.split(jax.random.key(7), n_cells)
    kinetic, potential = (np.ravel(x[:, 10:]) for x in jax.jit(jax.vmap(cell))(keys))
    kT = BOLTZMANN_EV_PER_K * temperature_K
    # After 150 fs at γ = 0.02/fs an energy remembers exp(-3) of its deviation.
    memory = math.exp(-3)
    n = n_cells * n_samples * (1 - memory) / (1 + memory)
    # Closed forms of BAOAB in a harmonic crystal: positions are exact, velocities cold
    # by (ωτ)²/4; the mean of ω² over the modes is the trace of D per row, 6 k / m.
    cold = ACCELERATION_A_PER_FS2 * 6 * 3.0 / 20.0 * timestep_fs**2 / 4
    mean = 192 / 2 * kT * (1 - cold)
    assert kinetic.mean() == pytest.approx(mean, abs=3 * kT * math.sqrt(192 / 2 / n))
    assert kinetic.var() == pytest.approx(
        192 / 2 * kT**2 * (1 - cold) ** 2, rel=3 * math.sqrt(2 / n)
    )
    # The centre of mass has no potential energy: 3N - 3 modes.
    error = 3 * kT * math.sqrt(189 / 2 / n)
    assert potential.mean() == pytest.approx(189 / 2 * kT, abs=error)


def test_drawn_velocities_are_maxwellian():
    masses = np.repeat([6.94, 138.9], 2000)
    like = jnp.zeros((4000, 3))
    drawn = np.asarray(draw(jax.random.key(3), masses, 300.0, like))
    kT = BOLTZMANN_EV_PER_K * 300.0
    for mass in (6.94, 138.9):
        scaled = drawn[masses == mass] * np.sqrt(KINETIC_EV * mass / kT)
        n = scaled.size
        assert scaled.var() == pytest.approx(1, abs=3 * math.sqrt(2 / n))
        assert (scaled**4).mean() == pytest.approx(3, abs=3 * math.sqrt(96 / n))
    net = (masses[:, None] * drawn).sum(0)
    assert np.abs(net).max() < 1e-12 * np.abs(masses[:, None] * drawn).sum()


def test_temperature_of_a_draw_scatters_unless_exact():
    masses, like = np.full(10, 16.0), jnp.zeros((10, 3))

    def temperatures(key):
        free = maxwell_boltzmann(key, masses, 300.0, like=like)
        exact = maxwell_boltzmann(key, masses, 300.0, like=like, exact=True)
        return [kinetic_temperature_K(drawn, masses) for drawn in (free, exact)]

    keys = jax.random.split(jax.random.key(0), 2000)
    found, exact = map(np.asarray, jax.jit(jax.vmap(temperatures))(keys))
    relative = math.sqrt(2 / degrees_of_freedom(10))
    assert found.mean() == pytest.approx(300, rel=3 * relative / math.sqrt(2000))
    assert found.std() == pytest.approx(300 * relative, rel=0.06)
    np.testing.assert_allclose(exact, 300, rtol=1e-12)


def test_momentum_is_removed_by_mass():
    masses = np.array([1.0, 3.0])
    moving = jnp.array([[4.0, 0, 0], [0, 0, 0]])
    rest = without_momentum(moving, masses)
    np.testing.assert_allclose(rest, [[3.0, 0, 0], [-1.0, 0, 0]])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_steps_keep_the_dtype(lattice, dtype):
    def run(positions, key):
        masses = lattice.masses_amu
        drawn = maxwell_boltzmann(key, masses, 300.0, like=positions, exact=True)
        state = verlet.init(lattice.energy_fn, positions, drawn)
        state = verlet.step(lattice.energy_fn, state, masses, dtype(1.0))
        bath = (key, dtype(300.0), dtype(0.01))
        return thermostat.step(lattice.energy_fn, state, masses, dtype(1.0), bath)

    positions = jnp.asarray(lattice.positions, dtype)
    state = jax.eval_shape(run, positions, jax.random.key(0))
    kinds = {x.dtype for x in jax.tree.leaves(state) if x.dtype != bool}
    assert kinds == {jnp.dtype(dtype)}


def test_keys_know_only_seed_configuration_temperature_and_purpose():
    base = (1, "12_44-000017", 300.0, "md")
    variants = [
        base,
        (2, *base[1:]),
        (1, "12_44-000018", 300.0, "md"),
        (*base[:2], 1500.0, "md"),
        (*base[:3], "quench"),
    ]
    data = [tuple(jax.random.key_data(configuration_key(*v)).tolist()) for v in variants]
    assert len(set(data)) == 5
    again = configuration_key(1, "12_44-000017", 300, "md")
    assert tuple(jax.random.key_data(again).tolist()) == data[0]
    # Pinned: a campaign must find the same velocities with every later version.
    assert data[0] == (1719093399, 3065133534)


def test_one_atom_has_no_vibration():
    with pytest.raises(DynamicsError, match="1 atoms have no vibration"):
        degrees_of_freedom(1)
