"""Structures of other programs: CIF, POSCAR and extxyz, one or several per file.

A set of configurations is thousands of files, so the plain CIFs that programs write
(every atom listed, no symmetry) are read here directly; whatever is not that plain goes
to ASE.
"""

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.plain_cif import read_plain_cif
from confvib.errors import CrystalError

Format = Literal["cif", "poscar", "extxyz"]

_SUFFIXES: dict[str, Format] = {
    ".cif": "cif",
    ".vasp": "poscar",
    ".poscar": "poscar",
    ".extxyz": "extxyz",
    ".xyz": "extxyz",
}
_DATA_BLOCK = re.compile(r"^data_", re.MULTILINE | re.IGNORECASE)
_LATTICE = re.compile(r"\blattice\s*=", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class ExternalStructure:
    """A periodic structure as a file gives it.

    Attributes:
        cell: cell vectors as rows [Å], (3, 3).
        numbers: atomic numbers in the order of the file, (n,).
        fractional: coordinates, not wrapped, (n, 3).
    """

    cell: NDArray[np.float64]
    numbers: NDArray[np.int64]
    fractional: NDArray[np.float64]


@dataclass(frozen=True)
class StructureText:
    """The part of a file that holds one structure.

    Attributes:
        name: name of the file; with "#" and a number from 0 where it holds several.
        text: that part.
        format: how to read it.
    """

    name: str
    text: str
    format: Format


def split_structures(name: str, content: bytes) -> list[StructureText]:
    """Find the structures of a file: frames of an extxyz, data blocks of a CIF.

    Args:
        name: name of the file; its ending says the format, else its content does.
        content: the file.

    Returns:
        The structures in the order of the file, at least one.

    Raises:
        CrystalError: the file is empty or in none of the formats.
    """
    if not content.strip():
        raise CrystalError("the file is empty")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    kind = _format(name, text)
    if kind == "cif":
        parts = _data_blocks(text)
    elif kind == "extxyz":
        parts = _frames(text)
    else:
        parts = [text]
    if len(parts) == 1:
        return [StructureText(name, parts[0], kind)]
    return [
        StructureText(f"{name}#{number}", part, kind) for number, part in enumerate(parts)
    ]


def parse_structure(source: StructureText) -> ExternalStructure:
    """Read one structure.

    Args:
        source: as made by split_structures.

    Returns:
        The structure.

    Raises:
        CrystalError: the text cannot be read, or it is no fully occupied periodic
            structure; the message does not repeat the name of the file.
    """
    if source.format == "cif":
        plain = read_plain_cif(source.text)
        found = _cif_by_ase(source.text) if plain is None else ExternalStructure(*plain)
    else:
        found = _by_ase(source)
    return _checked(found)


def _format(name: str, text: str) -> Format:
    path = PurePosixPath(name)
    known = _SUFFIXES.get(path.suffix.lower())
    if known is not None:
        return known
    if path.name.upper().startswith(("POSCAR", "CONTCAR")):
        return "poscar"
    lines = text.split("\n", 6)
    if _DATA_BLOCK.search(text) and "_atom_site_" in text:
        return "cif"
    if lines[0].strip().isdigit() and len(lines) > 1 and _LATTICE.search(lines[1]):
        return "extxyz"
    if len(lines) > 5 and all(_three_numbers(line) for line in lines[2:5]):
        return "poscar"
    raise CrystalError("neither name nor content is that of a CIF, POSCAR or extxyz file")


def _three_numbers(line: str) -> bool:
    words = line.split()
    try:
        return len([float(word) for word in words[:3]]) == 3
    except ValueError:
        return False


def _data_blocks(text: str) -> list[str]:
    starts = [found.start() for found in _DATA_BLOCK.finditer(text)]
    ends = [*starts[1:], len(text)]
    blocks = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    # A publication's CIF opens with blocks that hold no atoms.
    structures = [block for block in blocks if "_atom_site_fract_x" in block]
    return structures if len(structures) > 1 else [text]


def _frames(text: str) -> list[str]:
    lines = text.rstrip().split("\n")
    frames, start = [], 0
    while start < len(lines):
        count = lines[start].strip()
        stop = start + int(count) + 2 if count.isdigit() else len(lines)
        frames.append("\n".join(lines[start:stop]) + "\n")
        start = stop
    return frames


def _by_ase(source: StructureText) -> ExternalStructure:
    from ase.io import read

    what = "POSCAR" if source.format == "poscar" else "extxyz"
    if source.format == "extxyz":
        _check_complete(source.text)
    try:
        atoms = read(
            io.StringIO(source.text),
            index=0,
            format="vasp" if source.format == "poscar" else "extxyz",
        )
    except Exception as error:  # the readers raise whatever they trip over
        raise CrystalError(f"not a readable {what}: {error!r}") from error
    return _from_atoms(atoms)


def _check_complete(text: str) -> None:
    lines = text.rstrip().split("\n")
    if lines[0].strip().isdigit() and len(lines) != int(lines[0]) + 2:
        raise CrystalError(
            f"the frame ends after {len(lines) - 2} atoms, expected {lines[0].strip()}"
        )


def _cif_by_ase(text: str) -> ExternalStructure:
    from ase.io.cif import parse_cif

    with warnings.catch_warnings():
        # ASE warns of what it guesses; a wrong guess does not fit the framework.
        warnings.simplefilter("ignore")
        try:
            blocks = parse_cif(io.StringIO(text))
            block = next(block for block in blocks if block.has_structure())
            occupancies = np.array(block.get("_atom_site_occupancy", 1.0), dtype=float)
            atoms = block.get_atoms()
        except StopIteration:
            raise CrystalError("the CIF holds no structure") from None
        except Exception as error:  # the parser raises whatever it trips over
            raise CrystalError(f"not a readable CIF: {error!r}") from error
    partial = np.flatnonzero(np.atleast_1d(occupancies) != 1.0)
    if partial.size:
        raise CrystalError(
            f"atom site {partial[0] + 1} has occupancy "
            f"{np.atleast_1d(occupancies)[partial[0]]:g}, expected 1: a disordered "
            "structure is no configuration"
        )
    return _from_atoms(atoms)


def _from_atoms(atoms: Any) -> ExternalStructure:
    cell = np.asarray(atoms.cell[:], dtype=np.float64)
    _check_cell(cell)
    return ExternalStructure(
        cell,
        np.asarray(atoms.numbers, dtype=np.int64),
        atoms.get_positions() @ np.linalg.inv(cell),
    )


def _checked(structure: ExternalStructure) -> ExternalStructure:
    _check_cell(structure.cell)
    if len(structure.numbers) == 0:
        raise CrystalError("the structure has no atoms")
    if not np.isfinite(structure.fractional).all():
        raise CrystalError("the structure has coordinates that are not finite")
    return structure


def _check_cell(cell: NDArray[np.float64]) -> None:
    # A comparison with nan is false.
    if not abs(np.linalg.det(cell)) > 1e-3:
        raise CrystalError("the structure has no three-dimensional cell")
