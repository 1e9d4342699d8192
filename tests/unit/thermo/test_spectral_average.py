import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.published import published_ensemble
from confvib.thermo.sampling import boltzmann_probabilities
from confvib.thermo.spectral_average import (
    WeightedMoments,
    canonical_log_weights,
    published_log_weights,
)


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def average(spectra, log_weights, chunks=1):
    blocks = zip(
        np.array_split(spectra, chunks), np.array_split(log_weights, chunks), strict=True
    )
    moments = None
    for rows, log_w in blocks:
        block = WeightedMoments.of(rows, log_w)
        moments = moments.merged(block) if moments else block
    return moments.average()


def test_two_spectra_with_weights_one_to_three():
    found = average(np.array([[4.0, 0.0], [8.0, 2.0]]), np.log([1.0, 3.0]))
    assert found.mean == pytest.approx([7.0, 1.5])
    # p (1 - p) = 3/16 times the squared difference.
    assert found.deviation == pytest.approx([np.sqrt(3), np.sqrt(3) / 2])
    # p g is (1, 6) at the first frequency and (0, 1.5) at the second.
    assert found.printed_deviation == pytest.approx([np.sqrt(37 / 2), 1.5 / np.sqrt(2)])
    assert (found.n, found.ess) == (2, pytest.approx(1.6))


def in_memory(spectra, log_weights):
    p = np.exp(log_weights - log_weights.max())
    p /= p.sum()
    mean = p @ spectra
    return (
        mean,
        np.sqrt(p @ (spectra - mean) ** 2),
        np.sqrt(np.mean((p[:, None] * spectra - mean) ** 2, axis=0)),
    )


@pytest.mark.parametrize("chunks", [1, 2, 7, 60])
@pytest.mark.parametrize("spread_kT", [0.0, 1.0, 300.0])
def test_any_chunks_give_what_all_rows_in_memory_give(rng, chunks, spread_kT):
    spectra = 5 + rng.random((60, 11))
    log_w = spread_kT * rng.standard_normal(60) + 65_000
    found = average(spectra, log_w, chunks)
    expected = in_memory(spectra, log_w)
    for value, exact in zip(
        (found.mean, found.deviation, found.printed_deviation), expected, strict=True
    ):
        assert value == pytest.approx(exact, rel=1e-12, abs=1e-12)


def test_order_of_the_blocks_does_not_matter(rng):
    spectra, log_w = rng.random((40, 5)), 50 * rng.standard_normal(40)
    there, back = average(spectra, log_w, 8), average(spectra[::-1], log_w[::-1], 5)
    assert there.mean == pytest.approx(back.mean, rel=1e-13)
    assert there.deviation == pytest.approx(back.deviation, rel=1e-12)


def test_a_small_spread_on_a_large_mean_is_not_lost(rng):
    # The sum of squares minus the square of the sum would be off by all of it.
    noise = 1e-3 * rng.standard_normal((500, 3))
    found = average(1e6 + noise, np.zeros(500), 50)
    assert found.deviation == pytest.approx((1e6 + noise).std(axis=0), rel=1e-6)


def test_energies_of_whole_cells_neither_overflow_nor_vanish():
    energy = np.array([-1685.0, -1685.1, -1684.0])
    spectra = np.array([[1.0], [2.0], [3.0]])
    log_w = canonical_log_weights(energy, [1, 1, 1], 300.0)
    assert log_w.max() > 6e4
    expected = boltzmann_probabilities(energy, [1, 1, 1], 300.0)
    assert average(spectra, log_w, 3).mean == pytest.approx(expected @ spectra)


def test_weights_are_those_of_the_ensembles(rng):
    energy, g = -1685 + 0.1 * rng.standard_normal(30), rng.choice([24, 48, 96], 30)
    unit = np.eye(30)
    canonical = canonical_ensemble(energy, g, 900.0, n_atoms=192)
    found = average(unit, canonical_log_weights(energy, g, 900.0), 4)
    assert found.mean == pytest.approx(boltzmann_probabilities(energy, g, 900.0))
    assert found.ess == pytest.approx(canonical.ess)
    published = published_ensemble(energy, 900.0, n_atoms=192)
    found = average(unit, published_log_weights(energy, 900.0, n_atoms=192), 4)
    assert found.mean == pytest.approx(
        boltzmann_probabilities(energy / 192, np.ones(30), 900.0)
    )
    assert found.ess == pytest.approx(published.ess)


def test_equal_energies_leave_the_multiplicities(rng):
    spectra, g = rng.random((4, 6)), np.array([24, 48, 96, 96])
    found = average(spectra, canonical_log_weights(np.full(4, -1685.0), g, 300.0))
    assert found.mean == pytest.approx(g @ spectra / g.sum())


def test_cold_leaves_the_ground_state_and_no_spread(rng):
    spectra, energy = rng.random((5, 6)), np.array([0.3, 0.1, 0.0, 0.2, 0.05])
    found = average(spectra, canonical_log_weights(energy, np.full(5, 96), 2.0), 5)
    assert found.mean == pytest.approx(spectra[2], rel=1e-12)
    assert found.deviation == pytest.approx(np.zeros(6), abs=1e-12)
    assert found.ess == pytest.approx(1.0)


@pytest.mark.parametrize("temperature_K", [300.0, 1500.0])
def test_per_atom_exponents_make_nearly_uniform_weights(rng, temperature_K):
    # 0.1 eV per cell of 192 atoms is 0.02 k_B T per atom at 300 K.
    energy = 0.1 * rng.standard_normal(500)
    spectra = rng.random((500, 3))
    found = average(spectra, published_log_weights(energy, temperature_K, n_atoms=192))
    assert found.ess > 0.999 * 500
    assert found.mean == pytest.approx(spectra.mean(axis=0), rel=2e-3)


@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("spread_kT", [0.0, 0.02, 50.0])
@pytest.mark.parametrize("n", [2, 50, 4000])
def test_the_printed_deviation_is_the_mean_whatever_the_spread(rng, n, spread_kT, spread):
    spectra = 7 * np.exp(spread * rng.standard_normal((n, 4)))
    found = average(spectra, spread_kT * rng.standard_normal(n), min(n, 9))
    ratio = found.printed_deviation / found.mean
    assert (ratio >= (1 - 1 / n) * (1 - 1e-12)).all()
    assert (ratio <= np.sqrt(1 - 1 / n) * (1 + 1e-12)).all()


def test_the_printed_deviation_of_uniform_weights_in_closed_form(rng):
    n = 25
    spectra = 5 + rng.random((n, 4))
    found = average(spectra, np.zeros(n), 3)
    squared = ((1 - 1 / n) * found.mean) ** 2 + (found.deviation / n) ** 2
    assert found.printed_deviation == pytest.approx(np.sqrt(squared), rel=1e-13)


def test_one_row_has_no_spread_in_either_sense():
    found = average(np.array([[3.7, 0.0]]), np.array([-12.3]))
    assert found.mean == pytest.approx([3.7, 0.0])
    assert found.deviation.tolist() == found.printed_deviation.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("values", "log_weights", "message"),
    [
        (np.ones(3), [0.0], r"values have shape \(3,\), expected \(n, K\)"),
        (np.ones((3, 2)), [0.0], "log_weights: found 1 rows, expected 3"),
        (np.ones((2, 2)), [0.0, np.nan], r"log_weights has 1 non-finite value\(s\)"),
        (
            [[1.0], [np.inf], [2.0]],
            np.zeros(3),
            "1 of 3 spectra hold a value that is not finite, the first is row 1",
        ),
    ],
)
def test_mistakes(values, log_weights, message):
    with pytest.raises(ThermodynamicsError, match=message):
        WeightedMoments.of(values, log_weights)


def test_rows_of_different_length_do_not_merge():
    first, second = (WeightedMoments.of(np.ones((1, k)), [0.0]) for k in (3, 4))
    with pytest.raises(ThermodynamicsError, match=r"rows of 4 numbers .* rows of 3"):
        first.merged(second)
