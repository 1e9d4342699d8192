r"""Short-range pair potential of the Du/Teter partial-charge set.

.. math:: V(r) = A e^{-r/\rho} - C / r^6 \; (r > r_0), \qquad
          V(r) = B / r^n + D r^2 \; (r \le r_0)

The inner branch keeps close contacts from falling into the C/r^6 well. The branches
meet at r0 in value and slope but for the printed digits, kept as published: the energy
steps by -0.9 (O-O), +1.8 (Zr-O) and 0.001 meV (La-O), the slope by up to 2 meV/Å. Those
distances lie far inside any bond of the crystal (r0 = 1.9, 1.2 and 1.3 Å).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from confvib.errors import LabelError


@dataclass(frozen=True)
class PairParameters:
    """Hold one row of the pair table; a row without inner branch has ``r0_A`` = 0.

    Attributes:
        A_eV: Prefactor of the repulsion [eV].
        rho_A: Decay length of the repulsion [Å].
        C_eV_A6: Dispersion coefficient [eV Å^6].
        B_eV_An: Prefactor of the inner branch [eV Å^n].
        D_eV_per_A2: Curvature of the inner branch [eV/Å²].
        exponent: Exponent n of the inner branch.
        r0_A: Where the inner branch ends [Å].
    """

    A_eV: float
    rho_A: float
    C_eV_A6: float
    B_eV_An: float = 0.0
    D_eV_per_A2: float = 0.0
    exponent: float = 1.0
    r0_A: float = 0.0


CHARGES_E: Mapping[str, float] = MappingProxyType(
    {"Li": 0.6, "La": 1.8, "Zr": 2.4, "O": -1.2}
)
"""Partial charge of each species [e]."""

PAIRS_WITH_OXYGEN: Mapping[str, PairParameters] = MappingProxyType(
    {
        "O": PairParameters(2029.2204, 0.343640, 192.580, 46.462, -0.32605, 3.430, 1.906),
        "Li": PairParameters(41051.9380, 0.151160, 0.0),
        "La": PairParameters(
            4369.3900, 0.278600, 60.278, 75.669457, -4.482141, 2.810890, 1.301404
        ),
        "Zr": PairParameters(
            17943.3840, 0.226627, 127.650, 108.655, -8.481, 3.3050, 1.224
        ),
    }
)
"""Pair table; every pair has oxygen in it, cations meet through Coulomb forces alone.

Source: Deng & Du, J. Am. Ceram. Soc. 102, 2482 (2019) for Li and Zr; Kalahe et al.,
Chem. Mater. 37, 8595 (2025) for O; the original Teter values for La; all as collected
in amorphouspy (Apache-2.0), du_teter_potential.py.
"""


class PairArrays(NamedTuple):
    """Hold pair parameters as arrays of one common shape, units as PairParameters."""

    A_eV: jax.Array
    rho_A: jax.Array
    C_eV_A6: jax.Array
    B_eV_An: jax.Array
    D_eV_per_A2: jax.Array
    exponent: jax.Array
    r0_A: jax.Array


def charges(numbers: NDArray[np.integer]) -> NDArray[np.float64]:
    """Look up the partial charge of every atom.

    Args:
        numbers: Atomic numbers, shape ``(N,)``.

    Returns:
        Charges [e], shape ``(N,)``.

    Raises:
        LabelError: A species has no parameters; it and the known ones are named.
    """
    symbols = [chemical_symbols[number] for number in numbers]
    unknown = sorted(set(symbols) - set(CHARGES_E))
    if unknown:
        raise LabelError(
            f"the ionic potential has no parameters for {', '.join(unknown)}; "
            f"it knows {', '.join(sorted(CHARGES_E))}"
        )
    return np.array([CHARGES_E[symbol] for symbol in symbols])


def pair_arrays(
    numbers_i: NDArray[np.integer], numbers_j: NDArray[np.integer], dtype: jnp.dtype
) -> PairArrays:
    """Tabulate the parameters of given pairs of known species.

    Args:
        numbers_i: Atomic numbers of the first partners, shape ``(K,)``.
        numbers_j: Atomic numbers of the second partners, shape ``(K,)``.
        dtype: Floating type of the result.

    Returns:
        One array of shape ``(K,)`` per parameter; pairs without a row get V = 0.
    """
    none = PairParameters(0.0, 1.0, 0.0)
    size = max(atomic_numbers[symbol] for symbol in CHARGES_E) + 1
    columns = []
    for name in PairArrays._fields:
        table = np.full((size, size), getattr(none, name))
        for symbol, pair in PAIRS_WITH_OXYGEN.items():
            i, j = atomic_numbers[symbol], atomic_numbers["O"]
            table[i, j] = table[j, i] = getattr(pair, name)
        columns.append(jnp.asarray(table[numbers_i, numbers_j], dtype))
    return PairArrays(*columns)


def buckingham_eV(distance_A: jax.Array, pair: PairArrays) -> jax.Array:
    r"""Evaluate the plain pair table, inner branch included.

    .. math:: V = A e^{-r/\rho} - C/r^6 \text{ if } r > r_0, \text{ else } B/r^n + D r^2

    Args:
        distance_A: Distances > 0 [Å], any shape.
        pair: Parameters, broadcastable to that shape.

    Returns:
        Energy of each pair [eV], in the dtype of the distances.

    Source: module docstring.
    """
    inner = distance_A <= pair.r0_A
    # Each branch sees a harmless distance where the other one rules: a gradient through
    # the branch not taken would otherwise turn 0 * inf into nan.
    near_A = jnp.where(inner, distance_A, 1.0)
    far_A = jnp.where(inner, 1.0, distance_A)
    power = jnp.exp(-pair.exponent * jnp.log(near_A))
    near_eV = pair.B_eV_An * power + pair.D_eV_per_A2 * near_A**2
    far_eV = pair.A_eV * jnp.exp(-far_A / pair.rho_A) - pair.C_eV_A6 / far_A**6
    return jnp.where(inner, near_eV, far_eV)


def switch(distance_A: jax.Array, *, onset_A: float, cutoff_A: float) -> jax.Array:
    r"""Fall from 1 at the onset to 0 at the cutoff with two continuous derivatives.

    .. math:: S(x) = 1 - 10 x^3 + 15 x^4 - 6 x^5, \quad
              x = (r - r_{on}) / (r_{cut} - r_{on}) \in [0, 1]

    S' and S'' vanish at both ends, so energies, forces and the Hessian are continuous.

    Args:
        distance_A: Distances [Å], any shape.
        onset_A: Below it the potential is untouched [Å].
        cutoff_A: Beyond it the potential is zero [Å], > onset_A.

    Returns:
        Factor in [0, 1], in the shape and dtype of the distances.
    """
    x = jnp.clip((distance_A - onset_A) / (cutoff_A - onset_A), 0.0, 1.0)
    return 1.0 - x**3 * (10.0 - x * (15.0 - 6.0 * x))


def tail_eV_A3(numbers: NDArray[np.integer], *, onset_A: float, cutoff_A: float) -> float:
    r"""Integrate what the switch removes over a structureless environment.

    .. math:: K = 2\pi \sum_{a,b} N_a N_b \int_{r_{on}}^\infty [1 - S(r)] V_{ab}(r) r^2 dr

    K / V makes energy and pressure nearly independent of the cutoff (dispersion reaches
    far); at fixed cell it is a constant, forces and Hessian do not know it.

    Args:
        numbers: Atomic numbers of one cell, shape ``(N,)``.
        onset_A: Onset of the switch [Å], beyond every inner branch.
        cutoff_A: End of the switch [Å], > onset_A.

    Returns:
        K [eV Å³], to be divided by the volume of the cell.

    Source: Allen & Tildesley, Computer Simulation of Liquids, section 2.8 (tail
    corrections), here with a switch.
    """
    x, weights = np.polynomial.legendre.leggauss(32)
    half_A = (cutoff_A - onset_A) / 2
    r = onset_A + half_A * (x + 1)
    fade = ((x + 1) / 2) ** 3 * (10 - (x + 1) / 2 * (15 - 3 * (x + 1)))
    total = 0.0
    for symbol, pair in PAIRS_WITH_OXYGEN.items():
        rho_A = pair.rho_A
        value = pair.A_eV * np.exp(-r / rho_A) - pair.C_eV_A6 / r**6
        inside = half_A * np.sum(weights * fade * value * r**2)
        shell = rho_A * (cutoff_A**2 + 2 * cutoff_A * rho_A + 2 * rho_A**2)
        repulsion = pair.A_eV * math.exp(-cutoff_A / rho_A) * shell
        dispersion = pair.C_eV_A6 / (3 * cutoff_A**3)
        ordered = 1 if symbol == "O" else 2  # (a, O) and (O, a)
        count = np.sum(numbers == atomic_numbers[symbol]) * np.sum(numbers == 8)
        total += ordered * float(count) * float(inside + repulsion - dispersion)
    return 2 * math.pi * total
