"""A synthetic crystal: tethered atoms of two elements with known frequencies."""

from dataclasses import dataclass

import numpy as np
import pytest

from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV

LITHIUM, LANTHANUM = 3, 57


@dataclass(frozen=True)
class Oscillators:
    """Independent oscillators in exact equipartition at one temperature."""

    frequency_THz: np.ndarray  # (N, 3)
    masses_amu: np.ndarray  # (N,)
    numbers: np.ndarray  # (N,)
    phase: np.ndarray  # (N, 3)
    temperature_K: float

    def velocities(self, n_samples, sample_fs):
        """Return velocities [Å/fs], shape (S, N, 3)."""
        t_ps = 1e-3 * sample_fs * np.arange(n_samples)[:, None, None]
        thermal = BOLTZMANN_EV_PER_K * self.temperature_K / KINETIC_EV
        amplitude = np.sqrt(2 * thermal / self.masses_amu)[:, None]
        return amplitude * np.cos(2 * np.pi * self.frequency_THz * t_ps + self.phase)


def _oscillators(n_atoms, temperature_K, seed):
    rng = np.random.default_rng(seed)
    numbers = np.where(np.arange(n_atoms) % 3 == 0, LANTHANUM, LITHIUM)
    heavy = numbers == LANTHANUM
    frequency = np.where(
        heavy[:, None],
        rng.uniform(2.0, 6.0, (n_atoms, 3)),
        rng.uniform(8.0, 18.0, (n_atoms, 3)),
    )
    return Oscillators(
        frequency_THz=frequency,
        masses_amu=np.where(heavy, 138.905, 6.94),
        numbers=numbers,
        phase=rng.uniform(0, 2 * np.pi, (n_atoms, 3)),
        temperature_K=temperature_K,
    )


@pytest.fixture
def make_oscillators():
    """Return the maker of synthetic crystals."""
    return _oscillators


@pytest.fixture
def oscillators():
    """Return twelve atoms at 300 K."""
    return _oscillators(12, 300.0, 7)
