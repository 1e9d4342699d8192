"""Farthest-point sampling: each new point is the one least like those already chosen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.errors import TrainingError

_AT_A_TIME = 4096


@dataclass(frozen=True)
class FarthestPoints:
    """Points in the order of choice; the first n are the choice of n.

    Attributes:
        rows: Rows of the chosen points, ``(n,)``.
        distances: Distance of each to the nearest point chosen before it, ``(n,)``; for
            the first, to the mean of all.
    """

    rows: NDArray[np.intp]
    distances: NDArray[np.float64]


def farthest_points(points: NDArray[np.floating], n_points: int) -> FarthestPoints:
    r"""Choose points that cover a set.

    .. math:: p_{k+1} = \arg\max_p \min_{j \le k} |p - p_j|

    The first is the one nearest to the mean, so that nothing is random; of equals, the
    lowest row is taken. The largest distance that remains is at most twice that of the
    best possible choice of as many points.

    Args:
        points: Vectors, ``(B, D)``.
        n_points: Points to choose, at most B.

    Returns:
        Rows in the order of choice.

    Raises:
        TrainingError: There are fewer points than asked for.

    Source: Gonzalez, Theor. Comput. Sci. 38, 293 (1985).
    """
    if not 1 <= n_points <= len(points):
        raise TrainingError(
            f"cannot choose {n_points} farthest points of {len(points)} frames"
        )
    from_mean = _distances(points, points.mean(axis=0, dtype=np.float64))
    row = int(np.argmin(from_mean))
    rows, distances = [row], [float(from_mean[row])]
    nearest = np.full(len(points), np.inf)
    for _ in range(n_points - 1):
        nearest = np.minimum(nearest, _distances(points, points[row]))
        nearest[row] = -1.0  # never twice, even among equal points
        row = int(np.argmax(nearest))
        rows.append(row)
        distances.append(float(nearest[row]))
    return FarthestPoints(np.array(rows, np.intp), np.array(distances))


def _distances(points: NDArray, point: NDArray) -> NDArray[np.float64]:
    """Measure from all points to one, in pieces: no second copy of the points."""
    point = np.asarray(point, np.float64)
    return np.concatenate(
        [
            np.linalg.norm(points[start : start + _AT_A_TIME] - point, axis=1)
            for start in range(0, len(points), _AT_A_TIME)
        ]
    )
