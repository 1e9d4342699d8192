"""ASE calculator around any energy function, for users and for tests."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from jax import Array
from jax.typing import DTypeLike

from confvib.errors import ModelError
from confvib.forcefield.model import TrainedModel
from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.potential import EnergyFn, force_fn, so3krates_energy_fn
from confvib.forcefield.strain import StressFn, stress_fn

EnergyFnBuilder: TypeAlias = Callable[[Atoms], EnergyFn]
"""Binds a potential to the species, cell and present crowding of an ASE structure."""

StressFnBuilder: TypeAlias = Callable[[Atoms], StressFn]
"""The same for its stress."""


class PotentialCalculator(Calculator):
    """Energy [eV/cell], forces [eV/Å] and stress [eV/Å^3] of a fully periodic structure.

    Functions are built for the first structure and built again when species or cell
    change, or once when the neighbour table overflows. Stress is evaluated when it is
    asked for.

    Args:
        builder: Makes an energy function for a structure.
        stress_builder: Makes its stress function; None: no stress.
    """

    def __init__(
        self, builder: EnergyFnBuilder, stress_builder: StressFnBuilder | None = None
    ) -> None:
        super().__init__()
        self._builder = builder
        self._stress_builder = stress_builder
        self._evaluate: dict[bool, Callable[..., tuple[Array, ...]]] = {}
        self.implemented_properties = ["energy", "free_energy", "forces"]
        if stress_builder is not None:
            self.implemented_properties.append("stress")

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Evaluate energy, forces and, if asked for, stress; called by ASE.

        Args:
            atoms: Structure, periodic in all directions.
            properties: What is wanted; energy and forces always come together.
            system_changes: What changed since the last call.

        Raises:
            ModelError: No structure, not fully periodic, or the neighbour table
                overflows even when measured at this structure.
        """
        super().calculate(atoms, list(properties), list(system_changes))
        structure = self.atoms
        if structure is None or not all(structure.pbc):
            pbc = None if structure is None else structure.pbc.tolist()
            raise ModelError(f"structure must be periodic in all directions, pbc = {pbc}")
        if {"numbers", "cell"} & set(system_changes):
            self._evaluate = {}
        with_stress = "stress" in properties
        *found, overflow = self._run(structure, with_stress=with_stress)
        if overflow:
            self._evaluate = {}
            *found, overflow = self._run(structure, with_stress=with_stress)
        if overflow:
            raise ModelError(
                f"neighbour table overflows for {structure.get_chemical_formula()}: "
                "the builder must choose a larger capacity"
            )
        energy_eV, forces, *stress = (np.asarray(value, np.float64) for value in found)
        self.results = {
            "energy": float(energy_eV),
            "free_energy": float(energy_eV),
            "forces": forces,
        }
        if stress:
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress[0])

    def _run(self, structure: Atoms, *, with_stress: bool) -> tuple[Array, ...]:
        if with_stress not in self._evaluate:
            if with_stress and self._stress_builder is not None:
                function: Callable[..., tuple[Array, ...]] = self._stress_builder(
                    structure
                )
            else:
                function = force_fn(self._builder(structure))
            self._evaluate[with_stress] = jax.jit(function)
        return self._evaluate[with_stress](structure.positions)


def so3krates_calculator(model: TrainedModel, dtype: DTypeLike) -> PotentialCalculator:
    """Wrap a trained So3krates for ASE.

    Args:
        model: The force field.
        dtype: Type of the evaluation.

    Returns:
        Calculator that sizes its neighbour table from each new structure.
    """

    def capacity(atoms: Atoms) -> int:
        return neighbor_capacity(
            atoms.positions, cell=np.asarray(atoms.cell), cutoff_A=model.settings.cutoff_A
        )

    def energy(atoms: Atoms) -> EnergyFn:
        return so3krates_energy_fn(
            model, atoms.numbers, atoms.cell.array, capacity=capacity(atoms), dtype=dtype
        )

    def stress(atoms: Atoms) -> StressFn:
        return stress_fn(
            model, atoms.numbers, atoms.cell.array, capacity=capacity(atoms), dtype=dtype
        )

    return PotentialCalculator(energy, stress)
