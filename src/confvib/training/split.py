"""Which labelled frames train a force field, choose its epoch and judge it."""

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from confvib.errors import TrainingError
from confvib.training.dataset import Frames

HeldOut: TypeAlias = Literal["next", "last"]
"""Where validation and test frames lie in the random order of all frames."""

IntArray: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Rows:
    """Disjoint rows of a set of frames.

    Attributes:
        train: Rows to train on.
        valid: Rows to validate on.
        test: Rows to test on.
        pool: Rows that training rows may be chosen from, in a random order that begins
            with those that are drawn.
    """

    train: IntArray
    valid: IntArray
    test: IntArray
    pool: IntArray


@dataclass(frozen=True)
class Split:
    """Disjoint parts of a set of frames.

    Attributes:
        train: Frames that set the parameters.
        valid: Frames that choose the epoch.
        test: Frames that neither saw.
        data_hash: Hash of the training and validation frames in their order.
    """

    train: Frames
    valid: Frames
    test: Frames
    data_hash: str


def split_rows(
    n_frames: int,
    *,
    n_train: int,
    n_valid: int,
    n_test: int,
    seed: int,
    held_out: HeldOut = "next",
    draw: int = 0,
) -> Rows:
    """Draw disjoint sets of rows at random, without any filter, as the paper does.

    Args:
        n_frames: Number of labelled frames.
        n_train: Frames to train on, >= 1.
        n_valid: Frames to validate on, >= 1.
        n_test: Frames to test on, >= 0.
        seed: Seed of the random order.
        held_out: ``next`` takes validation and test rows behind the training rows;
            ``last`` takes them from the end, so that they do not depend on ``n_train``
            and smaller training sets are part of larger ones.
        draw: Number of the draw of training rows; another one shuffles the pool and
            leaves validation and test rows as they are.

    Returns:
        The rows.

    Raises:
        TrainingError: A count is out of range or there are fewer frames than asked for.

    Source: paper section 5.2.
    """
    require_counts(n_frames, n_train=n_train, n_valid=n_valid, n_test=n_test)
    order = np.random.default_rng(seed).permutation(n_frames)
    start = n_train if held_out == "next" else n_frames - n_valid - n_test
    valid, test = np.split(order[start : start + n_valid + n_test], [n_valid])
    pool = np.concatenate([order[:start], order[start + n_valid + n_test :]])
    if draw:
        pool = np.random.default_rng([seed, draw]).permutation(pool)
    return Rows(train=pool[:n_train], valid=valid, test=test, pool=pool)


def require_counts(n_frames: int, *, n_train: int, n_valid: int, n_test: int) -> None:
    """Refuse numbers of frames that no split can have.

    Raises:
        TrainingError: A count is out of range or there are fewer frames than asked for.
    """
    counts = {"n_train": (n_train, 1), "n_valid": (n_valid, 1), "n_test": (n_test, 0)}
    for name, (count, least) in counts.items():
        if count < least:
            raise TrainingError(f"{name} must be >= {least}, got {count}")
    wanted = n_train + n_valid + n_test
    if wanted > n_frames:
        raise TrainingError(
            f"{n_train} training + {n_valid} validation + {n_test} test frames are "
            f"{wanted}, but only {n_frames} labelled frames exist"
        )


def split_at(frames: Frames, rows: Rows) -> Split:
    """Split frames at given rows and hash what a training sees.

    Args:
        frames: All labelled frames.
        rows: Rows of the parts.

    Returns:
        The parts.
    """
    train, valid, test = (
        frames.select(part) for part in (rows.train, rows.valid, rows.test)
    )
    return split_into(train, valid, test)


def split_into(train: Frames, valid: Frames, test: Frames) -> Split:
    """Put parts together and hash what a training sees.

    Args:
        train: Frames that set the parameters.
        valid: Frames that choose the epoch.
        test: Frames that neither saw.
    """
    joined = train.content_hash() + valid.content_hash()
    data_hash = hashlib.sha256(joined.encode()).hexdigest()
    return Split(train, valid, test, data_hash=data_hash)
