"""Which pairs of atoms and periodic images a pair sum over a triclinic cell visits."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray


class PairImages(NamedTuple):
    """List every pair once: atom ``i``, and image ``shift`` of atom ``j``.

    Attributes:
        i: Index of the first atom, shape ``(K,)``.
        j: Index of the second atom, shape ``(K,)``.
        shift: Lattice translation added after the nearest image, shape ``(K, 3)``.
    """

    i: NDArray[np.int32]
    j: NDArray[np.int32]
    shift: NDArray[np.int32]


def plane_spacings_A(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure the distance between opposite faces of a cell.

    Args:
        cell: Lattice vectors as rows [Å], shape ``(3, 3)``, volume > 0.

    Returns:
        Spacings [Å] along the three axes, shape ``(3,)``.
    """
    return 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)


def image_shifts(cell: NDArray[np.float64], cutoff_A: float) -> NDArray[np.int32]:
    r"""List the lattice translations that can bring a pair within the cutoff.

    Pairs are first taken at their nearest fractional image, components in [-1/2, 1/2].
    Translation n then leaves them at least (\|n_i\| - 1/2) h_i apart, h the spacing of
    the faces; a cutoff below h/2 leaves the zero translation, the minimum image.

    Args:
        cell: Lattice vectors as rows [Å], shape ``(3, 3)``, volume > 0.
        cutoff_A: Cutoff distance [Å], > 0.

    Returns:
        Translations, shape ``(M, 3)``, closed under inversion, zero among them.
    """
    reach = np.ceil(cutoff_A / plane_spacings_A(cell) - 0.5).astype(int)
    axes = [np.arange(-n, n + 1) for n in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.int32)


def pair_images(n_atoms: int, shifts: NDArray[np.int32]) -> PairImages:
    """List every pair of distinct images once.

    Args:
        n_atoms: Number of atoms N in the cell.
        shifts: Translations from ``image_shifts``, shape ``(M, 3)``.

    Returns:
        ``M N (N-1) / 2`` pairs of different atoms and ``(M-1) N / 2`` of an atom with its
        own image (n and -n are the same pair).
    """
    i, j = np.triu_indices(n_atoms, 1)
    own = shifts[len(shifts) // 2 + 1 :]  # the list is odd: zero is its middle
    atoms = np.arange(n_atoms)
    return PairImages(
        i=np.concatenate([np.tile(i, len(shifts)), np.tile(atoms, len(own))]).astype(
            np.int32
        ),
        j=np.concatenate([np.tile(j, len(shifts)), np.tile(atoms, len(own))]).astype(
            np.int32
        ),
        shift=np.concatenate(
            [np.repeat(shifts, len(i), axis=0), np.repeat(own, n_atoms, axis=0)]
        ),
    )


def reciprocal_cell(cell: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Invert a cell by cross products: no LAPACK call under vmap, cheap derivatives.

    Args:
        cell: Lattice vectors as rows [Å], shape ``(3, 3)``.

    Returns:
        Rows b with a_i . b_j = delta_ij [1/Å], shape ``(3, 3)``, and the volume [Å³].
    """
    normals = jnp.cross(cell[jnp.array([1, 2, 0])], cell[jnp.array([2, 0, 1])])
    signed_A3 = cell[0] @ normals[0]
    return normals / signed_A3, jnp.abs(signed_A3)


def squared_distances_A2(
    positions: jax.Array, cell: jax.Array, pairs: PairImages
) -> jax.Array:
    """Compute the squared length of every listed pair.

    Args:
        positions: Cartesian positions [Å], shape ``(N, 3)``.
        cell: Lattice vectors as rows [Å], shape ``(3, 3)``.
        pairs: Pairs and translations, K of them.

    Returns:
        Squared distances [Å²], shape ``(K,)``.
    """
    inverse, _ = reciprocal_cell(cell)
    fractional = (positions @ inverse.T).T  # component-major: long contiguous rows
    nearest = jnp.round(fractional[:, pairs.i] - fractional[:, pairs.j])
    # Integers have no derivative; saying so spares the gradient the fractional route.
    shift = jnp.asarray(pairs.shift.T, positions.dtype)
    translation = jax.lax.stop_gradient(shift - nearest)
    cartesian = positions.T
    vectors = cartesian[:, pairs.i] - cartesian[:, pairs.j] + cell.T @ translation
    return jnp.sum(vectors**2, axis=0)
