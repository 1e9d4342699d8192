"""So3krates: an equivariant transformer for the energy of a crystal."""

from dataclasses import dataclass

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from confvib.errors import ModelError
from confvib.forcefield.attention import EdgeGeometry, EuclideanAttention, gather
from confvib.forcefield.harmonics import (
    MAX_DEGREE,
    contract,
    degree_of_component,
    spherical_harmonics,
)
from confvib.forcefield.neighbors import NeighborTable
from confvib.forcefield.radial import cosine_cutoff, radial_basis

MAX_ATOMIC_NUMBER = 99
"""Highest atomic number of the embedding, as in mlff."""


@dataclass(frozen=True)
class So3kratesSettings:
    """Architecture; the defaults are the paper's relaxation model (its section 5.2).

    Attributes:
        features: Width F; divisible by ``heads`` and by the number of degrees.
        heads: Attention heads h.
        layers: Euclidean transformer blocks T: 2 for relaxation, 3 for dynamics.
        degrees: Degrees l of the harmonic coordinates, increasing, within 0 to 3.
        cutoff_A: Cutoff radius [Å].
        radial_functions: Number of radial basis functions.

    Raises:
        ModelError: A value is outside its domain.
    """

    features: int = 132
    heads: int = 4
    layers: int = 2
    degrees: tuple[int, ...] = (1, 2, 3)
    cutoff_A: float = 5.0
    radial_functions: int = 32

    def __post_init__(self) -> None:
        for name in ("features", "heads", "layers", "radial_functions"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} must be >= 1, got {getattr(self, name)}")
        if not 0 < self.cutoff_A < float("inf"):
            raise ModelError(f"cutoff_A must be a positive length, got {self.cutoff_A}")
        known = all(0 <= degree <= MAX_DEGREE for degree in self.degrees)
        if not self.degrees or not known or list(self.degrees) != sorted({*self.degrees}):
            raise ModelError(
                f"degrees must increase within 0..{MAX_DEGREE}, got {self.degrees}"
            )
        for name, parts in (("heads", self.heads), ("degrees", len(self.degrees))):
            if self.features % parts:
                raise ModelError(
                    f"features must be divisible by the number of {name} ({parts}), "
                    f"got {self.features}"
                )
        if self.features < 4:
            raise ModelError(f"features must be >= 4, got {self.features}")


def edge_geometry(
    positions: Array, cell: Array, table: NeighborTable, settings: So3kratesSettings
) -> EdgeGeometry:
    """Evaluate distances, directions and their expansions on all edges.

    A padding slot is given the vector (cutoff, 0, 0) before any root or division, so
    that derivatives of every order stay finite there.

    Args:
        positions: Cartesian positions [Å], ``(N, 3)``.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        table: Neighbours at these positions (or within a skin around them).
        settings: Architecture.

    Returns:
        The edge geometry in the dtype of the positions.
    """
    cell = jnp.asarray(cell, positions.dtype)
    vectors = gather(positions, table.indices) - positions[:, None] + table.shifts @ cell
    placeholder = jnp.array([settings.cutoff_A, 0.0, 0.0], positions.dtype)
    vectors = jnp.where(table.mask[..., None], vectors, placeholder)
    distance = jnp.sqrt(jnp.sum(vectors**2, axis=-1))  # (N, K)
    cutoff = cosine_cutoff(distance, cutoff_A=settings.cutoff_A)
    return EdgeGeometry(
        neighbors=table.indices,
        cutoff=jnp.where(table.mask, cutoff, 0.0),
        basis=radial_basis(
            distance, cutoff_A=settings.cutoff_A, n_functions=settings.radial_functions
        ),
        harmonics=spherical_harmonics(vectors / distance[..., None], settings.degrees),
    )


class InteractionBlock(nn.Module):
    r"""Exchange between features and harmonic coordinates of one atom, a linear map.

    .. math:: (df, s) = W\,[f, \chi_{l\to0}] + c, \quad d\chi_{lm} = s_l\,\chi_{lm}

    Attributes:
        features: Width F.
        degrees: Degrees l.

    Source: paper section 2.2, last two equations (its ref 74).
    """

    features: int
    degrees: tuple[int, ...]

    @nn.compact
    def __call__(self, x: Array, chi: Array) -> tuple[Array, Array]:
        """Return the changes of x, ``(N, F)``, and of chi, ``(N, M)``."""
        joined = jnp.concatenate([x, contract(chi, self.degrees)], axis=-1)
        mixed = nn.Dense(self.features + len(self.degrees), name="mix")(joined)
        gain = mixed[..., self.features :] @ degree_of_component(self.degrees, x.dtype)
        return mixed[..., : self.features], gain * chi


class So3krates(nn.Module):
    """Atomic energies from atomic numbers and edge geometry.

    Attributes:
        settings: Architecture.

    Source: paper section 2.2 with mlff's defaults: no layer norm, no residual networks,
        harmonic coordinates that start at zero.
    """

    settings: So3kratesSettings

    @nn.compact
    def __call__(self, numbers: Array, edges: EdgeGeometry) -> Array:
        """Evaluate the network.

        Args:
            numbers: Atomic numbers, ``(N,)`` int.
            edges: Geometry of the edges.

        Returns:
            Atomic energies without their shift [eV], ``(N,)``.
        """
        s = self.settings
        x = nn.Embed(
            MAX_ATOMIC_NUMBER + 1,
            s.features,
            # Messages are cubic in the features: started at flax's 1 / sqrt(F) they are
            # so faint that a short training spends its first hundreds of steps waiting.
            embedding_init=nn.initializers.normal(stddev=0.7),
            name="embedding",
        )(numbers)
        x = x.astype(edges.cutoff.dtype)
        chi = None
        for t in range(s.layers):
            dx, dchi = EuclideanAttention(
                s.features, s.heads, s.degrees, name=f"attention_{t}"
            )(x, chi, edges)
            x = x + dx  # eq 9
            chi = dchi if chi is None else chi + dchi  # eq 11
            dx, dchi = InteractionBlock(s.features, s.degrees, name=f"interaction_{t}")(
                x, chi
            )
            x, chi = x + dx, chi + dchi
        hidden = nn.silu(nn.Dense(s.features, name="energy_hidden")(x))
        return nn.Dense(1, name="energy_out")(hidden)[..., 0]
