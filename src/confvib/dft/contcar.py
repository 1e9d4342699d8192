"""CONTCAR: the geometry, and in dynamics the velocities, from which VASP can go on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pymatgen.io.vasp.inputs import Poscar

from confvib.dft.inputs import VaspInputs
from confvib.dft.parse import SAME_CELL_A
from confvib.errors import LabelError


@dataclass(frozen=True)
class Geometry:
    """Hold a POSCAR and where its atoms are.

    Attributes:
        text: The file, as VASP wrote it.
        scaled: Fractional coordinates in the order of the file, shape ``(N, 3)``.
    """

    text: str
    scaled: NDArray[np.float64]


def read_contcar(path: Path, inputs: VaspInputs) -> Geometry:
    """Read a CONTCAR that a kill may have cut, and check that VASP can go on from it.

    Args:
        path: A CONTCAR.
        inputs: The calculation that wrote it.

    Returns:
        The file and its positions.

    Raises:
        LabelError: The file is absent, incomplete, of other atoms or another cell, holds
            a number that is not finite, or lacks the velocities of a dynamics run.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    # The last line of a file that was cut may still be numbers, with digits missing.
    if not text.endswith("\n"):
        raise LabelError(f"{path} is absent or ends in the middle of a line")
    try:
        poscar = Poscar.from_str(text)
        _check(poscar, inputs)
    except LabelError as error:
        raise LabelError(f"{path} {error}") from error
    except Exception as error:
        # pymatgen fails in as many ways as there are places where a file can be cut.
        raise LabelError(
            f"{path} is incomplete ({type(error).__name__}: {error})"
        ) from error
    return Geometry(text, np.asarray(poscar.structure.frac_coords, dtype=np.float64))


def _check(poscar: Poscar, inputs: VaspInputs) -> None:
    symbols = inputs.symbols()
    found = [str(site.specie) for site in poscar.structure]
    if found != symbols:
        raise LabelError(f"lists atoms {found}, expected {symbols}")
    cell = np.asarray(inputs.atoms.cell.array)
    strain_A = np.abs(poscar.structure.lattice.matrix - cell).max()
    if not strain_A <= SAME_CELL_A:
        raise LabelError(
            f"has lattice vectors that differ from those asked for by {strain_A:.2e} Å, "
            "expected a fixed cell"
        )
    rows = [poscar.structure.frac_coords]
    if inputs.is_dynamics:
        rows.append(_table(poscar.velocities, (len(symbols), 3), "velocities"))
        if poscar.predictor_corrector:
            wanted = (len(symbols), 3, 3)
            rows.append(_table(poscar.predictor_corrector, wanted, "predictor data"))
    if not all(np.isfinite(numbers).all() for numbers in rows):
        raise LabelError("holds numbers that are not finite")


def _table(rows: object, shape: tuple[int, ...], name: str) -> NDArray[np.float64]:
    try:
        table = np.array(rows or [], dtype=np.float64)
    except ValueError as error:
        raise LabelError(f"has {name} that are incomplete") from error
    if table.shape != shape:
        raise LabelError(f"has {name} of shape {table.shape}, expected {shape}")
    return table
