"""A harmonic crystal through dynamics, spectrum and method M: back to its modes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from confvib.dynamics import verlet
from confvib.dynamics.hessian import hessian
from confvib.dynamics.modes import normal_modes
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.thermo.molecular import md_free_energy
from confvib.thermo.spectrum import vibrational_spectrum
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV

TEMPERATURE_K, STEP_FS, N_STEPS = 300.0, 0.5, 16_000
kT_eV = BOLTZMANN_EV_PER_K * TEMPERATURE_K


def equipartitioned(matrix, masses):
    """Return displacements and velocities with k_B T in every vibration."""
    root = np.sqrt(np.repeat(masses, 3))
    eigenvalues, vectors = linalg.eigh(matrix / np.outer(root, root))
    omega = np.sqrt(eigenvalues[3:] / KINETIC_EV)  # rad/fs
    speed = np.sqrt(2 * kT_eV / KINETIC_EV)
    phase = np.random.default_rng(2).uniform(0, 2 * np.pi, omega.size)
    place = vectors[:, 3:] @ (speed / omega * np.sin(phase)) / root
    velocity = vectors[:, 3:] @ (speed * np.cos(phase)) / root
    return place.reshape(-1, 3), velocity.reshape(-1, 3)


def test_method_m_returns_the_free_energy_of_the_modes(lattice):
    masses, n_atoms = lattice.masses_amu, len(lattice.masses_amu)
    matrix = hessian(lattice.energy_fn, lattice.positions).matrix_eV_per_A2
    place, velocity = equipartitioned(matrix, masses)

    def step(point, _):
        after = verlet.step(lattice.energy_fn, point, masses, STEP_FS)
        return after, (after.velocities, after.potential_eV)

    start = verlet.init(
        lattice.energy_fn, jnp.asarray(lattice.positions + place), jnp.asarray(velocity)
    )
    run = jax.jit(lambda point: jax.lax.scan(step, point, length=N_STEPS)[1])
    velocities, potential_eV = map(np.asarray, run(start))
    kinetic = 0.5 * KINETIC_EV * np.einsum("snc,n->s", velocities**2, masses)
    temperature_K = kinetic.mean() / (0.5 * (3 * n_atoms - 3) * BOLTZMANN_EV_PER_K)
    spectrum = vibrational_spectrum(
        velocities,
        masses,
        np.full(n_atoms, 14),
        sample_fs=STEP_FS,
        temperature_K=temperature_K,
        frequency_grid_THz=0.05 * np.arange(1, 1001),
        resolution_THz=0.1,
    )
    found = md_free_energy(potential_eV.mean(), spectrum, TEMPERATURE_K, n_atoms=n_atoms)
    frequencies = normal_modes(matrix, masses).frequencies_THz
    for state, statistics in (
        (found.classical, "classical"),
        (found.quantum, "quantum"),
    ):
        exact = harmonic_from_modes(frequencies, [TEMPERATURE_K], statistics=statistics)
        error = state.free_energy_eV - exact.free_energy_eV[0]
        assert error / n_atoms == pytest.approx(0, abs=1e-4)  # 0.1 meV per atom
