"""The plain CIF that programs write: one block, every atom listed, no symmetry.

ASE's parser knows all of the format and takes 0.1 s for 192 atoms; this one knows the
plain case, takes a hundredth of that, and says so when a file is not plain.
"""

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from confvib.errors import CrystalError

_CELL_TAGS = tuple(
    f"_cell_{name}"
    for name in (
        "length_a",
        "length_b",
        "length_c",
        "angle_alpha",
        "angle_beta",
        "angle_gamma",
    )
)
_OPERATION_TAGS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_GROUP_TAGS = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_it_number",
    "_symmetry_int_tables_number",
)
_POSITION_TAGS = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")

PlainCif = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]
"""Cell [Å] (3, 3), atomic numbers (n,), fractional coordinates (n, 3)."""


class _NotPlainError(Exception):
    """The file needs a complete parser."""


def read_plain_cif(text: str) -> PlainCif | None:
    """Read a CIF whose atoms are all listed.

    Args:
        text: the CIF.

    Returns:
        Cell, numbers and coordinates; None if the file is not plain: symmetry other
        than the identity, quoted or multi-line values among the atoms, several blocks.

    Raises:
        CrystalError: a site is partially occupied.
    """
    try:
        items, loops = _items_and_loops(text)
        _check_no_symmetry(items, loops)
        atoms = [loop for loop in loops if _POSITION_TAGS[0] in loop[0]]
        if len(atoms) != 1:
            return None
        return (_cell(items), *_atoms(*atoms[0]))
    except (_NotPlainError, KeyError, ValueError, AssertionError):
        return None


@cache
def element_of(text: str) -> int:
    """Return the atomic number of "Li", "Li1+", "Li12" or "LiT".

    Args:
        text: atom type or label.

    Returns:
        The atomic number.

    Raises:
        ValueError: the text does not start with an element.
    """
    from ase.data import atomic_numbers

    found = re.match(r"[A-Z][a-z]?", text)
    for symbol in (found.group(), found.group()[0]) if found else ():
        if atomic_numbers.get(symbol, 0):
            return atomic_numbers[symbol]
    raise ValueError(f"no element in atom type {text!r}")


def _items_and_loops(
    text: str,
) -> tuple[dict[str, str], list[tuple[list[str], list[str]]]]:
    stripped = (line.strip() for line in text.splitlines())
    lines = [line for line in stripped if line and line[0] != "#"]
    items: dict[str, str] = {}
    loops: list[tuple[list[str], list[str]]] = []
    blocks, position = 0, 0
    while position < len(lines):
        line = lines[position]
        word = line.split(None, 1)
        position += 1
        if word[0].lower() == "loop_" and len(word) == 1:
            tags, rows, position = _loop(lines, position)
            loops.append((tags, rows))
        elif word[0].lower().startswith("data_") and len(word) == 1:
            blocks += 1
        elif line[0] == "_" and len(word) == 2:
            items[word[0].lower()] = word[1]
        else:
            raise _NotPlainError
    if blocks != 1:
        raise _NotPlainError
    return items, loops


def _loop(lines: list[str], position: int) -> tuple[list[str], list[str], int]:
    start = position
    while position < len(lines) and lines[position][0] == "_":
        position += 1
    tags = [line.lower() for line in lines[start:position]]
    start = position
    while position < len(lines) and not _ends_loop(lines[position]):
        position += 1
    return tags, lines[start:position], position


def _ends_loop(line: str) -> bool:
    if line[0] == ";":
        raise _NotPlainError
    return line[0] == "_" or line[:5].lower() in ("loop_", "data_")


def _check_no_symmetry(
    items: dict[str, str], loops: list[tuple[list[str], list[str]]]
) -> None:
    for tags, rows in loops:
        if any(tag in tags for tag in _OPERATION_TAGS):
            operations = [re.sub(r"^\d+\s+|[\s'\"]", "", row) for row in rows]
            if operations != ["x,y,z"]:
                raise _NotPlainError
            return
    # No operations: only the group can say that there are none.
    for tag in _GROUP_TAGS:
        name = re.sub(r"[\s'\"]", "", items.get(tag, "P1")).upper()
        if tag in items and name not in ("P1", "1"):
            raise _NotPlainError


def _cell(items: dict[str, str]) -> NDArray[np.float64]:
    from ase.geometry import cellpar_to_cell

    # "12.98(2)" states an uncertainty.
    values = [float(items[tag].split("(")[0]) for tag in _CELL_TAGS]
    return np.asarray(cellpar_to_cell(values), dtype=np.float64)


def _atoms(
    tags: list[str], lines: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rows = [line.split() for line in lines]
    if any(len(row) != len(tags) for row in rows):
        raise _NotPlainError
    column = {tag: number for number, tag in enumerate(tags)}
    name = column.get("_atom_site_type_symbol", column.get("_atom_site_label"))
    if name is None:
        raise _NotPlainError
    places = [column[tag] for tag in _POSITION_TAGS]
    fractional = np.array([[float(row[n]) for n in places] for row in rows])
    if "_atom_site_occupancy" in column:
        _check_full([row[column["_atom_site_occupancy"]] for row in rows])
    numbers = np.array([element_of(row[name]) for row in rows], dtype=np.int64)
    return numbers, fractional


def _check_full(occupancies: list[str]) -> None:
    for site, text in enumerate(occupancies, 1):
        if float(text) != 1.0:
            raise CrystalError(
                f"atom site {site} has occupancy {float(text):g}, expected 1: a "
                "disordered structure is no configuration"
            )
