"""A split in which no test frame shares its configuration with a training frame."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confvib.errors import TrainingError
from confvib.training.split import IntArray, Rows, require_counts


def split_configurations(
    configurations: ArrayLike,
    *,
    n_train: int,
    n_valid: int,
    n_test: int,
    seed: int,
    draw: int = 0,
) -> Rows:
    """Draw whole configurations to test and validate on; train on frames of the others.

    Configurations stand in a random order. The first that together have ``n_test``
    frames are tested on, the next that have ``n_valid`` validate; frames that the last
    of each has too many are not used at all. Training frames are drawn from all other
    configurations, so that they are as diverse as drawn frames are.

    Args:
        configurations: Name of the configuration of each labelled frame, ``(B,)``.
        n_train: Frames to train on, >= 1.
        n_valid: Frames to validate on, >= 1.
        n_test: Frames to test on, >= 0.
        seed: Seed of the random order.
        draw: Number of the draw of training rows.

    Returns:
        The rows. Test and validation rows depend neither on ``n_train`` nor on the draw,
        and smaller training sets are part of larger ones.

    Raises:
        TrainingError: A count is out of range, or there are too few configurations.
    """
    names = np.asarray(configurations)
    require_counts(len(names), n_train=n_train, n_valid=n_valid, n_test=n_test)
    _, of_frame = np.unique(names, return_inverse=True)
    n_configurations = int(of_frame.max()) + 1
    if n_configurations < 2 + (n_test > 0):
        raise TrainingError(
            "split by configuration: training, validation and test frames need a "
            f"configuration each, but all {len(names)} labelled frames are of "
            f"{n_configurations}; set dataset.split to 'frame'"
        )
    rng = np.random.default_rng(seed)
    place = rng.permutation(n_configurations)[of_frame]
    drawn = rng.permutation(len(names))
    by_place = drawn[np.argsort(place[drawn], kind="stable")]
    tested = _first_configurations(place[by_place], n_test)
    valid_from = int(np.searchsorted(place[by_place], tested))
    remaining = by_place[valid_from:]
    held = tested + _first_configurations(place[remaining] - tested, n_valid)
    pool = drawn[place[drawn] >= held]
    if len(remaining) < n_valid or len(pool) < n_train:
        raise TrainingError(
            f"split by configuration: {n_test} test and {n_valid} validation frames take "
            f"{min(held, n_configurations)} of {n_configurations} configurations, and "
            f"the others have {len(pool)} frames, of {n_train} to train on; ask for "
            "fewer frames or set dataset.split to 'frame'"
        )
    if draw:
        pool = np.random.default_rng([seed, draw]).permutation(pool)
    return Rows(
        train=pool[:n_train],
        valid=remaining[:n_valid],
        test=by_place[:n_test],
        pool=pool,
    )


def _first_configurations(places: NDArray[np.intp], n_frames: int) -> int:
    """Return how many configurations have so many frames, given sorted places from 0."""
    if n_frames == 0:
        return 0
    if n_frames > len(places):
        return int(places[-1]) + 1 if len(places) else 1
    return int(places[n_frames - 1]) + 1


def share_configurations(
    configurations: ArrayLike, rows: IntArray, others: IntArray
) -> NDArray[np.bool_]:
    """Tell which frames have the configuration of one of other frames.

    Args:
        configurations: Name of the configuration of each labelled frame, ``(B,)``.
        rows: The frames that are asked about, ``(n,)``.
        others: The other frames, ``(m,)``.

    Returns:
        One flag per row, ``(n,)``.
    """
    names = np.asarray(configurations)
    return np.isin(names[rows], names[others])
