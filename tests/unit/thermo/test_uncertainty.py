"""Standard errors against processes whose errors are known."""

import numpy as np
import pytest

from confvib.errors import ThermodynamicsError
from confvib.thermo.uncertainty import (
    EnsembleErrors,
    block_standard_error,
    repeat_standard_error,
)


def autoregressive(n, memory, rng):
    noise = rng.normal(size=n)
    series = np.empty(n)
    series[0] = noise[0] / np.sqrt(1 - memory**2)
    for t in range(1, n):
        series[t] = memory * series[t - 1] + noise[t]
    return series


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_blocking_finds_the_error_of_a_correlated_series(memory):
    rng = np.random.default_rng(4)
    n = 2**14
    found = [block_standard_error(autoregressive(n, memory, rng)) for _ in range(8)]
    # The mean of an AR(1) process of unit noise has variance 1 / (1 - memory)^2 n.
    exact = 1 / ((1 - memory) * np.sqrt(n))
    assert np.mean([b.standard_error for b in found]) == pytest.approx(exact, rel=0.1)
    inefficiency = np.mean([b.inefficiency for b in found])
    assert inefficiency == pytest.approx((1 + memory) / (1 - memory), rel=0.2)
    assert all(b.converged for b in found)


def test_blocking_says_when_the_series_is_too_short():
    drift = np.linspace(0.0, 1.0, 500)
    found = block_standard_error(drift)
    assert not found.converged
    assert found.mean == pytest.approx(0.5)
    assert found.standard_error > 5 * drift.std() / np.sqrt(500)


def test_a_constant_series_has_no_error():
    found = block_standard_error(np.full(32, -7.0))
    assert (found.mean, found.standard_error, found.converged) == (-7.0, 0.0, True)


def test_repeats():
    assert repeat_standard_error([1.0, 2.0, 3.0]) == pytest.approx(1 / np.sqrt(3))
    with pytest.raises(ThermodynamicsError) as caught:
        repeat_standard_error([1.0, 2.0, 3.0], fewest=4)
    assert str(caught.value) == "3 repeat(s) carry no error bar, expected at least 4"


def test_independent_errors_add_in_quadrature():
    joint = EnsembleErrors(3.0, 0.0, 5.0).beside(EnsembleErrors(4.0, 2.0, 12.0))
    assert joint == EnsembleErrors(5.0, 2.0, 13.0)


def test_block_message():
    with pytest.raises(ThermodynamicsError) as caught:
        block_standard_error(np.zeros(7))
    assert str(caught.value) == "series has 7 samples, expected at least 8"
