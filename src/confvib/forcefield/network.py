"""So3krates: an equivariant transformer for the energy of a crystal."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from confvib.forcefield.attention import EdgeGeometry, EuclideanAttention, gather
from confvib.forcefield.harmonics import (
    contract,
    degree_of_component,
    spherical_harmonics,
)
from confvib.forcefield.neighbors import NeighborTable
from confvib.forcefield.radial import BASES, CUTOFFS, LearnedGaussians
from confvib.forcefield.repulsion import ZblRepulsion
from confvib.forcefield.settings import So3kratesSettings

__all__ = [
    "MAX_ATOMIC_NUMBER",
    "InteractionBlock",
    "ResidualNetwork",
    "So3krates",
    "So3kratesSettings",
    "edge_geometry",
]

MAX_ATOMIC_NUMBER = 99
"""Highest atomic number of the embedding, as in mlff."""


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
    translations = jnp.matmul(table.shifts, cell, precision=jax.lax.Precision.HIGHEST)
    vectors = gather(positions, table.indices) - positions[:, None] + translations
    placeholder = jnp.array([settings.cutoff_A, 0.0, 0.0], positions.dtype)
    vectors = jnp.where(table.mask[..., None], vectors, placeholder)
    distance = jnp.sqrt(jnp.sum(vectors**2, axis=-1))  # (N, K)
    cutoff = CUTOFFS[settings.cutoff_function](distance, cutoff_A=settings.cutoff_A)
    return EdgeGeometry(
        neighbors=table.indices,
        cutoff=jnp.where(table.mask, cutoff, 0.0),
        basis=_expand(distance, settings),
        harmonics=spherical_harmonics(vectors / distance[..., None], settings.degrees),
        distance_A=distance if settings.short_range_repulsion else None,
    )


def _expand(distance_A: Array, settings: So3kratesSettings) -> Array:
    if settings.radial_basis == "rbf":
        return distance_A[..., None]
    return BASES[settings.radial_basis](
        distance_A, cutoff_A=settings.cutoff_A, n_functions=settings.radial_functions
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


class ResidualNetwork(nn.Module):
    r"""Residual network of one atom's features, without biases.

    .. math:: f \leftarrow \sigma(f + \sigma(\sigma(f) A_1) A_2)\,A_3,
              \quad \sigma = \mathrm{silu}

    Source: Unke & Meuwly, J. Chem. Theory Comput. 15, 3678 (2019), residual blocks, in
        mlff's form: the result replaces the features, it is not added to them.
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map features ``(N, F)`` to ``(N, F)``."""
        width = x.shape[-1]
        inner = nn.Dense(width, use_bias=False, name="first")(nn.silu(x))
        inner = nn.Dense(width, use_bias=False, name="second")(nn.silu(inner))
        return nn.Dense(width, use_bias=False, name="out")(nn.silu(x + inner))


class So3krates(nn.Module):
    """Atomic energies from atomic numbers and edge geometry.

    Attributes:
        settings: Architecture.

    Source: paper section 2.2; Frank et al., NeurIPS 2022 and Nat. Commun. 15, 6539 (2024)
        for the options, in mlff's form.
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
        # Pinned here and not left to the caller: TF32 is what some cards take otherwise.
        with jax.default_matmul_precision("highest"):
            return self._atomic_energies(numbers, edges)

    def _atomic_energies(self, numbers: Array, edges: EdgeGeometry) -> Array:
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
        if s.radial_basis == "rbf":
            learned = LearnedGaussians(s.radial_functions, s.cutoff_A, name="basis")
            edges = replace(edges, basis=learned(edges.basis))
        chi = None
        if s.chi_normalization is not None:  # eq 10
            sums = jnp.sum(edges.cutoff[..., None] * edges.harmonics, axis=1)
            chi = sums / s.chi_normalization
        for t in range(s.layers):
            x, chi = self._layer(t, x, chi, edges)
        hidden = nn.silu(nn.Dense(s.features, name="energy_hidden")(x))
        energy_eV = nn.Dense(1, name="energy_out")(hidden)[..., 0]
        if s.species_scale:
            shape = (MAX_ATOMIC_NUMBER + 1,)
            scale = self.param("species_scale", nn.initializers.ones, shape)
            energy_eV = scale.astype(energy_eV.dtype)[numbers] * energy_eV
        if s.short_range_repulsion:
            energy_eV = energy_eV + ZblRepulsion(name="repulsion")(numbers, edges)
        return energy_eV

    def _layer(
        self, t: int, x: Array, chi: Array | None, edges: EdgeGeometry
    ) -> tuple[Array, Array]:
        """Euclidean transformer block t: messages, then exchange within each atom."""
        s = self.settings
        prenorm = s.layer_norm != "none"
        dx, dchi = EuclideanAttention(
            s.features, s.heads, s.degrees, s.angular_filters, name=f"attention_{t}"
        )(_normalized(x, f"norm_attention_{t}", used=prenorm), chi, edges)
        x = x + dx  # eq 9
        chi = dchi if chi is None else chi + dchi  # eq 11
        if s.residual_networks in ("attention", "both"):
            x = ResidualNetwork(name=f"residual_attention_{t}")(x)

        dx, dchi = InteractionBlock(s.features, s.degrees, name=f"interaction_{t}")(
            _normalized(x, f"norm_interaction_{t}", used=prenorm), chi
        )
        x, chi = x + dx, chi + dchi
        if s.residual_networks in ("interaction", "both"):
            x = ResidualNetwork(name=f"residual_interaction_{t}")(x)
        return _normalized(x, f"norm_output_{t}", used=norm_follows(s, t)), chi


def norm_follows(settings: So3kratesSettings, t: int) -> bool:
    """Tell whether the features leave layer t normalised.

    Args:
        settings: Architecture.
        t: Layer, from 0.
    """
    last = t == settings.layers - 1
    choice = settings.layer_norm
    return choice == "pre_and_every" or (last and choice == "pre_and_last")


def _normalized(x: Array, name: str, *, used: bool) -> Array:
    # Two passes for the variance: E[x^2] - E[x]^2 loses digits where the mean is large.
    return nn.LayerNorm(name=name, use_fast_variance=False)(x) if used else x
