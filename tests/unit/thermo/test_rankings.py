"""Rank correlations against scipy and against all permutations; forces in closed form."""

import itertools

import numpy as np
import pytest
from scipy import stats

from confvib.errors import ThermodynamicsError
from confvib.thermo.rankings import force_agreement, ranking

RNG = np.random.default_rng(3)
VALUES = -1400 + RNG.normal(size=10)
OTHER = -1700 + 2 * (VALUES + 1400) + RNG.normal(size=10)


def compared(values=VALUES, other=OTHER, n_resamples=200):
    return ranking(values, other, n_resamples=n_resamples, seed=1)


@pytest.mark.parametrize("other", [OTHER, np.round(OTHER), -VALUES])
def test_correlations_are_those_of_scipy_with_and_without_ties(other):
    found = compared(other=other)
    assert found.spearman == pytest.approx(stats.spearmanr(VALUES, other).statistic)
    assert found.kendall == pytest.approx(stats.kendalltau(VALUES, other).statistic)


def test_the_chance_is_that_of_all_permutations():
    values, other = np.arange(5.0), np.array([0.0, 2.0, 1.0, 3.0, 4.0])
    found = compared(values, other)
    taus = [
        stats.kendalltau(values, shuffled).statistic
        for shuffled in itertools.permutations(other)
    ]
    as_far = np.mean(np.abs(taus) >= found.kendall - 1e-9)
    assert found.kendall_p == pytest.approx(as_far)


def test_one_method_agrees_with_itself_whatever_its_zero_of_energy():
    found = compared(other=VALUES - 300.0)
    assert found.mean_eV == pytest.approx(-300.0)
    assert found.rms_eV == pytest.approx(0, abs=1e-9)
    assert found.spearman == pytest.approx(1)
    assert found.kendall == pytest.approx(1)
    assert (found.spearman_low, found.kendall_low) == pytest.approx((1, 1))
    assert found.spread_other_eV == pytest.approx(found.spread_eV)
    assert found.kendall_p < 1e-5  # 2/10!


def test_differences_are_relative_and_per_cell():
    found = compared([0.0, 1.0, 2.0, 3.0], [5.0, 8.0, 7.0, 8.0])
    assert found.mean_eV == pytest.approx(5.5)
    # differences 5, 7, 5, 5 around 5.5
    assert found.rms_eV == pytest.approx(np.sqrt((3 * 0.25 + 2.25) / 4))


def test_ranges_cover_what_independent_samples_of_the_same_size_give():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 40))
    y = 0.6 * x + 0.8 * rng.normal(size=x.shape)
    spread = [stats.spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)]
    true_width = np.subtract(*np.quantile(spread, [0.95, 0.05]))
    widths = [
        found.spearman_high - found.spearman_low
        for found in (
            compared(*pair, n_resamples=100) for pair in zip(x[:30], y[:30], strict=True)
        )
    ]
    assert np.mean(widths) == pytest.approx(true_width, rel=0.2)


def test_equal_energies_have_no_order():
    found = compared(other=np.full(10, -3.0))
    assert np.isnan([found.spearman, found.kendall, found.kendall_p]).all()
    assert np.isnan([found.spearman_low, found.kendall_high]).all()
    assert found.spread_other_eV == 0


def test_forces_in_closed_form():
    found = force_agreement([3.0, 0.0, 0.0, 0.0], [3.0, 3.0, 0.0, 0.0])
    assert found.cosine == pytest.approx(np.sqrt(0.5))
    assert found.rms_eV_per_A == pytest.approx(1.5)
    assert found.rms_other_eV_per_A == pytest.approx(1.5 * np.sqrt(2))
    assert found.difference_eV_per_A == pytest.approx(1.5)
    assert np.isnan(force_agreement([0.0, 0.0, 0.0], [1.0, 0.0, 0.0]).cosine)


@pytest.mark.parametrize(
    ("values", "other", "message"),
    [
        ([0.0, 1.0], [0.0, 1.0], "2 row(s) to rank, expected 3 or more"),
        ([0.0, 1.0, 2.0], [0.0, 1.0], "other_eV: found 2 rows, expected 3"),
        ([0.0, 1.0, np.nan], [0.0, 1.0, 2.0], "values_eV has 1 non-finite value(s)"),
    ],
)
def test_what_cannot_be_ranked_is_refused(values, other, message):
    with pytest.raises(ThermodynamicsError) as error:
        compared(values, other)
    assert message in str(error.value)
