"""Built-in label engine: rigid partial-charge ions, exact Ewald sum, one core, no files.

It orders cubic LLZO below tetragonal LLZO, which is wrong: it serves machinery and
accuracy statements, not phase diagrams. A few own lines per term replace jax-md, whose
dependencies weigh more than the terms.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from confvib.errors import LabelError
from confvib.reference import buckingham, ewald, images

OVERLAP_A = 0.3
"""Closest distance of two ions that still is a geometry and not a mistake [Å]."""

EnergyFn = Callable[[jax.Array], jax.Array]


@dataclass(frozen=True)
class IonicSettings:
    """Hold what defines the ionic potential besides its parameter table.

    A switch and a mean-field tail take the place of the far dispersion; they are part of
    the potential. Against a cutoff of 10 Å the default shifts the energies of LLZO by
    +3 meV/atom, alike in both phases, and its lattice constants by 0.1 %.

    Attributes:
        cutoff_A: End of the pair terms and of the real-space Ewald sum [Å]; up to half
            the spacing of the cell's faces the minimum image suffices.
        switch_width_A: Width of the switch of the pair terms below the cutoff [Å].
        ewald_tolerance: Relative size of the first Ewald terms left out.

    Raises:
        LabelError: A value is outside its domain.
    """

    cutoff_A: float = 6.0
    switch_width_A: float = 1.0
    ewald_tolerance: float = 1e-8

    def __post_init__(self) -> None:
        inner_A = max(pair.r0_A for pair in buckingham.PAIRS_WITH_OXYGEN.values())
        if not (0 < self.switch_width_A < self.cutoff_A - inner_A < math.inf):
            raise LabelError(
                f"cutoff_A is {self.cutoff_A} and switch_width_A {self.switch_width_A}, "
                f"expected 0 < switch_width_A < cutoff_A - {inner_A} (inner branches)"
            )
        if not (0 < self.ewald_tolerance <= 1e-3):
            raise LabelError(
                f"ewald_tolerance is {self.ewald_tolerance}, expected 0 < x <= 1e-3"
            )

    @property
    def onset_A(self) -> float:
        """Return where the switch begins [Å]."""
        return self.cutoff_A - self.switch_width_A

    @property
    def level_of_theory(self) -> str:
        """Return a stable hash of the parameter table and these settings."""
        definition = {
            "model": "Du/Teter partial charges, Buckingham + tail + Ewald",
            "charges_e": dict(buckingham.CHARGES_E),
            "pairs": {k: asdict(v) for k, v in buckingham.PAIRS_WITH_OXYGEN.items()},
            "settings": asdict(self),
        }
        text = json.dumps(definition, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Terms(NamedTuple):
    numbers: NDArray[np.integer]
    charges_e: NDArray[np.float64]
    pairs: images.PairImages
    plan: ewald.EwaldPlan
    settings: IonicSettings


def ionic_energy_fn(
    numbers: Sequence[int] | NDArray[np.integer],
    cell: NDArray[np.float64],
    *,
    settings: IonicSettings,
) -> EnergyFn:
    r"""Build the potential energy of one composition in one cell.

    .. math:: E = \sum_{i<j} S(r_{ij}) V_{ij}(r_{ij}) + K/V + E_{Ewald}

    Args:
        numbers: Atomic numbers, shape ``(N,)``.
        cell: Lattice vectors as rows [Å], shape ``(3, 3)``; periodic in all three.
        settings: Cutoff, switch and accuracy.

    Returns:
        Pure function from positions ``(N, 3)`` [Å] to the energy [eV/cell] in their
        dtype: twice differentiable, jittable, vmappable. It cannot raise: coincident
        atoms give a large or infinite energy.

    Raises:
        LabelError: A species has no parameters, the cell is charged or has no volume.

    Source: docs/formulation.md#ionic-potential.
    """
    lattice = np.asarray(cell, dtype=np.float64)
    terms = _terms(np.asarray(numbers), lattice, settings)

    def energy_eV(positions: jax.Array) -> jax.Array:
        return _energy_and_closest(terms, positions, jnp.asarray(lattice))[0]

    return energy_eV


class IonicCalculator(Calculator):
    """Offer the ionic potential to ASE: energy, forces and stress in float64.

    The compiled functions are kept per composition and range of images, so that
    changing positions or, a little, the cell compiles nothing anew.
    """

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012 - ASE's form

    def __init__(self, settings: IonicSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or IonicSettings()
        self._compiled: dict[tuple[Any, ...], _Compiled] = {}

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Fill ``results`` for ``atoms``; called by ASE.

        Args:
            atoms: Atoms of supported species, periodic along all three axes.
            properties: Wanted results; the stress costs a second function.
            system_changes: What changed since the last call; passed on to ASE.

        Raises:
            LabelError: The cell cannot be computed (see ``ionic_energy_fn``), is not
                periodic, or two atoms are closer than ``OVERLAP_A``.
        """
        super().calculate(atoms, properties, system_changes)
        assert isinstance(self.atoms, Atoms)
        compiled = self._function_for(self.atoms)
        positions = jnp.asarray(self.atoms.positions)
        cell = jnp.asarray(self.atoms.cell.array)
        if positions.dtype != jnp.float64:
            raise LabelError(
                f"JAX computes in {positions.dtype}; labels need float64: set "
                "jax_enable_x64"
            )
        if "stress" in properties:
            (energy, closest_A), (gradient, virial) = compiled.with_stress(
                positions, cell
            )
            stress = np.asarray(virial) / self.atoms.get_volume()
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress)
        else:
            (energy, closest_A), gradient = compiled.plain(positions, cell)
        if closest_A < OVERLAP_A:
            raise LabelError(
                f"two atoms are {float(closest_A):.3f} Å apart, expected at least "
                f"{OVERLAP_A} Å"
            )
        self.results["energy"] = float(energy)
        self.results["forces"] = -np.asarray(gradient)

    def _function_for(self, atoms: Atoms) -> "_Compiled":
        if not atoms.pbc.all():
            raise LabelError(
                f"pbc is {atoms.pbc.tolist()}, expected a cell periodic along all three "
                "axes"
            )
        cell = atoms.cell.array
        _require_volume(cell)
        shifts, plan = _ranges(cell, self.settings)
        key = (atoms.numbers.tobytes(), shifts.tobytes(), plan)
        if key not in self._compiled:
            self._compiled[key] = _compile(_terms(atoms.numbers, cell, self.settings))
        return self._compiled[key]


class _Compiled(NamedTuple):
    plain: Callable[..., Any]
    with_stress: Callable[..., Any]


def _compile(terms: _Terms) -> _Compiled:
    def energy(positions: jax.Array, cell: jax.Array) -> tuple[jax.Array, jax.Array]:
        return _energy_and_closest(terms, positions, cell)

    def strained(
        positions: jax.Array, strain: jax.Array, cell: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        deformation = jnp.eye(3, dtype=cell.dtype) + (strain + strain.T) / 2
        return energy(positions @ deformation, cell @ deformation)

    gradients = jax.value_and_grad(strained, argnums=(0, 1), has_aux=True)
    return _Compiled(
        plain=jax.jit(jax.value_and_grad(energy, has_aux=True)),
        with_stress=jax.jit(lambda x, cell: gradients(x, jnp.zeros_like(cell), cell)),
    )


def _terms(
    numbers: NDArray[np.integer], cell: NDArray[np.float64], settings: IonicSettings
) -> _Terms:
    charges_e = buckingham.charges(numbers)
    ewald.require_neutral(charges_e)
    _require_volume(cell)
    shifts, plan = _ranges(cell, settings)
    pairs = images.pair_images(len(numbers), shifts)
    return _Terms(numbers.copy(), charges_e, pairs, plan, settings)


def _ranges(
    cell: NDArray[np.float64], settings: IonicSettings
) -> tuple[NDArray[np.int32], ewald.EwaldPlan]:
    return images.image_shifts(cell, settings.cutoff_A), ewald.plan_ewald(
        cell, cutoff_A=settings.cutoff_A, tolerance=settings.ewald_tolerance
    )


def _require_volume(cell: NDArray[np.float64]) -> None:
    volume_A3 = abs(np.linalg.det(cell))
    if not volume_A3 > OVERLAP_A**3:
        raise LabelError(
            f"the cell {cell.tolist()} has a volume of {volume_A3:.3g} Å³, expected "
            "three independent lattice vectors"
        )


def _energy_and_closest(
    terms: _Terms, positions: jax.Array, cell: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the energy [eV/cell] and the shortest distance [Å]."""
    cell = cell.astype(positions.dtype)
    squared_A2 = images.squared_distances_A2(positions, cell, terms.pairs)
    pair_eV = jnp.sum(_pair_terms_eV(terms, squared_A2))
    reciprocal_eV = ewald.reciprocal_energy_eV(
        positions, terms.charges_e, cell, terms.plan
    )
    tail_eV = (
        buckingham.tail_eV_A3(
            terms.numbers,
            onset_A=terms.settings.onset_A,
            cutoff_A=terms.settings.cutoff_A,
        )
        / images.reciprocal_cell(cell)[1]
    )
    self_eV = ewald.self_energy_eV(terms.charges_e, terms.plan)
    closest_A = jnp.sqrt(jax.lax.stop_gradient(jnp.min(squared_A2, initial=jnp.inf)))
    return pair_eV + tail_eV + reciprocal_eV + self_eV, closest_A


def _pair_terms_eV(terms: _Terms, squared_A2: jax.Array) -> jax.Array:
    i, j, settings = terms.pairs.i, terms.pairs.j, terms.settings
    dtype = squared_A2.dtype
    inside = squared_A2 < settings.cutoff_A**2
    # A pair outside gets a harmless distance, so that its gradient is zero and not nan.
    distance_A = jnp.sqrt(jnp.where(inside, squared_A2, 1.0))
    parameters = buckingham.pair_arrays(terms.numbers[i], terms.numbers[j], dtype)
    short_eV = buckingham.buckingham_eV(distance_A, parameters) * buckingham.switch(
        distance_A,
        onset_A=settings.onset_A,
        cutoff_A=settings.cutoff_A,
    )
    products = jnp.asarray(terms.charges_e[i] * terms.charges_e[j], dtype)
    coulomb_eV = ewald.screened_coulomb_eV(distance_A, products, terms.plan.alpha_per_A)
    return jnp.where(inside, short_eV + coulomb_eV, 0.0)
