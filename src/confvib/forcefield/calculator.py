"""ASE calculator around any energy function, for users and for tests."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from jax.typing import DTypeLike

from confvib.errors import ModelError
from confvib.forcefield.model import TrainedModel
from confvib.forcefield.neighbors import neighbor_capacity
from confvib.forcefield.potential import (
    EnergyFn,
    ForceFn,
    force_fn,
    so3krates_energy_fn,
)

EnergyFnBuilder: TypeAlias = Callable[[Atoms], EnergyFn]
"""Binds a potential to the species, cell and present crowding of an ASE structure."""


class PotentialCalculator(Calculator):
    """Energy [eV/cell] and forces [eV/Å] of a fully periodic structure.

    The energy function is built for the first structure and built again when species or
    cell change, or once when the neighbour table overflows.

    Args:
        builder: Makes an energy function for a structure.
    """

    implemented_properties = [  # noqa: RUF012 - the form that ASE reads
        "energy",
        "free_energy",
        "forces",
    ]

    def __init__(self, builder: EnergyFnBuilder) -> None:
        super().__init__()
        self._builder = builder
        self._evaluate: ForceFn | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Evaluate energy and forces; called by ASE.

        Args:
            atoms: Structure, periodic in all directions.
            properties: Ignored: energy and forces always come together.
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
        stale = {"numbers", "cell"} & set(system_changes)
        if self._evaluate is None or stale:
            self._evaluate = jax.jit(force_fn(self._builder(structure)))
        energy_eV, forces, overflow = self._evaluate(structure.positions)
        if overflow:
            self._evaluate = jax.jit(force_fn(self._builder(structure)))
            energy_eV, forces, overflow = self._evaluate(structure.positions)
        if overflow:
            raise ModelError(
                f"neighbour table overflows for {structure.get_chemical_formula()}: "
                "the builder must choose a larger capacity"
            )
        self.results = {
            "energy": float(energy_eV),
            "free_energy": float(energy_eV),
            "forces": np.asarray(forces, dtype=np.float64),
        }


def so3krates_calculator(model: TrainedModel, dtype: DTypeLike) -> PotentialCalculator:
    """Wrap a trained So3krates for ASE.

    Args:
        model: The force field.
        dtype: Type of the evaluation.

    Returns:
        Calculator that sizes its neighbour table from each new structure.
    """

    def build(atoms: Atoms) -> EnergyFn:
        cell = np.asarray(atoms.cell)
        capacity = neighbor_capacity(
            atoms.positions, cell=cell, cutoff_A=model.settings.cutoff_A
        )
        return so3krates_energy_fn(
            model, atoms.numbers, cell, capacity=capacity, dtype=dtype
        )

    return PotentialCalculator(build)
