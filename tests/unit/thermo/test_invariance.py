"""What no thermodynamic convention may depend on, and that the published one does."""

import numpy as np
import pytest

from confvib.thermo.partition import Vibrations, canonical_ensemble
from confvib.thermo.published import published_ensemble
from confvib.units import BOLTZMANN_EV_PER_K as KB

N_ATOMS, T = 192, 600.0


def crystal(n=40):
    rng = np.random.default_rng(5)
    energy = -1500 + 0.08 * rng.normal(size=n)
    g = rng.choice([24.0, 48.0, 96.0], size=n)
    vibrations = Vibrations(
        -20 + 0.05 * rng.normal(size=n),
        0.08 + 1e-3 * rng.normal(size=n),
        0.04 + 1e-3 * rng.normal(size=n),
    )
    return energy, g, vibrations


def pairs(values):
    """Values of two independent cells side by side, all pairs of configurations."""
    return np.add.outer(values, values).ravel()


def test_two_cells_double_everything():
    energy, g, vib = crystal()
    one = canonical_ensemble(energy, g, T, n_atoms=N_ATOMS, vibrations=vib)
    two = canonical_ensemble(
        pairs(energy),
        np.multiply.outer(g, g).ravel(),
        T,
        n_atoms=2 * N_ATOMS,
        vibrations=Vibrations(
            pairs(vib.free_energy_eV),
            pairs(vib.entropy_eV_per_K),
            pairs(vib.heat_capacity_eV_per_K),
        ),
    )
    for name in (
        "free_energy_eV",
        "internal_energy_eV",
        "configurational_entropy_eV_per_K",
        "entropy_eV_per_K",
        "heat_capacity_eV_per_K",
        "free_energy_shift_eV",
        "log_Z",
    ):
        assert getattr(two, name) == pytest.approx(2 * getattr(one, name), rel=1e-9), name
    assert two.ess == pytest.approx(one.ess**2)
    assert two.uniform_variance_eV2 == pytest.approx(2 * one.uniform_variance_eV2)


def test_the_published_entropy_per_atom_grows_with_the_cell():
    energy, _, _ = crystal()
    one = published_ensemble(energy, T, n_atoms=N_ATOMS)
    two = published_ensemble(pairs(energy), T, n_atoms=2 * N_ATOMS)
    # An intensive quantity would stay; ln n doubles with the cell and is divided by
    # nothing.
    assert two.entropy_eV_per_atom_K / one.entropy_eV_per_atom_K == pytest.approx(
        2, abs=0.05
    )
    assert two.G_eV_per_atom < one.G_eV_per_atom - 0.9 * T * KB * np.log(40)


def test_copies_of_multiplicity_one_are_the_orbit():
    energy, g, vib = crystal()
    copies = g.astype(int)
    whole = canonical_ensemble(energy, g, T, n_atoms=N_ATOMS, vibrations=vib)
    split = canonical_ensemble(
        np.repeat(energy, copies),
        np.ones(copies.sum()),
        T,
        n_atoms=N_ATOMS,
        vibrations=Vibrations(
            np.repeat(vib.free_energy_eV, copies),
            np.repeat(vib.entropy_eV_per_K, copies),
        ),
    )
    assert split.free_energy_eV == pytest.approx(whole.free_energy_eV, rel=1e-14)
    assert split.entropy_eV_per_K == pytest.approx(whole.entropy_eV_per_K, rel=1e-11)
    published = published_ensemble(energy, T, n_atoms=N_ATOMS)
    counted = published_ensemble(np.repeat(energy, copies), T, n_atoms=N_ATOMS)
    gained = counted.entropy_eV_per_atom_K - published.entropy_eV_per_atom_K
    assert gained == pytest.approx(KB * np.log(g.mean()), rel=0.02)


def test_the_zero_of_energy_is_no_part_of_an_entropy():
    energy, g, _ = crystal()
    here = canonical_ensemble(energy, g, T, n_atoms=N_ATOMS)
    there = canonical_ensemble(energy + 123.0, g, T, n_atoms=N_ATOMS)
    assert there.entropy_eV_per_K == pytest.approx(here.entropy_eV_per_K, rel=1e-10)
    assert there.free_energy_eV - here.free_energy_eV == pytest.approx(123.0)
