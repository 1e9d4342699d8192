"""The spread of a committee's ensembles against closed forms."""

from itertools import combinations

import numpy as np
import pytest
from scipy.linalg import hadamard

from confvib.errors import ThermodynamicsError
from confvib.thermo.committee import committee_ensembles, member_spread
from confvib.thermo.partition import canonical_ensemble
from confvib.units import BOLTZMANN_EV_PER_K

T = 600.0
KT_EV = BOLTZMANN_EV_PER_K * T
WEIGHTS = np.array([96.0, 48.0, 96.0, 24.0, 96.0])
BASE_EV = -1500.0 + np.array([0.0, 0.03, 0.05, 0.08, 0.02])


def scored(shifts_eV):
    """Energies of members that differ from the first by shifts (n, M)."""
    shifts = np.asarray(shifts_eV)
    # The energies need not be the a_i: vibrations are the first member's for all.
    return committee_ensembles(
        BASE_EV[:, None] - 7.0 + shifts - shifts[:, :1], BASE_EV, WEIGHTS, T
    )


def test_the_first_member_gives_the_ensemble_that_is_quoted():
    found = scored(np.random.default_rng(0).normal(scale=0.02, size=(5, 3)))
    alone = canonical_ensemble(BASE_EV, WEIGHTS, T, n_atoms=1)
    assert found.n_members == 3
    assert found.free_energy_eV[0] == alone.free_energy_eV
    entropy = alone.configurational_entropy_eV_per_K
    assert found.configurational_entropy_eV_per_K[0] == entropy
    assert found.average_eV[0] == pytest.approx(BASE_EV @ alone.probabilities)


def test_a_common_offset_moves_F_by_itself_and_S_not_at_all():
    offsets = np.array([0.0, 0.3, -0.1])
    found = scored(np.tile(offsets, (5, 1)))
    moved = found.free_energy_eV - found.free_energy_eV[0]
    np.testing.assert_allclose(moved, offsets, atol=1e-11)
    spread = np.std(offsets, ddof=1)
    for value in (found.free_energy_stderr_eV, found.average_stderr_eV, found.offset_eV):
        assert value == pytest.approx(spread, rel=1e-9)
    assert found.configurational_entropy_stderr_eV_per_K < 1e-15
    assert found.pairs_eV < 1e-12


def test_independent_noise_reaches_F_through_the_weights():
    """Rows whose deviations are orthogonal over members are uncorrelated exactly."""
    sigma_eV = 1e-6
    signs = hadamard(8)[1:6]  # each row sums to zero over the eight members
    found = scored(sigma_eV * signs)
    first = canonical_ensemble(
        BASE_EV - sigma_eV * signs[:, 0], WEIGHTS, T, n_atoms=1
    ).probabilities
    # The sample standard deviation of +-sigma in eight members.
    sigma = sigma_eV * np.sqrt(8 / 7)
    expected = np.sqrt((first**2).sum()) * sigma
    assert found.free_energy_stderr_eV == pytest.approx(expected, rel=1e-4)
    # The mean over n rows keeps sigma / sqrt(n), a difference has sqrt(2) sigma.
    assert found.offset_eV == pytest.approx(sigma / np.sqrt(5), rel=1e-4)
    assert found.pairs_eV == pytest.approx(np.sqrt(2) * sigma, rel=1e-4)
    assert found.pairs_over_kT == pytest.approx(found.pairs_eV / KT_EV)


def test_members_whose_errors_go_together_do_not_average_out():
    """The same noise in all rows moves F by all of it: rows are not independent."""
    signs = np.tile(hadamard(8)[1], (5, 1))
    found = scored(0.01 * signs)
    together = 0.01 * np.sqrt(8 / 7)
    assert found.free_energy_stderr_eV == pytest.approx(together)
    p = canonical_ensemble(BASE_EV, WEIGHTS, T, n_atoms=1).probabilities
    assert found.free_energy_stderr_eV > np.sqrt((p**2).sum()) * together


def test_offset_and_pairs_share_the_variance_of_the_rows():
    shifts = np.random.default_rng(3).normal(scale=0.05, size=(5, 4))
    shifts += np.array([0.0, 0.2, 0.1, 0.0])
    found = scored(shifts)
    rows = shifts.var(axis=1, ddof=1).mean()
    n = len(shifts)
    assert found.offset_eV**2 + (n - 1) / n * found.pairs_eV**2 / 2 == pytest.approx(rows)
    differences = [shifts[i] - shifts[j] for i, j in combinations(range(n), 2)]
    pairs = np.sqrt(np.mean([np.var(each, ddof=1) for each in differences]))
    assert found.pairs_eV == pytest.approx(pairs)


def test_two_members_of_one_configuration():
    found = committee_ensembles([[-3.0, -3.2]], [-2.5], [1.0], T)
    np.testing.assert_allclose(found.free_energy_eV, [-2.5, -2.7])
    assert found.free_energy_stderr_eV == pytest.approx(0.2 / np.sqrt(2))
    assert found.offset_eV == pytest.approx(0.2 / np.sqrt(2))
    assert found.configurational_entropy_stderr_eV_per_K == 0
    assert np.isnan(found.pairs_eV)
    assert found.relative_uncertainty == pytest.approx(np.sqrt(0.5))


def test_what_one_member_is_off_by_is_not_what_their_mean_is():
    assert member_spread([1.0, 2.0, 3.0]) == pytest.approx(1.0)
    with pytest.raises(ThermodynamicsError) as caught:
        member_spread([1.0])
    assert str(caught.value) == (
        "a committee of 1 has no spread, expected at least 2 members"
    )


@pytest.mark.parametrize(
    ("energies", "base", "message"),
    [
        ([-1.0, -2.0], [0.0], r"energies_eV has shape \(2,\), expected \(n >= 1, memb"),
        ([[-1.0]], [0.0], r"energies_eV has shape \(1, 1\), expected"),
        ([[-1.0, -1.0]], [0.0, 1.0], "free_energy_eV: found 2 rows, expected 1"),
        ([[-1.0, np.nan]], [0.0], "energies_eV has 1 non-finite value"),
    ],
)
def test_what_does_not_fit_is_refused(energies, base, message):
    with pytest.raises(ThermodynamicsError, match=message):
        committee_ensembles(energies, base, [1.0], T)
