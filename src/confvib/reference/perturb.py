"""Random displacements that start reference calculations off the symmetric sites."""

import numpy as np
from ase import Atoms

from confvib.errors import LabelError


def perturbed(atoms: Atoms, distance_A: float, seed: int) -> Atoms:
    """Displace every atom in a random direction by up to a distance, with pymatgen.

    Lengths are uniform in [0, distance], directions uniform on the sphere; the same seed
    gives the same displacements.

    Args:
        atoms: Geometry, not modified.
        distance_A: Largest displacement [Å], > 0.
        seed: Seed of the displacements, >= 0.

    Returns:
        A copy, each atom next to where it was (never wrapped into the cell).

    Raises:
        LabelError: A value is outside its domain.
    """
    from pymatgen.core import Lattice, Structure

    if not distance_A > 0:
        raise LabelError(f"distance_A is {distance_A}, expected a length > 0")
    if seed < 0:
        raise LabelError(f"seed is {seed}, expected an integer >= 0")
    structure = Structure(
        Lattice(atoms.cell.array), atoms.numbers.tolist(), atoms.get_scaled_positions()
    )
    before = structure.frac_coords.copy()
    structure.perturb(distance_A, seed=seed)
    # pymatgen wraps what it moves: the nearest image of the move is the move itself.
    moved = structure.frac_coords - before
    moved -= np.round(moved)
    result = atoms.copy()
    result.positions += moved @ atoms.cell.array
    return result
