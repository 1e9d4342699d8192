"""From a trained force field to its fast evaluator, checked against the plain one."""

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
from confvib.forcefield.compiled.layout import PairLayout, pair_layout
from confvib.forcefield.compiled.pair_sum import Incidence
from confvib.forcefield.compiled.pairs import pair_list, pair_vectors
from confvib.forcefield.compiled.radial_tables import RadialTables, radial_tables
from confvib.forcefield.compiled.self_check import (
    Agreement,
    check_distances,
    check_frames,
)
from confvib.forcefield.model import TrainedModel, require_known_species
from confvib.forcefield.potential import EnergyFn, so3krates_energy_fn
from confvib.forcefield.settings import So3kratesSettings, options_in_use

SHORTEST_A = 1.0
"""Shortest tabulated distance [Å], unless real frames come closer."""

FRAME_MARGIN = 0.8
"""Tabulated distances start at this fraction of the shortest in the frames."""

FRAMES_CHECKED = 2
"""Frames that the self-check compares."""

_TOLERANCE = {np.dtype(np.float32): 1e-8, np.dtype(np.float64): 1e-12}

_TABULATED = {"radial_basis", "cutoff_function"}
"""Options that only change what the radial tables hold."""


@dataclass(frozen=True)
class CompiledModel:
    """A force field compiled for one crystal.

    Attributes:
        energy_fn: Energy of the protocol. Its flag also reports two atoms closer than
            ``shortest_A``, where nothing is tabulated.
        rank: Number of functions that span the radial filters.
        shortest_A: Shortest tabulated distance [Å].
        pair_capacity: Slots for pairs.
        checks: What the self-check found.
    """

    energy_fn: EnergyFn
    rank: int
    shortest_A: float
    pair_capacity: int
    checks: tuple[Agreement, ...]

    @property
    def summary(self) -> str:
        """Sizes and findings in one line."""
        checks = "; ".join(check.summary for check in self.checks)
        return (
            f"compiled force field: rank {self.rank}, {self.pair_capacity} pair slots, "
            f"distances from {self.shortest_A:.2f} Å; {checks}"
        )


def unsupported_option(settings: So3kratesSettings) -> str | None:
    """Name the first option of an architecture that cannot be compiled.

    Args:
        settings: Architecture.

    Returns:
        Name of the option; None when the architecture can be compiled.
    """
    return next(
        (name for name in options_in_use(settings) if name not in _TABULATED), None
    )


def compile_model(
    model: TrainedModel,
    numbers: ArrayLike,
    cell: ArrayLike,
    *,
    dtype: DTypeLike,
    capacity: int,
    frames: ArrayLike | None = None,
    pairs_at_once: int | None = None,
) -> CompiledModel:
    """Build the fast evaluator of a force field for one crystal.

    It gives the numbers of the plain model: radial filters are evaluated from tables of
    low rank, the first layer from a table per pair of species, all filters once per pair
    of atoms, and sums run over blocks of pairs, of which the filters alone are kept for
    the backward sweep.

    Args:
        model: The force field.
        numbers: Atomic numbers, ``(N,)``.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        dtype: Type of the evaluation.
        capacity: Neighbour slots per atom K, as for the plain model; there is room for
            N K / 2 pairs, or for a fifth more than the frames have if that is less.
        frames: Configurations of the crystal, ``(B, N, 3)`` [Å]: the self-check compares
            the first of them, and their closest atoms may extend the tables.
        pairs_at_once: Pairs in a block, 0 for all. None takes what suits the device:
            blocks that fit a processor's cache; all on a GPU.

    Returns:
        The compiled force field.

    Raises:
        ModelError: An option of the model, a species, the cell or the capacity does not
            fit; or the self-check finds other forces than those of the plain model.

    Source: docs/formulation.md#compiled-force-field.
    """
    option = unsupported_option(model.settings)
    if option is not None:
        raise ModelError(
            f"a model with {option} = {getattr(model.settings, option)!r} cannot be "
            "compiled; use the plain evaluator"
        )
    if capacity < 1:
        raise ModelError(f"capacity must be >= 1 neighbour slot, got {capacity}")
    kind = np.dtype(dtype)
    if kind not in _TOLERANCE:
        raise ModelError(f"dtype must be float32 or float64, got {kind}")
    known = require_known_species(model, numbers)
    layout = pair_layout(
        known.size,
        cell,
        model.settings.cutoff_A,
        capacity=capacity,
        frames=frames,
        at_once=pairs_at_once,
    )
    tables = radial_tables(
        model,
        tuple(sorted({int(number) for number in known})),
        shortest_A=min(SHORTEST_A, FRAME_MARGIN * layout.shortest_A),
        tolerance=_TOLERANCE[kind],
    )
    energy_fn = _energy_fn(model, known, tables, layout, kind)
    checks = [check_distances(model, tables, kind)]
    if frames is not None:
        few = np.asarray(frames)[:FRAMES_CHECKED]

        def plain_in(dtype: DTypeLike) -> EnergyFn:
            return so3krates_energy_fn(
                model, numbers, cell, capacity=capacity, dtype=dtype
            )

        checks.append(check_frames(few, energy_fn, plain_in, kind))
    for check in checks:
        check.require()
    return CompiledModel(
        energy_fn=energy_fn,
        rank=tables.rank,
        shortest_A=tables.shortest_A,
        pair_capacity=layout.n_slots,
        checks=tuple(checks),
    )


def fastest_energy_fn(
    model: TrainedModel,
    numbers: ArrayLike,
    cell: ArrayLike,
    *,
    capacity: int,
    dtype: DTypeLike,
    frames: ArrayLike | None = None,
    say: Callable[[str], None] | None = None,
) -> EnergyFn:
    """Bind a force field to one crystal: compiled where it can be, else as it is.

    Args:
        model: The force field.
        numbers: Atomic numbers, ``(N,)``.
        cell: Lattice vectors in rows [Å], ``(3, 3)``.
        capacity: Neighbour slots per atom K.
        dtype: Type of the evaluation.
        frames: Configurations of the crystal, ``(B, N, 3)`` [Å]; see
            :func:`compile_model`.
        say: Receives one line that says which evaluator it is.

    Returns:
        Energy function [eV/cell] in ``dtype``.

    Raises:
        ModelError: As :func:`compile_model`, but for options it does not support.
    """
    report = say or (lambda _: None)
    option = unsupported_option(model.settings)
    if option is not None:
        report(f"plain force field: one with {option} is not compiled")
        return so3krates_energy_fn(model, numbers, cell, capacity=capacity, dtype=dtype)
    compiled = compile_model(
        model, numbers, cell, dtype=dtype, capacity=capacity, frames=frames
    )
    report(compiled.summary)
    return compiled.energy_fn


def _energy_fn(
    model: TrainedModel,
    numbers: NDArray[np.int32],
    tables: RadialTables,
    layout: PairLayout,
    dtype: np.dtype,
) -> EnergyFn:
    network = PairNetwork(model, tables, dtype)
    species = np.searchsorted(tables.species, numbers).astype(np.int32)
    # Summed once in float64: in float32 the shift of a cell would swallow meV.
    shift_eV = float(np.sum(model.shifts_eV[numbers]))
    cell = layout.candidates.cell

    def energy_fn(positions: Array) -> tuple[Array, Array]:
        positions = jnp.asarray(positions, dtype)
        pairs = pair_list(positions, layout.candidates, capacity=layout.n_slots)
        block = layout.block(pairs, len(species))
        trouble = pairs.overflow
        if isinstance(block, Incidence):
            trouble = trouble | block.overflow
        # Pinned here and not left to the caller: TF32 is what some cards take otherwise.
        with jax.default_matmul_precision("highest"):
            vectors = pair_vectors(positions, pairs, cell)
            atomic_eV, too_close = network(jnp.asarray(species), vectors, pairs, block)
        return jnp.sum(atomic_eV) + shift_eV, trouble | too_close

    return energy_fn
