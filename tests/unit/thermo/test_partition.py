"""Canonical averages against closed forms, identities, limits and merging."""

from dataclasses import fields

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.partition import Vibrations, canonical_ensemble
from confvib.thermo.sampling import boltzmann_probabilities
from confvib.thermo.union import merge_ensembles
from confvib.units import BOLTZMANN_EV_PER_K

KB = BOLTZMANN_EV_PER_K
N_ATOMS = 192


def landscape(n=500, seed=0, sigma=0.09):
    rng = np.random.default_rng(seed)
    energy = -1500.0 + sigma * rng.normal(size=n)
    weights = rng.choice([24.0, 48.0, 96.0], size=n)
    return energy, weights


def vibrations_at(T, n=500, seed=1):
    rng = np.random.default_rng(seed)
    nu = rng.uniform(2.0, 18.0, (n, 6))  # six classical modes per configuration
    x = 4.135667696e-3 * nu / (KB * T)
    return Vibrations(
        free_energy_eV=KB * T * np.log(x).sum(axis=1),
        entropy_eV_per_K=KB * (1 - np.log(x)).sum(axis=1),
        heat_capacity_eV_per_K=np.full(n, 6 * KB),
    )


def test_two_level_system():
    gap, g0, g1, T = 0.05, 2.0, 6.0, 400.0
    found = canonical_ensemble([-3.0, -3.0 + gap], [g0, g1], T, n_atoms=4)
    boltzmann = g1 / g0 * np.exp(-gap / (KB * T))
    p1 = boltzmann / (1 + boltzmann)
    p = boltzmann_probabilities([-3.0, -3.0 + gap], [g0, g1], T)
    assert p[1] == pytest.approx(p1, rel=1e-13)
    assert found.p_max == pytest.approx(max(p1, 1 - p1), rel=1e-13)
    assert found.free_energy_eV == pytest.approx(
        -3.0 - KB * T * np.log(g0 * (1 + boltzmann)), rel=1e-13
    )
    assert found.internal_energy_eV == pytest.approx(-3.0 + gap * p1, rel=1e-13)
    schottky = KB * (gap / (KB * T)) ** 2 * p1 * (1 - p1)
    assert found.heat_capacity_eV_per_K == pytest.approx(schottky, rel=1e-12)
    assert found.log_Z == pytest.approx(np.log(g0 + g1 * np.exp(-gap / (KB * T))))


def test_entropy_limits():
    energy, weights = landscape(50)
    ground = int(np.argmin(energy))
    hot = canonical_ensemble(energy, weights, 1e9, n_atoms=N_ATOMS)
    assert hot.entropy_eV_per_K == pytest.approx(KB * np.log(weights.sum()), rel=1e-9)
    cold = canonical_ensemble(energy, weights, 1e-3, n_atoms=N_ATOMS)
    assert cold.entropy_eV_per_K == pytest.approx(KB * np.log(weights[ground]), rel=1e-12)
    assert cold.internal_energy_eV == pytest.approx(energy[ground], rel=1e-15)
    assert (cold.ess, cold.p_max) == pytest.approx((1.0, 1.0))


def test_degenerate_levels_have_the_entropy_of_their_count():
    found = canonical_ensemble(np.full(7, -2.0), np.full(7, 96.0), 300.0, n_atoms=2)
    assert found.entropy_eV_per_K == pytest.approx(KB * np.log(672), rel=1e-14)
    assert found.configurational_heat_capacity_eV_per_K == 0.0
    assert found.ess == pytest.approx(7.0)
    assert found.p_max == pytest.approx(1 / 7)


def test_splitting_an_orbit_changes_nothing():
    energy, weights = landscape(40)
    whole = canonical_ensemble(energy, weights, 700.0, n_atoms=N_ATOMS)
    split = canonical_ensemble(
        np.repeat(energy, 2), np.repeat(weights / 2, 2), 700.0, n_atoms=N_ATOMS
    )
    assert split.free_energy_eV == pytest.approx(whole.free_energy_eV, rel=1e-15)
    assert split.entropy_eV_per_K == pytest.approx(whole.entropy_eV_per_K, rel=1e-12)


@pytest.mark.parametrize("T", [50.0, 300.0, 1500.0])
@pytest.mark.parametrize("with_vibrations", [False, True])
def test_identities(T, with_vibrations):
    energy, weights = landscape()
    vibrations = vibrations_at(T) if with_vibrations else None
    found = canonical_ensemble(energy, weights, T, n_atoms=N_ATOMS, vibrations=vibrations)
    effective = energy + (vibrations.free_energy_eV if vibrations else 0.0)
    p = boltzmann_probabilities(effective, weights, T)
    assert found.sum_p_squared == pytest.approx(p @ p, rel=1e-13)
    assert p.sum() == pytest.approx(1.0, rel=1e-13)
    F = found.free_energy_eV
    assert p @ effective - T * found.configurational_entropy_eV_per_K == pytest.approx(
        F, rel=1e-12
    )
    assert found.internal_energy_eV - T * found.entropy_eV_per_K == pytest.approx(
        F, rel=1e-12
    )
    assert found.internal_energy_eV + found.minus_TS_eV == pytest.approx(F, rel=1e-12)
    used = p > 0
    gibbs = -KB * np.sum(p[used] * np.log(p[used] / weights[used]))
    assert found.configurational_entropy_eV_per_K == pytest.approx(gibbs, rel=1e-12)


@pytest.mark.parametrize("T", [150.0, 300.0, 1500.0])
def test_entropy_and_heat_capacity_are_derivatives(T):
    energy, weights = landscape()
    step = 1e-3 * T

    def at(temperature):
        return canonical_ensemble(
            energy,
            weights,
            temperature,
            n_atoms=N_ATOMS,
            vibrations=vibrations_at(temperature),
        )

    below, here, above = at(T - step), at(T), at(T + step)
    slope = (above.free_energy_eV - below.free_energy_eV) / (2 * step)
    assert here.entropy_eV_per_K == pytest.approx(-slope, rel=1e-5)
    heat = (above.internal_energy_eV - below.internal_energy_eV) / (2 * step)
    # Six classical modes add 6 kB; redistribution adds the variance of E + U_vib.
    assert here.heat_capacity_eV_per_K == pytest.approx(heat, rel=1e-4)


def test_constant_vibrations_shift_nothing():
    energy, weights = landscape(100)
    same = Vibrations(np.full(100, -3.0), np.full(100, 0.02))
    found = canonical_ensemble(energy, weights, 600.0, n_atoms=N_ATOMS, vibrations=same)
    static = canonical_ensemble(energy, weights, 600.0, n_atoms=N_ATOMS)
    assert static.free_energy_shift_eV == pytest.approx(0.0, abs=1e-12)
    assert found.free_energy_shift_eV == pytest.approx(0.0, abs=1e-11)
    assert found.entropy_eV_per_K == pytest.approx(static.entropy_eV_per_K + 0.02)


def test_free_energy_shift_is_covariance_and_variance_at_leading_order():
    energy, weights = landscape(400, sigma=0.004)
    rng = np.random.default_rng(5)
    coupled = 0.5 * (energy + 1500.0) + 0.003 * rng.normal(size=400)
    T = 1500.0
    found = canonical_ensemble(
        energy,
        weights,
        T,
        n_atoms=N_ATOMS,
        vibrations=Vibrations(coupled, np.zeros(400)),
    )
    share = weights / weights.sum()
    dE, dF = energy - share @ energy, coupled - share @ coupled
    expected = -(share @ (dE * dF) + 0.5 * share @ dF**2) / (KB * T)
    assert found.free_energy_shift_eV == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("T", [30.0, 300.0, 1500.0])
def test_merging_two_sets_is_their_union(T):
    energy, weights = landscape()
    vibrations = vibrations_at(T)

    def part(rows):
        return canonical_ensemble(
            energy[rows],
            weights[rows],
            T,
            n_atoms=N_ATOMS,
            vibrations=Vibrations(
                vibrations.free_energy_eV[rows],
                vibrations.entropy_eV_per_K[rows],
                vibrations.heat_capacity_eV_per_K[rows],
            ),
        )

    union = part(slice(None))
    merged = merge_ensembles(
        merge_ensembles(part(slice(0, 120)), part(slice(120, 121))),
        part(slice(121, None)),
    )
    for field in fields(union):
        np.testing.assert_allclose(
            getattr(merged, field.name),
            getattr(union, field.name),
            rtol=1e-10,
            atol=1e-12,
            err_msg=field.name,
        )
    assert merged.entropy_eV_per_K == pytest.approx(union.entropy_eV_per_K, rel=1e-11)
    assert merged.free_energy_shift_eV == pytest.approx(
        union.free_energy_shift_eV, abs=1e-11
    )
    assert merged.ess == pytest.approx(union.ess)


def test_a_million_rows_and_huge_energies_stay_finite():
    rng = np.random.default_rng(3)
    energy = -1e6 + rng.exponential(50.0, 1_000_000)  # thousands of kT wide
    found = canonical_ensemble(energy, np.full(1_000_000, 96.0), 300.0, n_atoms=N_ATOMS)
    for name in ("free_energy_eV", "entropy_eV_per_K", "internal_energy_eV", "ess"):
        assert np.isfinite(getattr(found, name))
    # Exponential density of states: Z = g n kT / 50 eV, U - E_0 close to kT.
    width = KB * 300.0
    assert found.log_Z == pytest.approx(np.log(96e6 * width / 50.0), abs=0.1)
    assert found.mean_excess_eV == pytest.approx(width, rel=0.1)


@pytest.mark.parametrize(
    ("energy", "weights", "T", "message"),
    [
        (
            [1.0, np.nan, np.inf],
            [1.0] * 3,
            300.0,
            (
                "energy_eV has 2 non-finite value(s), the first is nan at row 1;"
                " select the rows that are ok first"
            ),
        ),
        ([1.0, 2.0], [1.0], 300.0, "weights: found 1 rows, expected 2"),
        ([1.0, 2.0], [1.0, 0.0], 300.0, "weights: found 0.0, expected > 0"),
        ([1.0], [1.0], 0.0, "temperature_K is 0.0, expected a finite value > 0"),
    ],
)
def test_messages(energy, weights, T, message):
    with pytest.raises(ThermodynamicsError) as caught:
        canonical_ensemble(energy, weights, T, n_atoms=2)
    assert str(caught.value) == message


def test_vibration_messages():
    with pytest.raises(ThermodynamicsError) as caught:
        canonical_ensemble(
            [1.0, 2.0], [1.0, 1.0], 300.0, n_atoms=2, vibrations=Vibrations([1.0], [1.0])
        )
    assert str(caught.value) == "vibrations.free_energy_eV: found 1 rows, expected 2"


def test_merge_message():
    one = canonical_ensemble([1.0], [1.0], 300.0, n_atoms=2)
    other = canonical_ensemble([1.0], [1.0], 400.0, n_atoms=2)
    with pytest.raises(ThermodynamicsError) as caught:
        merge_ensembles(one, other)
    assert str(caught.value) == (
        "cannot merge 2 atoms at 300.0 K with 2 atoms at 400.0 K, expected equal ones"
    )
