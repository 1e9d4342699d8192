"""Resamples against ensembles whose scatter is known; any order of rows will do."""

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.bootstrap import (
    bootstrap_canonical,
    canonical_errors,
    published_errors,
)
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.published import published_ensemble
from confvib.thermo.resamples import Resamples, resample_counts

T, N_ATOMS = 900.0, 192


def sample(rng, n=400):
    a = -1500.0 + 0.05 * rng.normal(size=n)
    return a, rng.choice([24.0, 48.0, 96.0], size=n)


def keys(n, seed=0):
    return np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)


def test_the_bootstrap_predicts_the_scatter_between_samples():
    rng = np.random.default_rng(6)
    results = []
    for _ in range(400):
        a, weights = sample(rng)
        e = canonical_ensemble(a, weights, T, n_atoms=N_ATOMS)
        results.append(
            (
                e.free_energy_eV,
                e.internal_energy_eV,
                e.configurational_entropy_eV_per_K,
            )
        )
    predicted = []
    for seed in range(10):
        b = bootstrap_canonical(*sample(rng), T, n_resamples=200, seed=seed)
        predicted.append((b.free_energy_eV, b.average_eV, b.entropy_eV_per_K))
    np.testing.assert_allclose(
        np.mean(predicted, axis=0), np.std(results, axis=0), rtol=0.15
    )


def test_the_published_bootstrap_predicts_its_scatter():
    rng = np.random.default_rng(8)
    results = []
    for _ in range(400):
        e = published_ensemble(sample(rng)[0], T, n_atoms=N_ATOMS)
        results.append(e.average_eV_per_atom)
    h = sample(rng)[0] / N_ATOMS
    drawn = Resamples.none(T, 400).with_rows(
        h, np.ones_like(h), resample_counts(keys(h.size), 400, 1)
    )
    whole = -h.min() / drawn.kT_eV, h.mean()
    found = published_errors(drawn.standing_for(0.0, 0.0, whole))
    assert found.average_eV == pytest.approx(np.std(results), rel=0.2)
    assert found.entropy_eV_per_K > 0


def test_numbers_of_times_are_poisson_of_mean_one_and_independent():
    counts = resample_counts(keys(20_000), 403, seed=5).astype(float)
    assert counts.shape == (20_000, 403)
    assert counts.mean() == pytest.approx(1, abs=2e-3)
    assert counts.var() == pytest.approx(1, abs=5e-3)
    for k, share in ((0, 0.36788), (1, 0.36788), (2, 0.18394), (5, 0.00307)):
        assert np.mean(counts == k) == pytest.approx(share, abs=1e-3)
    between = np.corrcoef(counts[:, :6].T) - np.eye(6)
    assert np.abs(between).max() < 0.04
    along = np.corrcoef(counts[:-1, 0], counts[1:, 0])[0, 1]
    assert abs(along) < 0.04
    assert not np.array_equal(counts, resample_counts(keys(20_000), 403, seed=6))


def resamples_of(a, weights, labels, seed=1):
    return Resamples.none(T, 64).with_rows(a, weights, resample_counts(labels, 64, seed))


def test_the_result_depends_neither_on_chunks_nor_on_the_order_of_rows():
    a, weights = sample(np.random.default_rng(3), 3000)
    labels = keys(3000)
    whole = resamples_of(a, weights, labels)
    order = np.random.default_rng(4).permutation(3000)
    parts = Resamples.none(T, 64)
    for rows in np.array_split(order, 17):
        parts = parts.merged(resamples_of(a[rows], weights[rows], labels[rows]))
    assert parts.n_rows == whole.n_rows
    np.testing.assert_array_equal(parts.count, whole.count)
    np.testing.assert_array_equal(parts.lowest_eV, whole.lowest_eV)
    np.testing.assert_allclose(parts.log_sum, whole.log_sum, atol=1e-9, rtol=0)
    np.testing.assert_allclose(parts.mean_eV, whole.mean_eV, atol=1e-9, rtol=0)
    # Each resample is the ensemble of the rows that it took.
    counts = resample_counts(labels, 64, 1)[:, 7]
    taken = np.repeat(np.arange(3000), counts)
    one = canonical_ensemble(a[taken], weights[taken], T, n_atoms=1)
    assert -whole.kT_eV * whole.log_sum[7] == pytest.approx(one.free_energy_eV, rel=1e-13)
    assert whole.mean_eV[7] == pytest.approx(one.internal_energy_eV, rel=1e-13)
    assert whole.lowest_eV[7] == a[taken].min()


def test_a_complete_set_has_no_sampling_error():
    a, weights = sample(np.random.default_rng(0))
    first, again, other = (
        bootstrap_canonical(a, weights, T, n_resamples=50, seed=s) for s in (1, 1, 2)
    )
    assert first == again
    assert first != other
    complete = bootstrap_canonical(
        a, weights, T, n_resamples=50, seed=1, sampled_fraction=1.0
    )
    assert complete.free_energy_eV == complete.entropy_eV_per_K == 0.0
    partial = bootstrap_canonical(
        a, weights, T, n_resamples=50, seed=1, sampled_fraction=0.75
    )
    assert partial.free_energy_eV == pytest.approx(0.5 * first.free_energy_eV)


def test_one_row_of_many_has_no_error_to_show_and_one_of_one_has_none():
    drawn = resamples_of(np.array([-1.0]), np.array([2.0]), keys(1))
    whole = 1.0 / drawn.kT_eV, -1.0
    of_many = canonical_errors(drawn.standing_for(np.log(5.0), 0.2, whole))
    assert np.isnan([of_many.free_energy_eV, of_many.entropy_eV_per_K]).all()
    alone = canonical_errors(drawn.standing_for(0.0, 1.0, whole))
    assert (alone.free_energy_eV, alone.entropy_eV_per_K) == (0.0, 0.0)


def test_the_bootstrap_survives_a_frozen_ensemble():
    # Without the ground state every factor underflows; each resample has its own zero.
    a = np.array([0.0, 5.0, 5.0, 5.0, 5.0])
    frozen = bootstrap_canonical(a, np.ones(5), 10.0, n_resamples=400, seed=3)
    # A resample lacks the ground state with probability 1/e.
    assert frozen.average_eV == pytest.approx(5.0 * np.sqrt(0.37 * 0.63), rel=0.15)
    assert np.isfinite(frozen.free_energy_eV)


def test_messages():
    with pytest.raises(ThermodynamicsError) as caught:
        bootstrap_canonical([1.0], [1.0], T)
    assert str(caught.value) == "bootstrap of 1 row(s), expected >= 2"
    with pytest.raises(ThermodynamicsError) as caught:
        bootstrap_canonical([1.0, 2.0], [1.0, 1.0], T, n_resamples=1)
    assert str(caught.value) == "1 resample(s), expected >= 2"
    with pytest.raises(ThermodynamicsError) as caught:
        bootstrap_canonical([1.0, 2.0], [1.0, 1.0], T, sampled_fraction=1.5)
    assert str(caught.value) == "sampled_fraction is 1.5, expected 0 to 1"
