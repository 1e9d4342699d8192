r"""Ewald sum of point charges in any periodic cell.

.. math:: E = k_e \Big[ \sum_{i<j,n} q_i q_j \frac{\mathrm{erfc}(\alpha r)}{r}
          + \frac{2\pi}{V} \sum_{k \ne 0} \frac{e^{-k^2/4\alpha^2}}{k^2} |S(k)|^2
          - \frac{\alpha}{\sqrt\pi} \sum_i q_i^2 \Big],
          \quad S(k) = \sum_j q_j e^{i k r_j}

The first sum runs with the other pair terms (``confvib.reference.ionic``).
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from confvib.errors import LabelError
from confvib.reference.images import reciprocal_cell
from confvib.units import COULOMB_EV_A

NEUTRALITY_TOLERANCE_E = 1e-6
"""Largest accepted net charge of a cell [e]."""


@dataclass(frozen=True)
class EwaldPlan:
    """Hold the static choices of one Ewald sum.

    Attributes:
        alpha_per_A: Splitting parameter [1/Å].
        k_max: Largest reciprocal index along each axis.
    """

    alpha_per_A: float
    k_max: tuple[int, int, int]


def plan_ewald(
    cell: NDArray[np.float64], *, cutoff_A: float, tolerance: float
) -> EwaldPlan:
    r"""Choose the splitting so that both sums end at the same relative accuracy.

    .. math:: e^{-\alpha^2 r_{cut}^2} = e^{-k_{cut}^2/4\alpha^2} = \mathrm{tolerance}

    Args:
        cell: Lattice vectors as rows [Å], shape ``(3, 3)``.
        cutoff_A: Real-space cutoff [Å], > 0.
        tolerance: Value of both Gaussians where their sums end, in (0, 1).

    Returns:
        The plan; its box of indices contains the sphere \|k\| <= k_cut.

    Source: Kolafa & Perram, Mol. Simul. 9, 351 (1992), for the balance of the two errors.
    """
    reach = math.sqrt(-math.log(tolerance))
    alpha = reach / cutoff_A
    lengths_A = np.linalg.norm(cell, axis=1)
    n_a, n_b, n_c = np.floor(2 * alpha * reach * lengths_A / (2 * math.pi)).astype(int)
    return EwaldPlan(alpha, (int(n_a), int(n_b), int(n_c)))


def require_neutral(charges_e: NDArray[np.float64]) -> None:
    """Refuse a charged cell, whose Coulomb energy diverges.

    Args:
        charges_e: Charges [e], shape ``(N,)``.

    Raises:
        LabelError: The net charge is not zero.
    """
    net = float(np.sum(charges_e))
    if abs(net) > NEUTRALITY_TOLERANCE_E:
        raise LabelError(
            f"the cell carries a net charge of {net:+.4g} e, expected a neutral cell"
        )


def screened_coulomb_eV(
    distance_A: jax.Array, charge_product_e2: jax.Array, alpha_per_A: float
) -> jax.Array:
    r"""Evaluate the real-space pair term :math:`k_e q_i q_j \mathrm{erfc}(\alpha r)/r`.

    Args:
        distance_A: Distances > 0 [Å], any shape.
        charge_product_e2: Products of the charges [e²], broadcastable.
        alpha_per_A: Splitting parameter [1/Å].

    Returns:
        Energy of each pair [eV].
    """
    screening = jax.scipy.special.erfc(alpha_per_A * distance_A)
    return COULOMB_EV_A * charge_product_e2 * screening / distance_A


def self_energy_eV(charges_e: NDArray[np.float64], plan: EwaldPlan) -> float:
    r"""Evaluate the self term :math:`-k_e \alpha / \sqrt\pi \sum_i q_i^2`.

    Args:
        charges_e: Charges [e], shape ``(N,)``.
        plan: Splitting of the sum.

    Returns:
        Energy [eV/cell].
    """
    square = float(np.sum(charges_e**2))
    return -COULOMB_EV_A * plan.alpha_per_A / math.sqrt(math.pi) * square


def reciprocal_energy_eV(
    positions: jax.Array,
    charges_e: NDArray[np.float64],
    cell: jax.Array,
    plan: EwaldPlan,
) -> jax.Array:
    r"""Evaluate the reciprocal sum with separable structure factors.

    exp(ik.r) is a product of one phase per axis, so the trigonometry is linear in the
    number of indices and S(k) is one matrix product of (axes a, b) with (axis c); the
    signs of n_a and n_c come from symmetry.

    Args:
        positions: Cartesian positions [Å], shape ``(N, 3)``.
        charges_e: Charges [e], shape ``(N,)``, net charge zero.
        cell: Lattice vectors as rows [Å], shape ``(3, 3)``.
        plan: Splitting and range of indices.

    Returns:
        Energy [eV/cell], scalar, in the dtype of the positions.
    """
    dtype = positions.dtype
    inverse, volume_A3 = reciprocal_cell(cell)
    factors = _plane_structure_factors(positions @ inverse.T, charges_e, plan)
    (cos_cos, cos_sin), (sin_cos, sin_sin) = factors
    plus = (cos_cos - sin_sin) ** 2 + (cos_sin + sin_cos) ** 2  # |S(a, b, +c)|^2
    minus = (cos_cos + sin_sin) ** 2 + (sin_cos - cos_sin) ** 2  # |S(a, b, -c)|^2

    energy = jnp.zeros((), dtype)
    for sign, power in ((1, plus), (-1, minus)):
        indices, multiplicity = _indices(plan, sign)
        k2 = jnp.sum((2 * math.pi * jnp.asarray(indices, dtype) @ inverse) ** 2, axis=-1)
        used = multiplicity > 0
        k2 = jnp.where(used, k2, 1.0)
        gaussian = jnp.exp(-k2 / (4 * plan.alpha_per_A**2)) / k2
        weight = jnp.asarray(multiplicity, dtype) * gaussian
        energy = energy + jnp.sum(weight * power)
    return COULOMB_EV_A * 2 * math.pi / volume_A3 * energy


def _plane_structure_factors(
    fractional: jax.Array, charges_e: NDArray[np.float64], plan: EwaldPlan
) -> jax.Array:
    """Sum q (cos|sin)(axes a, b) (cos|sin)(axis c) over atoms, shape (2, 2, AB, C)."""
    dtype = fractional.dtype
    n_atoms = len(charges_e)
    n_a, n_b, n_c = plan.k_max
    # Phases of wrapped coordinates keep their digits in single precision.
    wrapped = fractional - jax.lax.stop_gradient(jnp.round(fractional))
    phase = 2 * math.pi * wrapped
    cos_a, sin_a = _waves(phase[:, 0], 0, n_a)
    cos_b, sin_b = _waves(phase[:, 1], -n_b, n_b)
    cos_c, sin_c = _waves(phase[:, 2], 0, n_c)
    # cos(a + b) and sin(a + b) as a product of matrices: written out element by element,
    # XLA fuses the cosines into the outer product and computes each of them many times.
    turn = jnp.stack([jnp.stack([cos_a, -sin_a], -1), jnp.stack([sin_a, cos_a], -1)], 1)
    highest = jax.lax.Precision.HIGHEST
    waves_ab = jnp.matmul(
        turn.reshape(n_atoms, -1, 2), jnp.stack([cos_b, sin_b], 1), precision=highest
    )
    waves_c = jnp.concatenate([cos_c, sin_c], axis=1)
    charged = jnp.asarray(charges_e, dtype)[:, None] * waves_c
    factors = jnp.matmul(waves_ab.reshape(n_atoms, -1).T, charged, precision=highest)
    return factors.reshape(2, -1, 2, n_c + 1).transpose(0, 2, 1, 3)


def _waves(phase: jax.Array, first: int, last: int) -> tuple[jax.Array, jax.Array]:
    argument = phase[:, None] * jnp.arange(first, last + 1, dtype=phase.dtype)
    return jnp.cos(argument), jnp.sin(argument)


def _indices(plan: EwaldPlan, sign: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return reciprocal indices and how many of +-k each stands for."""
    n_a, n_b, n_c = plan.k_max
    a, b, c = np.meshgrid(
        np.arange(n_a + 1), np.arange(-n_b, n_b + 1), np.arange(n_c + 1), indexing="ij"
    )
    multiplicity = np.where(a > 0, 2.0, 1.0)
    if sign < 0:
        multiplicity[c == 0] = 0.0  # already in the positive half
    multiplicity[(a == 0) & (b == 0) & (c == 0)] = 0.0
    indices = np.stack([a, b, sign * c], axis=-1)
    shape = ((n_a + 1) * (2 * n_b + 1), n_c + 1)
    return indices.reshape(*shape, 3), multiplicity.reshape(shape)
