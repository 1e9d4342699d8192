"""Crystals with known answers."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

ARGON_EPSILON_eV = 0.0104
ARGON_SIGMA_A = 3.4
ARGON_CUTOFF_A = 4.9
ARGON_SWITCH_A = 4.2


@dataclass(frozen=True)
class Crystal:
    """An energy function with its minimum, masses and (where periodic) cell."""

    energy_fn: Callable
    positions: np.ndarray
    masses_amu: np.ndarray
    cell_A: float | None = None

    def rattled(self, n_cells, amplitude_A, seed=0, dtype=np.float64):
        rng = np.random.default_rng(seed)
        noise = rng.normal(scale=amplitude_A, size=(n_cells, *self.positions.shape))
        return (self.positions + noise).astype(dtype)


def spring_lattice(shape, spring_eV_per_A2, mass_amu, spacing_A=3.0):
    """Simple cubic lattice, periodic, with scalar springs k |u_i - u_j|² / 2.

    Its modes are known: m ω² = 4 k Σ_a sin²(π q_a / n_a), three polarisations each.
    """
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    ideal = spacing_A * grid.reshape(-1, 3).astype(np.float64)
    index = np.arange(len(ideal)).reshape(shape)
    axes = [axis for axis in range(3) if shape[axis] > 1]
    pairs = [(index.ravel(), np.roll(index, -1, axis).ravel()) for axis in axes]
    left, right = map(np.concatenate, zip(*pairs, strict=True))

    def energy_fn(positions):
        u = positions - jnp.asarray(ideal, positions.dtype)
        stretch = u[left] - u[right]
        return 0.5 * spring_eV_per_A2 * (stretch**2).sum(), jnp.array(False)

    return Crystal(energy_fn, ideal, np.full(len(ideal), mass_amu))


def argon_energy(cell_A):
    def energy_fn(positions):
        delta = positions[:, None] - positions[None]
        delta -= cell_A * jnp.round(delta / cell_A)
        self_pair = jnp.eye(len(positions), dtype=positions.dtype)
        squared = (delta**2).sum(-1) + self_pair * ARGON_CUTOFF_A**2
        inverse = ARGON_SIGMA_A**6 / squared**3
        far, near = ARGON_CUTOFF_A**2, ARGON_SWITCH_A**2
        switch = (far - squared) ** 2 * (far + 2 * squared - 3 * near) / (far - near) ** 3
        switch = jnp.where(squared < near, 1, jnp.where(squared < far, switch, 0))
        pair = 4 * ARGON_EPSILON_eV * (inverse**2 - inverse) * switch
        return 0.5 * pair.sum(), jnp.array(False)

    return energy_fn


@pytest.fixture(scope="session")
def argon():
    """32 atoms of fcc argon, Lennard-Jones switched off between 4.2 and 4.9 Å."""
    cell = 2 * 5.2
    base = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    shifts = np.stack(np.meshgrid(*[range(2)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    positions = 5.2 * (base + shifts).reshape(-1, 3)
    return Crystal(argon_energy(cell), positions, np.full(32, 39.948), cell)


@pytest.fixture(scope="session")
def chain():
    """Seven atoms on a ring: the monatomic chain."""
    return spring_lattice((7, 1, 1), 2.0, 28.0)


@pytest.fixture(scope="session")
def lattice():
    """64 atoms on a simple cubic lattice of springs."""
    return spring_lattice((4, 4, 4), 3.0, 20.0)


@pytest.fixture(scope="session")
def guarded(lattice):
    """The lattice, with an overflow where atom 0 is below x = -0.4 Å."""

    def energy_fn(positions):
        energy, _ = lattice.energy_fn(positions)
        return energy, positions[0, 0] < -0.4

    return Crystal(energy_fn, lattice.positions, lattice.masses_amu)


@pytest.fixture(scope="session")
def double_well():
    """A ring of springs whose atoms 0 and 1 repel along y: a saddle, two unequal minima.

    E = ring - a d² / 2 + c d³ / 3 + b d⁴ / 4 with d = y_0 - y_1, ideally 0.
    """
    ring = spring_lattice((6, 1, 1), 2.0, 28.0)

    def energy_fn(positions):
        energy, overflow = ring.energy_fn(positions)
        d = positions[0, 1] - positions[1, 1]
        return energy - 3.0 * d**2 + 2.0 * d**3 / 3 + 5.0 * d**4, overflow

    return Crystal(energy_fn, ring.positions, ring.masses_amu)


@pytest.fixture
def keys():
    """Return a function that makes n independent random keys."""
    return lambda n, seed=0: jax.random.split(jax.random.key(seed), n)
