"""FIRE: step by step that of ASE, downhill to the minimum, in float32 and in batches."""

from functools import partial

import ase
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones
from ase.optimize import FIRE

from confvib.dynamics.evaluation import evaluate
from confvib.dynamics.fire import (
    MAX_TIMESTEP_A_PER_SQRT_EV,
    START_MIXING,
    START_TIMESTEP_A_PER_SQRT_EV,
    FireState,
    fire_step,
)

MINIMUM = np.array([[0.0, 0, 0], [1.6, 0, 0], [0.3, 1.5, 0.2], [0.2, 0.1, 1.4]])


def bowl(positions):
    """A stiff and a soft direction with quartic walls; the minimum is at MINIMUM."""
    u = positions - jnp.asarray(MINIMUM, positions.dtype)
    stiffness = jnp.asarray([20.0, 1.0, 0.3], positions.dtype)
    twist = (u - jnp.roll(u, 1, axis=0)) ** 2
    return (stiffness * (u**2 + u**4)).sum() + (twist**2).sum(), jnp.array(False)


class FromEnergyFn(Calculator):
    """Energy and forces of a JAX function, for ASE."""

    implemented_properties = ("energy", "forces")

    def __init__(self, energy_fn):
        super().__init__()
        self.evaluate = jax.jit(lambda positions: evaluate(energy_fn, positions))

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        found = self.evaluate(atoms.positions)
        forces = np.array(found.forces_eV_per_A)
        self.results = {"energy": float(found.energy_eV), "forces": forces}


def ase_path(atoms, n_steps, maxstep):
    optimiser = FIRE(atoms, logfile=None, maxstep=maxstep)
    path, timesteps = [], []
    for _ in range(n_steps):
        optimiser.step()
        path.append(atoms.get_positions())
        timesteps.append(optimiser.dt)
    return np.array(path), np.array(timesteps)


fire = jax.jit(fire_step)


@partial(jax.jit, static_argnums=(0, 2))
def path(energy_fn, start, n_steps, max_step_A):
    """Return positions and states after each step."""

    def advance(carry, _):
        positions, state = carry
        forces = evaluate(energy_fn, positions).forces_eV_per_A
        step, state = fire_step(state, forces, max_step_A)
        return (positions + step, state), (positions + step, state)

    begin = (start, FireState.start(start))
    return jax.lax.scan(advance, begin, length=n_steps)[1]


def test_same_steps_as_ase_in_argon(argon):
    start = argon.rattled(1, 0.2)[0]
    atoms = ase.Atoms("Ar32", start, cell=[argon.cell_A] * 3, pbc=True)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=4.9, ro=4.2, smooth=True)
    expected, timesteps = ase_path(atoms, 100, maxstep=1e9)
    found, states = path(argon.energy_fn, jnp.asarray(start), 100, 1e9)
    np.testing.assert_allclose(found, expected, atol=1e-10, rtol=0)
    np.testing.assert_allclose(states.timestep_A_per_sqrt_eV, timesteps, rtol=1e-12)
    assert np.abs(expected[-1] - start).max() > 0.1


def test_same_steps_as_ase_through_stops_and_growth():
    start = MINIMUM + np.random.default_rng(0).normal(scale=0.4, size=(4, 3))
    atoms = ase.Atoms("Li4", start, calculator=FromEnergyFn(bowl))
    expected, timesteps = ase_path(atoms, 150, maxstep=1e9)
    found, states = path(bowl, jnp.asarray(start), 400, 1e9)
    np.testing.assert_allclose(found[:150], expected, atol=1e-10, rtol=0)
    np.testing.assert_allclose(states.timestep_A_per_sqrt_eV[:150], timesteps, rtol=1e-12)
    assert (np.diff(timesteps) < 0).sum() > 3
    assert (np.diff(timesteps) > 0).sum() > 10


def test_same_limited_steps_as_ase_for_one_moving_atom():
    # ASE limits the length of the whole step; with one atom moving both mean the same.
    def valley(positions):
        energy, overflow = bowl(
            MINIMUM + jnp.zeros_like(positions).at[1].set(positions[1] - MINIMUM[1])
        )
        return energy, overflow

    start = MINIMUM.copy()
    start[1] += [0.9, -0.7, 1.2]
    atoms = ase.Atoms("Li4", start, calculator=FromEnergyFn(valley))
    expected, _ = ase_path(atoms, 60, maxstep=0.05)
    found, _ = path(valley, jnp.asarray(start), 60, 0.05)
    np.testing.assert_allclose(found, expected, atol=1e-10, rtol=0)
    lengths = np.linalg.norm(np.diff(expected[:, 1], axis=0), axis=1)
    assert np.isclose(lengths, 0.05).sum() > 10


def test_reaches_the_minimum_of_an_anharmonic_bowl():
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(scale=0.5, size=(4, 3))
        found, states = path(bowl, jnp.asarray(MINIMUM + noise), 400, 0.1)
        np.testing.assert_allclose(found[-1], MINIMUM, atol=1e-6)
        moves = np.linalg.norm(np.diff(found, axis=0), axis=-1)
        assert np.isclose(moves.max(), 0.1)
        assert moves.max() <= 0.1 * (1 + 1e-12)
        assert states.timestep_A_per_sqrt_eV.max() <= MAX_TIMESTEP_A_PER_SQRT_EV


def test_first_step_is_straight_down():
    forces = jnp.asarray(np.random.default_rng(2).normal(size=(4, 3)))
    step, state = fire(FireState.start(forces), forces, 1e9)
    np.testing.assert_allclose(step, START_TIMESTEP_A_PER_SQRT_EV**2 * forces)
    assert state.n_downhill == 0
    assert state.timestep_A_per_sqrt_eV == START_TIMESTEP_A_PER_SQRT_EV


def test_uphill_motion_stops_and_a_refused_step_does_the_same():
    forces = jnp.asarray(np.random.default_rng(3).normal(size=(4, 3)))
    _, moving = fire(FireState.start(forces), forces, 1e9)
    step, state = fire(moving, -forces, 1e9)
    np.testing.assert_allclose(step, -((START_TIMESTEP_A_PER_SQRT_EV / 2) ** 2) * forces)
    assert float(state.mixing) == START_MIXING
    refused, again = fire(moving.stopped(), -forces, 1e9)
    np.testing.assert_array_equal(refused, step)
    jax.tree.map(np.testing.assert_array_equal, again, state)


def test_a_cell_without_forces_rests():
    still = jnp.zeros((4, 3))
    step, state = fire(FireState.start(still), still, 0.1)
    np.testing.assert_array_equal(step, still)
    _, moving = fire(state, still + 1.0, 0.1)
    step, _ = fire(moving, still, 0.1)
    assert np.isfinite(step).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_steps_keep_the_dtype(dtype):
    start = jnp.asarray(MINIMUM, dtype)
    begin = FireState.start(start)
    step, state = jax.eval_shape(lambda s, f: fire_step(s, f, 0.1), begin, start)
    assert step.dtype == dtype
    kinds = jax.tree.map(lambda x: (x.shape, x.dtype), (begin, state))
    assert kinds[0] == kinds[1]
