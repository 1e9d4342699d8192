"""The surrogate against planted models, its own prior and brute force."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from confvib.errors import ThermodynamicsError
from confvib.thermo.evidence import fit_surrogate, greedy_rows
from confvib.thermo.surrogate import (
    Hyperparameters,
    Surrogate,
    calibration,
    prior_variance,
)
from confvib.thermo.surrogate_features import Features

N, K = 300, 12


@pytest.fixture
def features():
    rng = np.random.default_rng(5)
    return Features(rng.standard_normal((N, K)), np.linspace(1.0, 4.0, K))


def drawn(features, settings, rng, mean=-1500.0):
    """Draw energies from the prior of the model."""
    weights = np.sqrt(prior_variance(features, settings)) * rng.standard_normal(K)
    scatter = settings.scatter_eV * rng.standard_normal(N)
    return mean + features.values @ weights + scatter


SETTINGS = Hyperparameters(signal_eV=0.08, scatter_eV=0.03, decay=1.0)


def test_a_planted_linear_model_is_recovered(features):
    weights = np.linspace(-0.1, 0.1, K)
    target = -1500.0 + features.values @ weights
    model = fit_surrogate(features, np.arange(40), target[:40])
    mean, sigma = model.predict()
    np.testing.assert_allclose(mean, target, atol=2e-3)
    np.testing.assert_allclose(model.coefficients[1:], weights, atol=1e-3)
    assert sigma[40:].max() < 0.01


def test_the_evidence_is_the_density_of_differences(features):
    rng = np.random.default_rng(1)
    rows, noise = np.arange(30), rng.uniform(0, 0.05, 30)
    target = drawn(features, SETTINGS, rng)[:30]
    model = Surrogate.condition(features, rows, target, SETTINGS, noise_eV=noise)
    design = features.values[:30]
    covariance = (design * prior_variance(features, SETTINGS)) @ design.T
    covariance += np.diag(SETTINGS.scatter_eV**2 + noise**2)
    # An orthonormal basis of differences does not see the mean; a flat prior of the
    # mean leaves the density of these, up to the length of the vector of ones.
    basis = np.linalg.svd(np.ones((1, 30)))[2][1:]
    differences = multivariate_normal(cov=basis @ covariance @ basis.T)
    expected = differences.logpdf(basis @ target) - 0.5 * np.log(30)
    assert model.log_evidence == pytest.approx(expected, rel=1e-9)


def test_leaving_one_out_in_closed_form_is_leaving_it_out(features):
    rng = np.random.default_rng(2)
    rows, noise = rng.permutation(N)[:25], rng.uniform(0.0, 0.04, 25)
    target = drawn(features, SETTINGS, rng)[rows]
    model = Surrogate.condition(features, rows, target, SETTINGS, noise_eV=noise)
    residual, sigma = model.leave_one_out()
    for k in range(25):
        others = np.arange(25) != k
        alone = Surrogate.condition(
            features, rows[others], target[others], SETTINGS, noise_eV=noise[others]
        )
        mean, spread = alone.predict()
        assert residual[k] == pytest.approx(target[k] - mean[rows[k]], abs=1e-9)
        assert sigma[k] == pytest.approx(np.hypot(spread[rows[k]], noise[k]), rel=1e-9)


def test_predictions_are_those_of_the_gaussian_process(features):
    """Weight space against function space, the prior of the mean nearly flat."""
    rng = np.random.default_rng(3)
    rows, noise = np.arange(20), rng.uniform(0.01, 0.05, 20)
    target = drawn(features, SETTINGS, rng, mean=0.3)[rows]
    model = Surrogate.condition(features, rows, target, SETTINGS, noise_eV=noise)
    mean, sigma = model.predict()
    values = features.values
    kernel = (values * prior_variance(features, SETTINGS)) @ values.T + 30.0
    kernel += SETTINGS.scatter_eV**2 * np.eye(N)
    inverse = np.linalg.inv(kernel[:20, :20] + np.diag(noise**2))
    expected = kernel[:, :20] @ inverse @ target
    variance = np.diag(kernel - kernel[:, :20] @ inverse @ kernel[:20])
    np.testing.assert_allclose(mean, expected, atol=1e-4)
    np.testing.assert_allclose(sigma**2, variance, rtol=1e-4)


def test_draws_have_the_posterior_mean_and_covariance(features):
    rng = np.random.default_rng(4)
    rows, noise = np.arange(20), np.linspace(0, 0.05, 20)
    target = drawn(features, SETTINGS, rng)[rows]
    model = Surrogate.condition(features, rows, target, SETTINGS, noise_eV=noise)
    mean, sigma = model.predict()
    draws = model.draw(20_000, rng)
    np.testing.assert_allclose(draws[:, 0], target[0], rtol=1e-12)
    z = (draws.mean(axis=0) - mean)[1:] / (sigma[1:] / np.sqrt(20_000))
    assert abs(z).max() < 5
    np.testing.assert_allclose(draws.std(axis=0), sigma, rtol=0.04, atol=1e-9)
    # What rows share does not average out: the error of the mean over all rows.
    design = np.column_stack([np.ones(N - 20), features.values[20:]]).mean(axis=0)
    half = np.linalg.solve(model.factor, design)
    expected = np.sqrt(half @ half + SETTINGS.scatter_eV**2 / (N - 20))
    found = draws[:, 20:].mean(axis=1).std()
    assert found == pytest.approx(expected, rel=0.04)
    assert found > 2 * SETTINGS.scatter_eV / np.sqrt(N - 20)


@pytest.mark.parametrize("fitted", [False, True])
def test_predictions_are_calibrated_on_data_of_the_prior(features, fitted):
    rng = np.random.default_rng(6)
    z = []
    for _ in range(30):
        target, noise = drawn(features, SETTINGS, rng), np.full(40, 0.01)
        noisy = target[:40] + noise * rng.standard_normal(40)
        model = (
            fit_surrogate(features, np.arange(40), noisy, noise_eV=noise)
            if fitted
            else Surrogate.condition(
                features, np.arange(40), noisy, SETTINGS, noise_eV=noise
            )
        )
        mean, sigma = model.predict()
        z.append((target - mean) / sigma)
    # Computed rows first: they, too, are drawn towards the regression, rightly.
    for part in (slice(0, 40), slice(40, N)):
        found = calibration(
            np.array(z)[:, part].ravel(), np.ones(np.array(z)[:, part].size)
        )
        assert found.mean_squared_z == pytest.approx(1, abs=0.15)
        assert found.within_1_sigma == pytest.approx(0.683, abs=0.05)
        assert found.within_2_sigma == pytest.approx(0.954, abs=0.025)


def test_more_noise_gives_a_wider_posterior(features):
    target = drawn(features, SETTINGS, np.random.default_rng(7))[:30]
    widths = []
    for noise_eV in (0.0, 0.02, 0.1, 0.5):
        model = Surrogate.condition(
            features, np.arange(30), target, SETTINGS, noise_eV=np.full(30, noise_eV)
        )
        widths.append(model.predict()[1])
    assert (np.diff(widths, axis=0) > 0).all()
    assert widths[0][:30].max() == 0
    # With nothing but noise a computed row is as uncertain as any other.
    assert widths[-1][:30].max() < np.sqrt(0.03**2 + 0.5**2)


def test_noise_is_not_mistaken_for_scatter(features):
    rng = np.random.default_rng(8)
    target = drawn(features, SETTINGS, rng)[:200]
    noise = np.full(200, 0.2)
    noisy = target + noise * rng.standard_normal(200)
    told = fit_surrogate(features, np.arange(200), noisy, noise_eV=noise)
    untold = fit_surrogate(features, np.arange(200), noisy)
    assert told.hyperparameters.scatter_eV < 0.1
    assert untold.hyperparameters.scatter_eV == pytest.approx(0.2, rel=0.2)


def test_greedy_rows_are_those_of_conditioning_one_by_one(features):
    target = drawn(features, SETTINGS, np.random.default_rng(9))
    rows = np.arange(10)
    importance = np.random.default_rng(10).random(N)
    for factor in (None, importance):
        model = Surrogate.condition(features, rows, target[rows], SETTINGS)
        found = greedy_rows(model, 6, importance=factor)
        taken = list(rows)
        for row in found:
            sigma = Surrogate.condition(features, taken, target[taken], SETTINGS)
            gain = sigma.predict()[1] * (1 if factor is None else factor)
            assert row == np.argmax(gain)
            taken.append(int(row))


def test_no_row_is_chosen_twice(features):
    model = Surrogate.condition(
        features, np.arange(N - 3), np.linspace(0, 1, N - 3), SETTINGS
    )
    assert sorted(greedy_rows(model, 10)) == [N - 3, N - 2, N - 1]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.full(5, -3.0), "all 5 computed values are -3.0 eV; expected energies that"),
        ([1, 2, np.nan, 4, 5], "target_eV has 1 non-finite value"),
        (
            [1.0, 2.0, 3.0],
            "3 computed row.s. cannot carry a regression, expected at leas",
        ),
    ],
)
def test_values_without_a_regression_are_refused(features, target, message):
    with pytest.raises(ThermodynamicsError, match=message):
        fit_surrogate(features, np.arange(len(target)), target)


def test_features_that_never_vary_are_dropped_or_refused():
    counts = np.array([[3, 1, 5], [3, 2, 5], [3, 4, 5]])
    found = Features.standardise(counts, [0.0, 2.0, 3.0])
    assert found.values.shape == (3, 1)
    assert found.values.std() == pytest.approx(1)
    assert found.diameters.tolist() == [1.0]
    with pytest.raises(ThermodynamicsError, match="all 3 configurations have the same 3"):
        Features.standardise(counts[[0, 0, 0]], [0.0, 2.0, 3.0])
    with pytest.raises(ThermodynamicsError, match="not a finite table"):
        Features.standardise([[np.nan, 1.0]], [0.0, 1.0])


def test_rows_far_from_all_others_are_drawn_in():
    rng = np.random.default_rng(11)
    counts = rng.standard_normal((200, 8))
    counts[:3] *= 50
    values = Features.standardise(counts, np.arange(8.0)).values
    length = np.linalg.norm(values, axis=1)
    # In units of one standard deviation per feature they would be at 6 to 10 times it.
    assert length[:3].max() < 4 * np.median(length)
    assert values.mean() == pytest.approx(0, abs=1e-12)
    assert np.mean(values**2) == pytest.approx(1)
    # Directions stay: nothing is made of features that is not in them.
    plain = counts / counts.std(axis=0)
    for row in (0, 1, 2):
        cosine = plain[row] @ values[row] / np.linalg.norm(plain[row]) / length[row]
        assert cosine > 0.97


def test_negative_errors_are_refused(features):
    with pytest.raises(ThermodynamicsError, match=r"noise_eV: found -0\.1, expected"):
        fit_surrogate(features, np.arange(4), np.arange(4.0), noise_eV=np.full(4, -0.1))
    with pytest.raises(ThermodynamicsError, match=r"sigma_eV: found 0\.0, expected"):
        calibration([0.1], [0.0])
