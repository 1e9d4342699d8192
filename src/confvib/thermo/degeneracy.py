"""Minima that several start configurations fell into."""

import numpy as np
from numpy.typing import NDArray

SAME_MINIMUM_EV = 1e-3
"""Energies per cell that differ by less belong to one minimum [eV].

Cells of one minimum agree to 0.3 meV when relaxed to 0.01 eV/Å, and to some 30 meV when
relaxed to 0.08 eV/Å (192 atoms of c-LLZO): a loose relaxation hides shared minima, the
tight one under a Hessian does not.
"""

NO_NAME = np.uint64(0)
"""Stands for ions that sit on no arrangement; it is like no other, not even itself."""


def n_shared_minima(
    arrangements: NDArray[np.uint64], energy_eV: NDArray[np.float64]
) -> int:
    """Count the rows whose minimum is also that of another row, less one per minimum.

    Rows of one arrangement are sorted by energy; those without a gap of SAME_MINIMUM_EV
    between neighbours are one minimum. The count does not depend on the order of rows.

    Args:
        arrangements: Key of what the ions sit on, NO_NAME for none, shape ``(n,)``.
        energy_eV: Energies per cell, shape ``(n,)``.

    Returns:
        Rows that would go if every minimum were counted once.
    """
    named = arrangements != NO_NAME
    names, energy = arrangements[named], energy_eV[named]
    order = np.lexsort((energy, names))
    same_name = np.diff(names[order]) == 0
    return int((same_name & (np.diff(energy[order]) < SAME_MINIMUM_EV)).sum())
