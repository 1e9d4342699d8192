"""The spread of a committee as the uncertainty of its first member."""

import numpy as np
import pytest

from confvib.training.metrics import Prediction, calibration, committee_spread


def test_spread_by_hand():
    spread = committee_spread(
        [
            Prediction(np.array([1.0, 2.0]), np.zeros((2, 3, 3))),
            Prediction(np.array([3.0, 2.0]), np.ones((2, 3, 3))),
        ]
    )
    np.testing.assert_allclose(spread.energies_eV, [np.sqrt(2.0), 0.0])
    np.testing.assert_allclose(spread.forces_eV_per_A, np.sqrt(0.5))


def test_members_that_err_independently_are_calibrated(frames):
    """All errors follow one law, so the rms error over the rms spread is 1."""
    rng = np.random.default_rng(1)
    frames = frames.select(np.arange(24).repeat(40))
    shape = (8, *frames.forces_eV_per_A.shape)
    # Every frame and every atom has its own size of error, known to all members.
    of_frame = rng.uniform(0.01, 0.1, size=len(frames))
    of_atom = rng.uniform(0.01, 0.1, size=(*shape[1:3], 1))
    predictions = [
        Prediction(frames.energies_eV + energy, frames.forces_eV_per_A + force)
        for energy, force in zip(
            of_frame * rng.normal(size=(8, len(frames))),
            of_atom * rng.normal(size=shape),
            strict=True,
        )
    ]
    found = calibration(predictions, frames)
    assert found.n_members == 8
    assert found.energy_error_per_spread == pytest.approx(1.0, abs=0.1)
    assert found.force_error_per_spread == pytest.approx(1.0, abs=0.02)
    assert found.energy_spread_correlation > 0.4
    assert found.force_spread_correlation > 0.5
    expected = 1e3 * np.sqrt(np.mean(of_frame**2)) / frames.n_atoms
    assert found.energy_spread_meV_per_atom == pytest.approx(expected, rel=0.05)


def test_without_variation_there_is_no_correlation(frames):
    one = frames.select(np.array([0]))
    predictions = [
        Prediction(one.energies_eV + shift, one.forces_eV_per_A + shift)
        for shift in (0.1, 0.2)
    ]
    assert calibration(predictions, one).energy_spread_correlation is None
