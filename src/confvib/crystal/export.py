"""Configurations as files for other programs: CIF, POSCAR, extxyz."""

import io
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from confvib.crystal.structure_files import Format

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

SUFFIXES: dict[Format, str] = {"cif": ".cif", "poscar": ".vasp", "extxyz": ".extxyz"}
"""File name endings by which other programs know the formats."""

_CIF_DIGITS = 12
"""Decimals of fractional coordinates: a place is found again exactly."""

_POSCAR_DIGITS = 14

_BLOCK_NAME = re.compile(r"^data_.*\n", re.MULTILINE)

About = Mapping[str, str | int | float]
"""What a file says of itself; ``config_id`` comes first."""


def structure_text(atoms: "Atoms", kind: Format, about: About) -> str:
    """Write one structure.

    Args:
        atoms: periodic cell.
        kind: format of the file.
        about: where the structure comes from: comments and the block name in a CIF, the
            first line of a POSCAR, the info keys of an extxyz frame.

    Returns:
        The content of the file.
    """
    if kind == "extxyz":
        return _extxyz(atoms, about)
    return _poscar(atoms, about) if kind == "poscar" else _cif(atoms, about)


def _cif(atoms: "Atoms", about: About) -> str:
    from pymatgen.io.cif import CifWriter

    text = str(CifWriter(_structure(atoms), significant_figures=_CIF_DIGITS))
    comments = "".join(f"# {key} {value}\n" for key, value in about.items())
    block = f"data_{about['config_id']}\n"
    return comments + _BLOCK_NAME.sub(lambda _: block, text, count=1)


def _poscar(atoms: "Atoms", about: About) -> str:
    from pymatgen.io.vasp import Poscar

    comment = " ".join(f"{key}={value}" for key, value in about.items())
    poscar = Poscar(_structure(atoms), comment=comment, sort_structure=True)
    return poscar.get_str(significant_figures=_POSCAR_DIGITS)


def _extxyz(atoms: "Atoms", about: About) -> str:
    from ase.io import write

    frame = atoms.copy()
    frame.info = {key: _info(value) for key, value in about.items()}
    stream = io.StringIO()
    write(stream, frame, format="extxyz")
    return stream.getvalue()


def _info(value: str | float) -> str | float:
    """Mark text that readers would take for a number: 12_44 becomes 1244."""
    try:
        float(value)
    except ValueError:
        return value
    return f"_JSON {json.dumps(value)}" if isinstance(value, str) else value


def _structure(atoms: "Atoms") -> "Structure":
    from pymatgen.core import Structure

    return Structure(
        atoms.cell.array,
        atoms.get_chemical_symbols(),
        atoms.get_scaled_positions(wrap=False),
    )
