"""Minima that several start configurations fell into."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SAME_MINIMUM_EV = 1e-3
"""Energies per cell that differ by less belong to one minimum [eV].

Cells of one minimum agree to 0.3 meV when relaxed to 0.01 eV/Å, and to some 30 meV when
relaxed to 0.08 eV/Å (192 atoms of c-LLZO): a loose relaxation hides shared minima, the
tight one under a Hessian does not.
"""


def n_shared_minima(
    arrangements: Sequence[str | None], energy_eV: NDArray[np.float64]
) -> int:
    """Count the rows whose minimum is also that of another row, less one per minimum.

    Rows of one arrangement are sorted by energy; those without a gap of SAME_MINIMUM_EV
    between neighbours are one minimum. The count does not depend on the order of rows.

    Args:
        arrangements: Name of what the ions sit on, length n; None is like no other.
        energy_eV: Energies per cell, shape ``(n,)``.

    Returns:
        Rows that would go if every minimum were counted once.
    """
    energies: defaultdict[str, list[float]] = defaultdict(list)
    for name, energy in zip(arrangements, energy_eV, strict=True):
        if name is not None:
            energies[name].append(float(energy))
    return sum(
        int((np.diff(np.sort(group)) < SAME_MINIMUM_EV).sum())
        for group in energies.values()
    )
