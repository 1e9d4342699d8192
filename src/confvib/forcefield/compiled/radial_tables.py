"""What depends on the distance alone: filters of low rank, and the whole first layer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from confvib.forcefield.attention import (
    AttentionCoefficients,
    EdgeGeometry,
    PairFilter,
)
from confvib.forcefield.compiled.polynomials import (
    PiecewisePolynomial,
    VectorFunction,
    tabulate,
)
from confvib.forcefield.model import TrainedModel, cast_parameters
from confvib.forcefield.radial import BASES, LearnedGaussians
from confvib.forcefield.settings import So3kratesSettings

MESSAGES = ("feature", "geometric")
"""The two messages of a layer, to the features and to the harmonic coordinates."""

_SAMPLES = 512
"""Distances that decide the rank, and abscissae per call: one shape, compiled once."""


@dataclass(frozen=True)
class RadialTables:
    r"""Functions of t = exp(-d) from which every filter follows.

    The radial part of all filters of the layers t > 0 is spanned by M functions,

    .. math:: \mathrm{MLP}_r(\rho(d)) + c = \sum_{m=1}^M b_m(t)\,U_m,

    and the attention coefficients of layer 0, where features depend on the species only
    and the harmonic coordinates vanish, are functions of d for each pair of species.

    Attributes:
        species: Atomic numbers, increasing, S of them.
        basis: The functions b_m; None for a single layer.
        mixing: U by name ``attention_t/feature`` or ``.../geometric``, ``(M, F)``.
        contact: Coefficients of layer 0 without the cutoff function: a row for each
            ordered pair of species (first times S plus second); first the H feature
            heads and L degrees of the edge first -> second, then those of its reverse.
    """

    species: tuple[int, ...]
    basis: PiecewisePolynomial | None
    mixing: Mapping[str, NDArray[np.float64]]
    contact: PiecewisePolynomial

    @property
    def rank(self) -> int:
        """Number M of basis functions."""
        return 0 if self.basis is None else self.basis.n_functions

    @property
    def shortest_A(self) -> float:
        """Shortest tabulated distance [Å]."""
        return float(-np.log(self.contact.stop))


def radial_tables(
    model: TrainedModel,
    species: tuple[int, ...],
    *,
    shortest_A: float,
    tolerance: float,
) -> RadialTables:
    """Tabulate a model in float64.

    Singular values below the tolerance, relative to the largest, are left out.

    Args:
        model: The force field.
        species: Atomic numbers of the crystal, increasing.
        shortest_A: Shortest distance to tabulate [Å].
        tolerance: Relative error of the tables and of the rank.

    Returns:
        The tables.

    Raises:
        ModelError: The filters vary too fast to be tabulated.
    """
    ends = float(np.exp(-model.settings.cutoff_A)), float(np.exp(-shortest_A))
    with jax.enable_x64(True):
        parameters = cast_parameters(model.parameters, np.float64)
        contact = tabulate(
            _contact_coefficients(model.settings, parameters, species),
            *ends,
            tolerance=tolerance,
        )
        if model.settings.layers == 1:
            return RadialTables(species, None, {}, contact)
        names = [
            f"attention_{t}/{message}"
            for t in range(1, model.settings.layers)
            for message in MESSAGES
        ]
        filters = _radial_filters(model.settings, parameters, names)
        samples = filters(np.linspace(*ends, _SAMPLES))
        _, singular, spanning = np.linalg.svd(samples, full_matrices=False)
        rank = max(1, int(np.sum(singular > tolerance * singular[0])))
        spanning = spanning[:rank]
        basis = tabulate(lambda t: filters(t) @ spanning.T, *ends, tolerance=tolerance)
    parts = np.split(spanning, len(names), axis=1)
    return RadialTables(species, basis, dict(zip(names, parts, strict=True)), contact)


def _radial_filters(
    settings: So3kratesSettings, parameters: Mapping[str, Any], names: Sequence[str]
) -> VectorFunction:
    """Return the radial filters of some messages, joined, as a function of exp(-d)."""
    radial = PairFilter(settings.features, angular=False)
    expand = _basis_function(settings, parameters)
    weights = [
        parameters[block][message]["filter"]
        for block, message in (name.split("/") for name in names)
    ]

    def evaluate(t: Array) -> Array:
        basis = expand(-jnp.log(t))
        filters = [
            jnp.asarray(radial.apply({"params": own}, basis, None))
            + own["angular_out"]["bias"]
            for own in weights
        ]
        return jnp.concatenate(filters, axis=1)

    return _in_parts(evaluate)


def _contact_coefficients(
    settings: So3kratesSettings,
    parameters: Mapping[str, Any],
    species: tuple[int, ...],
) -> VectorFunction:
    """Return the coefficients of layer 0 as a function of exp(-d), rows of pairs."""
    n_species, n_degrees = len(species), len(settings.degrees)
    features = parameters["embedding"]["embedding"][np.array(species)]
    everyone = jnp.tile(jnp.arange(n_species), (n_species, 1))
    unused = jnp.zeros((n_species, n_species, 1))
    blocks = {
        message: AttentionCoefficients(settings.features, heads)
        for message, heads in zip(MESSAGES, (settings.heads, n_degrees), strict=True)
    }
    expand = _basis_function(settings, parameters)

    # A fictitious crystal: one atom per species, each the neighbour of all at distance d.
    def at_one_distance(basis: Array) -> Array:
        edges = EdgeGeometry(
            neighbors=everyone,
            cutoff=jnp.ones((n_species, n_species)),
            basis=jnp.broadcast_to(basis, (n_species, n_species, basis.size)),
            harmonics=unused,
        )
        coefficients = jnp.concatenate(
            [
                jnp.asarray(
                    block.apply(
                        {"params": parameters["attention_0"][message]},
                        features,
                        jnp.zeros(n_degrees),
                        edges,
                    )
                )
                for message, block in blocks.items()
            ],
            axis=-1,
        )  # (S, S, H + L)
        both = jnp.concatenate([coefficients, coefficients.swapaxes(0, 1)], axis=-1)
        return both.reshape(n_species**2, -1)

    def evaluate(t: Array) -> Array:
        return jax.lax.map(at_one_distance, expand(-jnp.log(t)), batch_size=64)

    return _in_parts(evaluate)


def _in_parts(function: Callable[[Array], Array]) -> VectorFunction:
    compiled = jax.jit(function)

    def evaluate(t: NDArray[np.float64]) -> NDArray[np.float64]:
        filled = np.pad(t, (0, -len(t) % _SAMPLES), mode="edge")
        parts = [compiled(jnp.asarray(part)) for part in filled.reshape(-1, _SAMPLES)]
        return np.concatenate(parts)[: len(t)]

    return evaluate


def _basis_function(
    settings: So3kratesSettings, parameters: Mapping[str, Any]
) -> Callable[[Array], Array]:
    n_functions, cutoff_A = settings.radial_functions, settings.cutoff_A
    if settings.radial_basis == "rbf":
        learned = LearnedGaussians(n_functions, cutoff_A)
        own = {"params": parameters["basis"]}
        return lambda distance: jnp.asarray(learned.apply(own, distance[:, None]))
    basis = BASES[settings.radial_basis]
    return lambda distance: basis(distance, cutoff_A=cutoff_A, n_functions=n_functions)
