"""Comparison of a compiled force field with the plain one, made whenever one is built."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from numpy.typing import ArrayLike, NDArray

from confvib.errors import ModelError
from confvib.forcefield.compiled.evaluator import PairNetwork
from confvib.forcefield.compiled.pairs import PairList
from confvib.forcefield.compiled.radial_tables import RadialTables
from confvib.forcefield.model import TrainedModel, cast_parameters
from confvib.forcefield.neighbors import NeighborTable
from confvib.forcefield.network import So3krates, edge_geometry
from confvib.forcefield.potential import EnergyFn, force_fn

N_DISTANCES = 10_240
"""Random distances at which pairs of atoms are compared."""

SCALE_EV_PER_A = 1.0
"""Deviations are divided by it, or by the force where that is larger: pairs at 1 Å, with
forces of 10^4 eV/Å, would otherwise excuse errors at every other distance."""

TOLERANCE = 1e-6
"""Largest accepted deviation in float64: 1e-6 eV/Å for forces of up to 1 eV/Å."""

NOISE_FACTOR = 8.0
"""In float32: largest accepted deviation, in units of the plain model's rounding."""

_PAIRS_AT_ONCE = 1024

_RUN_ONCE = {"xla_backend_optimization_level": 0}
"""Compiler options of programs that are compiled for longer than they run."""


@dataclass(frozen=True)
class Agreement:
    """Deviation of forces from those of the plain model in float64.

    Attributes:
        subject: What was compared.
        error: Largest deviation of the force on an atom, relative to that force or to
            1 eV/Å, whichever is larger.
        noise: The same of the plain model in the type of the evaluation; zero in float64.
    """

    subject: str
    error: float
    noise: float

    @property
    def limit(self) -> float:
        """Largest accepted error."""
        return NOISE_FACTOR * self.noise if self.noise > 0 else TOLERANCE

    @property
    def summary(self) -> str:
        """The figures in words."""
        of_noise = f" (whose own rounding is {self.noise:.1e})" if self.noise > 0 else ""
        return (
            f"forces on {self.subject} within {self.error:.1e} of the plain model's"
            f"{of_noise}"
        )

    def require(self) -> None:
        """Refuse a deviation beyond the limit; a value that is not finite is one.

        Raises:
            ModelError: With the figures.
        """
        if self.error <= self.limit:
            return
        raise ModelError(
            f"the compiled force field disagrees with the plain one on {self.subject}: "
            f"forces differ by {self.error:.2e} of the force (of 1 eV/Å where it is "
            f"smaller), expected at most {self.limit:.2e}"
        )


def check_distances(
    model: TrainedModel, tables: RadialTables, dtype: DTypeLike
) -> Agreement:
    """Compare pairs of atoms at random distances, in all combinations of species.

    Args:
        model: The force field.
        tables: Its tables.
        dtype: Type of the evaluation.

    Returns:
        The deviations.
    """
    rng = np.random.default_rng(2025)
    n = N_DISTANCES
    lengths = rng.uniform(tables.shortest_A, model.settings.cutoff_A, n)
    directions = rng.normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    positions = np.zeros((2 * n, 3))
    positions[1::2] = directions * lengths[:, None]
    species = rng.integers(0, len(tables.species), 2 * n).astype(np.int32)
    numbers = np.array(tables.species, np.int32)[species]

    def plain(dtype: DTypeLike) -> NDArray:
        return _forces(_plain_dimers(model, dtype), positions, numbers, dtype)

    compiled = _forces(_compiled_dimers(model, tables, dtype), positions, species, dtype)
    return _agreement(f"{n} random distances", compiled, plain, dtype)


def check_frames(
    frames: ArrayLike,
    compiled: EnergyFn,
    plain_in: Callable[[DTypeLike], EnergyFn],
    dtype: DTypeLike,
) -> Agreement:
    """Compare real configurations.

    Args:
        frames: Positions [Å], ``(B, N, 3)``.
        compiled: The compiled energy.
        plain_in: Gives the plain energy in a type.
        dtype: Type of the evaluation.

    Returns:
        The deviations.

    Raises:
        ModelError: A frame overflows a table or has a pair closer than tabulated.
    """
    positions = np.asarray(frames, dtype=np.float64)

    def forces(energy_fn: EnergyFn, dtype: DTypeLike) -> NDArray:
        evaluate = jax.jit(force_fn(energy_fn), compiler_options=_RUN_ONCE)
        results = [evaluate(jnp.asarray(frame, dtype)) for frame in positions]
        bad = [index for index, (_, _, flag) in enumerate(results) if flag]
        if bad:
            raise ModelError(
                f"frames {bad} to check the compiled force field with do not fit its "
                "tables: too many neighbours or two atoms too close"
            )
        return np.array([np.asarray(force, np.float64) for _, force, _ in results])

    def plain(dtype: DTypeLike) -> NDArray:
        return forces(plain_in(dtype), dtype)

    return _agreement(f"{len(positions)} frames", forces(compiled, dtype), plain, dtype)


def _agreement(
    subject: str,
    compiled: NDArray,
    plain_in: Callable[[DTypeLike], NDArray],
    dtype: DTypeLike,
) -> Agreement:
    with jax.enable_x64(True):
        exact = plain_in(np.float64)
    rounded = exact if np.dtype(dtype) == np.float64 else plain_in(dtype)
    scale = np.maximum(SCALE_EV_PER_A, np.linalg.norm(exact, axis=-1))
    return Agreement(
        subject=subject,
        error=float(np.max(np.linalg.norm(compiled - exact, axis=-1) / scale)),
        noise=float(np.max(np.linalg.norm(rounded - exact, axis=-1) / scale)),
    )


def _forces(
    energy: Callable[[Array, Array], Array],
    positions: NDArray,
    kinds: NDArray[np.int32],
    dtype: DTypeLike,
) -> NDArray:
    # The kinds of atoms are an argument: XLA would fold what follows from a constant.
    slope = jax.jit(jax.grad(energy), compiler_options=_RUN_ONCE)
    return -np.asarray(
        slope(jnp.asarray(positions, dtype), jnp.asarray(kinds)), np.float64
    )


def _plain_dimers(
    model: TrainedModel, dtype: DTypeLike
) -> Callable[[Array, Array], Array]:
    n_atoms = 2 * N_DISTANCES
    partner = np.arange(n_atoms, dtype=np.int32) ^ 1
    table = NeighborTable(
        indices=jnp.asarray(partner)[:, None],
        shifts=jnp.zeros((n_atoms, 1, 3), dtype),
        mask=jnp.ones((n_atoms, 1), bool),
        overflow=jnp.zeros((), bool),
    )
    network = So3krates(model.settings)
    parameters = {"params": cast_parameters(model.parameters, dtype)}

    def energy(positions: Array, numbers: Array) -> Array:
        with jax.default_matmul_precision("highest"):
            edges = edge_geometry(positions, jnp.eye(3), table, model.settings)
            atomic = network.apply(parameters, numbers, edges)
            return jnp.sum(jnp.asarray(atomic))

    return energy


def _compiled_dimers(
    model: TrainedModel, tables: RadialTables, dtype: DTypeLike
) -> Callable[[Array, Array], Array]:
    n_pairs = N_DISTANCES
    atoms = jnp.arange(2 * n_pairs, dtype=jnp.int32).reshape(n_pairs, 2).T
    pairs = PairList(
        first=atoms[0],
        second=atoms[1],
        shifts=jnp.zeros((3, n_pairs), dtype),
        used=jnp.ones(n_pairs, bool),
        count=jnp.int32(n_pairs),
    )
    network = PairNetwork(model, tables, dtype)

    def energy(positions: Array, species: Array) -> Array:
        with jax.default_matmul_precision("highest"):
            vectors = list((positions[1::2] - positions[::2]).T)
            atomic, _ = network(species, vectors, pairs, _PAIRS_AT_ONCE)
            return jnp.sum(atomic)

    return energy
