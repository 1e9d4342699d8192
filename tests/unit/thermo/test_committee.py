"""The spread of a committee's ensembles against closed forms."""

from itertools import combinations

import numpy as np
import pytest
from scipy.linalg import hadamard

from confvib.errors import ThermodynamicsError
from confvib.thermo.committee import Committee, member_spread
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.sampling import boltzmann_probabilities
from confvib.units import BOLTZMANN_EV_PER_K

T = 600.0
KT_EV = BOLTZMANN_EV_PER_K * T
WEIGHTS = np.array([96.0, 48.0, 96.0, 24.0, 96.0])
BASE_EV = -1500.0 + np.array([0.0, 0.03, 0.05, 0.08, 0.02])


def scored(shifts_eV):
    """Members that differ from the first by shifts (n, M)."""
    shifts = np.asarray(shifts_eV)
    return Committee.of(shifts - shifts[:, :1], BASE_EV, WEIGHTS, T, n_atoms=1)


def free_energies(found):
    return np.array([each.free_energy_eV for each in found.ensembles])


def test_the_first_member_gives_the_ensemble_that_is_quoted():
    found = scored(np.random.default_rng(0).normal(scale=0.02, size=(5, 3)))
    assert found.n_members == 3
    assert found.ensembles[0] == canonical_ensemble(BASE_EV, WEIGHTS, T, n_atoms=1)


def test_a_common_offset_moves_F_by_itself_and_S_not_at_all():
    offsets = np.array([0.0, 0.3, -0.1])
    found = scored(np.tile(offsets, (5, 1)))
    moved = free_energies(found) - free_energies(found)[0]
    np.testing.assert_allclose(moved, offsets, atol=1e-11)
    spread = np.std(offsets, ddof=1)
    errors = found.spread()
    for value in (errors.free_energy_eV, errors.average_eV, found.offset_eV):
        assert value == pytest.approx(spread, rel=1e-9)
    assert errors.entropy_eV_per_K < 1e-15
    assert found.pairs_over_kT < 1e-10


def test_independent_noise_reaches_F_through_the_weights():
    """Rows whose deviations are orthogonal over members are uncorrelated exactly."""
    sigma_eV = 1e-6
    signs = hadamard(8)[1:6]  # each row sums to zero over the eight members
    found = scored(sigma_eV * signs)
    first = boltzmann_probabilities(BASE_EV - sigma_eV * signs[:, 0], WEIGHTS, T)
    # The sample standard deviation of +-sigma in eight members.
    sigma = sigma_eV * np.sqrt(8 / 7)
    expected = np.sqrt((first**2).sum()) * sigma
    assert found.spread().free_energy_eV == pytest.approx(expected, rel=1e-4)
    # The mean over n rows keeps sigma / sqrt(n), a difference has sqrt(2) sigma.
    assert found.offset_eV == pytest.approx(sigma / np.sqrt(5), rel=1e-4)
    assert found.pairs_over_kT == pytest.approx(np.sqrt(2) * sigma / KT_EV, rel=1e-4)


def test_members_whose_errors_go_together_do_not_average_out():
    """The same noise in all rows moves F by all of it: rows are not independent."""
    signs = np.tile(hadamard(8)[1], (5, 1))
    found = scored(0.01 * signs).spread()
    together = 0.01 * np.sqrt(8 / 7)
    assert found.free_energy_eV == pytest.approx(together)
    p = boltzmann_probabilities(BASE_EV, WEIGHTS, T)
    assert found.free_energy_eV > np.sqrt((p**2).sum()) * together


def test_offset_and_pairs_share_the_variance_of_the_rows():
    shifts = np.random.default_rng(3).normal(scale=0.05, size=(5, 4))
    shifts += np.array([0.0, 0.2, 0.1, 0.0])
    found = scored(shifts)
    rows = shifts.var(axis=1, ddof=1).mean()
    n, pairs_eV = len(shifts), KT_EV * found.pairs_over_kT
    assert found.offset_eV**2 + (n - 1) / n * pairs_eV**2 / 2 == pytest.approx(rows)
    differences = [shifts[i] - shifts[j] for i, j in combinations(range(n), 2)]
    expected = np.sqrt(np.mean([np.var(each, ddof=1) for each in differences]))
    assert pairs_eV == pytest.approx(expected)


def test_two_members_of_one_configuration():
    found = Committee.of([[0.0, -0.2]], [-2.5], [1.0], T, n_atoms=1)
    np.testing.assert_allclose(free_energies(found), [-2.5, -2.7])
    assert found.spread().free_energy_eV == pytest.approx(0.2 / np.sqrt(2))
    assert found.offset_eV == pytest.approx(0.2 / np.sqrt(2))
    assert found.spread().entropy_eV_per_K == 0
    assert np.isnan(found.pairs_over_kT)


def test_the_committee_of_parts_is_that_of_all_rows():
    shifts = np.random.default_rng(4).normal(scale=0.05, size=(5, 3))
    shifts -= shifts[:, :1]
    whole = Committee.of(shifts, BASE_EV, WEIGHTS, T, n_atoms=1).standing_for(20)
    parts = [
        Committee.of(shifts[rows], BASE_EV[rows], WEIGHTS[rows], T, n_atoms=1)
        for rows in (slice(0, 1), slice(1, 3), slice(3, 5))
    ]
    merged = parts[0].merged(parts[1]).merged(parts[2]).standing_for(20)
    assert merged.offset_eV == pytest.approx(whole.offset_eV)
    assert merged.pairs_over_kT == pytest.approx(whole.pairs_over_kT)
    assert merged.spread().entropy_eV_per_K == pytest.approx(
        whole.spread().entropy_eV_per_K
    )
    np.testing.assert_allclose(free_energies(merged), free_energies(whole))
    alone = canonical_ensemble(BASE_EV, 4 * WEIGHTS, T, n_atoms=1)
    assert free_energies(merged)[0] == pytest.approx(alone.free_energy_eV)


def test_what_one_member_is_off_by_is_not_what_their_mean_is():
    assert member_spread([1.0, 2.0, 3.0]) == pytest.approx(1.0)
    with pytest.raises(ThermodynamicsError) as caught:
        member_spread([1.0])
    assert str(caught.value) == (
        "a committee of 1 has no spread, expected at least 2 members"
    )


@pytest.mark.parametrize(
    ("shifts", "base", "message"),
    [
        ([0.0, -2.0], [0.0], r"shifts_eV has shape \(2,\), expected \(n >= 1, memb"),
        ([[0.0]], [0.0], r"shifts_eV has shape \(1, 1\), expected"),
        ([[0.0, -1.0]], [0.0, 1.0], "free_energy_eV: found 2 rows, expected 1"),
        ([[0.0, np.nan]], [0.0], "shifts_eV has 1 non-finite value"),
    ],
)
def test_what_does_not_fit_is_refused(shifts, base, message):
    with pytest.raises(ThermodynamicsError, match=message):
        Committee.of(shifts, base, [1.0], T, n_atoms=1)
