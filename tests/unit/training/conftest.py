"""Frames of a small ionic cell with an exact pair potential as the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.training.dataset import Frames

CELL = np.diag([6.0, 6.2, 6.4])
NUMBERS = np.array([3, 8, 3, 8, 3, 8])


def morse_energy_eV(positions):
    i, j = np.triu_indices(len(NUMBERS), 1)
    difference = positions[i] - positions[j]
    difference -= jnp.round(difference / jnp.diag(CELL)) * jnp.diag(CELL)
    distance = jnp.sqrt(jnp.sum(difference**2, axis=1))
    depth = jnp.asarray(np.where(NUMBERS[i] == NUMBERS[j], 0.05, 0.4))
    return jnp.sum(depth * ((1 - jnp.exp(-1.2 * (distance - 2.6))) ** 2 - 1)) - 30.0


@pytest.fixture(scope="session")
def frames():
    rng = np.random.default_rng(0)
    sites = np.array(
        [[i, j, 0.5 * k] for k in range(2) for i, j in [(0, 0), (0, 1), (1, 0)]]
    )
    sites = sites * np.array([0.5, 0.5, 1.0]) + 0.2
    positions = sites @ CELL + rng.normal(scale=0.15, size=(24, 6, 3))
    energy, gradient = jax.jit(jax.vmap(jax.value_and_grad(morse_energy_eV)))(positions)
    return Frames(
        numbers=np.tile(NUMBERS, (24, 1)),
        cells=np.tile(CELL, (24, 1, 1)),
        positions=positions,
        energies_eV=np.asarray(energy),
        forces_eV_per_A=-np.asarray(gradient),
    )
