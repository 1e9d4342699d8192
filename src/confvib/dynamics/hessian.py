"""The Hessian of one cell by forward over reverse differentiation."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics.evaluation import require_batch
from confvib.dynamics.state import EnergyFn
from confvib.errors import DynamicsError


@dataclass(frozen=True)
class Hessian:
    """Hold the symmetrised second derivatives of the energy of one cell.

    Attributes:
        matrix_eV_per_A2: H [eV/Å²], shape (3N, 3N), float64; atoms outer, xyz inner.
        asymmetry: max |H - H^T| / max |H| before symmetrising: the rounding of the energy
            function, or a sign that it is not twice differentiable.
    """

    matrix_eV_per_A2: np.ndarray
    asymmetry: float


def hessian(
    energy_fn: EnergyFn,
    positions: np.ndarray | jax.Array,
    *,
    columns_per_batch: int = 32,
) -> Hessian:
    r"""Return the second derivatives of the energy.

    .. math:: H e_k = \partial_\epsilon \nabla E(R + \epsilon e_k)

    Each block of columns costs one gradient and `columns_per_batch` directional
    derivatives; peak memory grows with the block.

    Args:
        energy_fn: Energy of one cell.
        positions: Positions [Å], shape (N, 3); the work is done in their dtype.
        columns_per_batch: Columns computed at once.

    Returns:
        The Hessian of the cell; not finite where the energy function is not.

    Raises:
        DynamicsError: The positions are not (N, 3) or the block is empty.
    """
    positions = jnp.asarray(positions)
    require_batch(positions[None])
    if columns_per_batch < 1:
        raise DynamicsError(f"columns_per_batch is {columns_per_batch}; expected >= 1")
    matrix = np.asarray(
        hessian_columns(energy_fn, columns_per_batch, positions), np.float64
    )
    size = positions.size
    matrix = matrix.reshape(size, size)
    largest = np.abs(matrix).max()
    asymmetry = float(np.abs(matrix - matrix.T).max() / largest) if largest else 0.0
    return Hessian(0.5 * (matrix + matrix.T), asymmetry)


@partial(jax.jit, static_argnums=(0, 1))
def hessian_columns(energy_fn: EnergyFn, block: int, positions: jax.Array) -> jax.Array:
    """Return the second derivatives as they come out, not symmetrised.

    Args:
        energy_fn: Energy of one cell; static.
        block: Columns computed at once; static.
        positions: Positions [Å], shape (N, 3).

    Returns:
        Derivatives [eV/Å²], shape (3N, N, 3).
    """
    gradient = jax.grad(lambda x: energy_fn(x)[0])

    def column(index: jax.Array) -> jax.Array:
        unit = jnp.zeros(positions.size, positions.dtype).at[index].set(1)
        direction = unit.reshape(positions.shape)
        return jax.jvp(gradient, (positions,), (direction,))[1]

    return jax.lax.map(column, jnp.arange(positions.size), batch_size=block)
