"""The two potentials that stand for density-functional theory."""

import itertools
import json
import os

import numpy as np


def potential_of(poscar):
    """Return the function from positions [Å] to energy [eV] and forces [eV/Å].

    FAKE_VASP_LJ holds the parameters of ASE's LennardJones, and costs no import of JAX;
    without it, FAKE_VASP_IONIC may hold settings of the built-in ionic potential.
    """
    if parameters := os.environ.get("FAKE_VASP_LJ"):
        return _lennard_jones(poscar.cell, **json.loads(parameters))
    return _ionic(poscar, json.loads(os.environ.get("FAKE_VASP_IONIC") or "{}"))


def _lennard_jones(cell, *, epsilon, sigma, rc):
    shift = (sigma / rc) ** 6
    images = np.array(list(itertools.product(range(-2, 3), repeat=3))) @ cell

    def energy_and_forces(positions):
        between = positions[:, None] - positions
        energy, forces = 0.0, np.zeros_like(positions)
        for image in images:
            apart = between + image
            square = (apart**2).sum(-1)
            near = (square > 0) & (square < rc**2)
            safe = np.where(near, square, 1.0)
            x = np.where(near, sigma**2 / safe, 0.0) ** 3
            energy += 2 * epsilon * (x**2 - x - (shift**2 - shift) * near).sum()
            push = 24 * epsilon * (2 * x**2 - x) / safe
            forces += (push[..., None] * apart).sum(1)
        return energy, forces

    return energy_and_forces


def _ionic(poscar, settings):
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    from ase import Atoms

    from confvib.reference.ionic import IonicCalculator, IonicSettings

    atoms = Atoms(poscar.symbols, poscar.positions, cell=poscar.cell, pbc=True)
    atoms.calc = IonicCalculator(IonicSettings(**settings))

    def energy_and_forces(positions):
        atoms.positions = positions
        return atoms.get_potential_energy(), atoms.get_forces()

    return energy_and_forces
