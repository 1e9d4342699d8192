"""vasprun.xml as labelled frames."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pymatgen.io.vasp.outputs import UnconvergedVASPWarning, Vasprun

from confvib.errors import LabelError
from confvib.reference.engine import Frame
from confvib.units import BOLTZMANN_EV_PER_K

SAME_CELL_A = 1e-5
"""Largest difference between the cell asked for and the one in vasprun.xml [Å]."""


@dataclass(frozen=True)
class VaspOutput:
    """Hold what a vasprun.xml says.

    Attributes:
        frames: Complete ionic steps in order, atoms in the order of the caller.
        version: Version of the VASP that wrote it, for example "6.4.2".
    """

    frames: tuple[Frame, ...]
    version: str


def read_output(
    path: Path, atoms: Atoms, order: NDArray[np.int64], corrections: str
) -> VaspOutput:
    r"""Read every complete ionic step of a run, finished or not.

    The energy is the free energy of the electrons, F = E - T S (``e_fr_energy``, TOTEN),
    because VASP's forces are its derivative: a force field trained on both must see one
    surface. The energy extrapolated to zero smearing, ``e_0_energy`` = F + T S / 2 with
    Gaussian smearing, is the better estimate of the ground state of a metal, but no
    forces belong to it (and VASP 5 writes another number under that name). The two agree
    where no state is partly filled, as in an insulator with a gap well above SIGMA.

    The temperature of molecular dynamics is that of the kinetic energy VASP writes,

    .. math:: T = 2 E_{kin} / ((3N - 3) k_B)

    A step whose electrons used all NELM iterations is marked as not converged.

    Args:
        path: A vasprun.xml.
        atoms: The cell that was asked for.
        order: Which atom of ``atoms`` each atom of POSCAR was, shape (N,).
        corrections: What custodian repaired; copied to every frame, as a repaired run
            begins anew.

    Returns:
        Frames [eV per cell, eV/Å] and version.

    Raises:
        LabelError: The file cannot be read, is of another cell, or holds a number that
            is not finite.
    """
    vasprun = _open(path)
    _check_cell(vasprun, atoms, order)
    nelm = int(vasprun.parameters["NELM"])
    frames = [
        _frame(step, atoms, order, nelm, corrections) for step in vasprun.ionic_steps
    ]
    for index, frame in enumerate(frames):
        if not np.isfinite([frame.energy_eV, *frame.forces_eV_per_A.ravel()]).all():
            raise LabelError(
                f"{path}: energy ({frame.energy_eV} eV) or forces of ionic step "
                f"{index + 1} are not finite; expected numbers"
            )
    return VaspOutput(tuple(frames), str(vasprun.vasp_version).strip())


def _open(path: Path) -> Vasprun:
    with warnings.catch_warnings():
        # Convergence is judged frame by frame, a cut file by how many frames it holds,
        # and overflown numbers (***) by being nan.
        warnings.simplefilter("ignore", UnconvergedVASPWarning)
        warnings.filterwarnings("ignore", "XML is malformed", UserWarning)
        warnings.filterwarnings("ignore", "Float overflow", UserWarning)
        try:
            return Vasprun(
                path,
                parse_dos=False,
                parse_eigen=False,
                parse_potcar_file=False,
                exception_on_bad_xml=False,
            )
        except Exception as error:
            # A file cut before its first ionic step fails in as many ways as it has tags.
            raise LabelError(
                f"{path} holds no complete ionic step ({type(error).__name__}: {error})"
            ) from error


def _check_cell(vasprun: Vasprun, atoms: Atoms, order: NDArray[np.int64]) -> None:
    expected = [atoms.get_chemical_symbols()[index] for index in order]
    if vasprun.atomic_symbols != expected:
        raise LabelError(
            f"{vasprun.filename} lists atoms {vasprun.atomic_symbols}, expected "
            f"{expected}"
        )
    for step in vasprun.ionic_steps:
        strain_A = np.abs(step["structure"].lattice.matrix - atoms.cell.array).max()
        if strain_A > SAME_CELL_A:
            raise LabelError(
                f"{vasprun.filename}: lattice vectors differ from those asked for by "
                f"{strain_A:.2e} Å, expected a fixed cell"
            )


def _frame(
    step: Mapping[str, Any],
    atoms: Atoms,
    order: NDArray[np.int64],
    nelm: int,
    corrections: str,
) -> Frame:
    cell = np.array(atoms.cell.array, dtype=np.float64)
    positions = np.empty((len(order), 3))
    # The cell of the input has more digits than the one printed.
    positions[order] = step["structure"].frac_coords @ cell
    forces = np.empty((len(order), 3))
    forces[order] = step["forces"]
    n_electronic = len(step["electronic_steps"])
    return Frame(
        numbers=np.asarray(atoms.numbers, dtype=np.int64),
        cell=cell,
        positions=positions,
        energy_eV=float(step["e_fr_energy"]),
        forces_eV_per_A=forces,
        temperature_K=temperature_K(step.get("kinetic", math.nan), len(order)),
        converged=0 < n_electronic < nelm,
        corrections=corrections,
    )


def temperature_K(kinetic_eV: float, n_atoms: int) -> float:
    """Return the temperature of a kinetic energy, the centre of mass at rest.

    Args:
        kinetic_eV: Kinetic energy of the ions [eV/cell]; nan where they do not move.
        n_atoms: Number of atoms.

    Returns:
        Temperature [K]; nan where there is none.
    """
    degrees = 3 * n_atoms - 3
    return 2 * kinetic_eV / (degrees * BOLTZMANN_EV_PER_K) if degrees else math.nan
