"""From a CIF to all sites of its cell, each with label, species and occupancy."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.lattice import minimum_image_distances, wrap
from confvib.errors import CrystalError

_CELL_TAGS = (
    "_cell_length_a",
    "_cell_length_b",
    "_cell_length_c",
    "_cell_angle_alpha",
    "_cell_angle_beta",
    "_cell_angle_gamma",
)
_OPERATION_TAGS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_POSITION_TAGS = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")


@dataclass(frozen=True)
class CifSites:
    """All sites of one cell, as the CIF and its symmetry operations give them.

    Attributes:
        cell: cell vectors as rows [Å], (3, 3).
        labels: atom-site label of each site, (n,).
        numbers: atomic number of each site, (n,).
        occupancy: occupancy of each site, 0 to 1, (n,).
        fractional: wrapped coordinates, (n, 3).
    """

    cell: NDArray[np.float64]
    labels: tuple[str, ...]
    numbers: NDArray[np.int64]
    occupancy: NDArray[np.float64]
    fractional: NDArray[np.float64]


def read_cif_sites(cif_path: str | Path, *, symprec_A: float = 0.01) -> CifSites:
    """Read a CIF and expand its asymmetric unit with its own operations.

    The listed operations are used, never the space-group symbol: a symbol does not
    fix the origin (I4_1/acd has two), and guessing it gives another crystal.

    Args:
        cif_path: CIF with one structure.
        symprec_A: images of one site closer than this are the same site [Å].

    Returns:
        The sites of the cell, asymmetric unit by asymmetric unit.

    Raises:
        CrystalError: the file is missing, unreadable, or lacks cell, operations,
            coordinates, labels or valid occupancies.
    """
    path = Path(cif_path)
    block = _read_block(path)
    from ase.data import atomic_numbers
    from ase.geometry import cellpar_to_cell

    try:
        cell = np.asarray(cellpar_to_cell(_floats(block, _CELL_TAGS, path)))
        labels = [str(label) for label in _column(block, "_atom_site_label", path)]
        columns = [_column(block, tag, path) for tag in _POSITION_TAGS]
        unit = np.array(columns, dtype=np.float64).T
        occupancies = block.get("_atom_site_occupancy", [1.0] * len(labels))
        occupancy = np.array(occupancies, dtype=np.float64)
        species = [_element(text) for text in _types(block, labels)]
        numbers = [atomic_numbers[symbol] for symbol in species]
        rotations, translations = _operations(block, path)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise CrystalError(f"{path}: CIF cannot be interpreted: {error!r}") from error
    _check_occupancy(path, labels, occupancy)
    return _expand(
        cell, labels, numbers, occupancy, unit, (rotations, translations), symprec_A
    )


def _read_block(path: Path) -> Any:
    if not path.is_file():
        raise CrystalError(f"{path}: no such CIF file")
    from ase.io.cif import parse_cif

    with warnings.catch_warnings():
        # A malformed row is a warning in the parser; here it is an unreadable file.
        warnings.simplefilter("error")
        try:
            blocks = [block for block in parse_cif(str(path)) if block.has_structure()]
        except Exception as error:  # the parser raises whatever it trips over
            raise CrystalError(f"{path}: not a readable CIF: {error!r}") from error
    if len(blocks) != 1:
        found = f"{len(blocks)} data blocks with a structure"
        raise CrystalError(f"{path}: {found} found, expected exactly one")
    return blocks[0]


def _floats(block: Any, tags: Sequence[str], path: Path) -> list[float]:
    for tag in tags:
        if tag not in block:
            raise CrystalError(f"{path}: CIF has no {tag}")
    return [float(block[tag]) for tag in tags]


def _column(block: Any, tag: str, path: Path) -> list[Any]:
    if tag not in block:
        raise CrystalError(f"{path}: CIF has no {tag}")
    return list(block[tag])


def _types(block: Any, labels: list[str]) -> list[str]:
    return [str(text) for text in block.get("_atom_site_type_symbol", labels)]


def _element(text: str) -> str:
    from ase.data import atomic_numbers

    # "Li1+", "O2-" and labels such as "La2" or "LiT" all start with the element.
    found = re.match(r"[A-Z][a-z]?", text)
    if found and found.group() in atomic_numbers:
        return found.group()
    if found and found.group()[0] in atomic_numbers:
        return found.group()[0]
    raise ValueError(f"no element in atom type {text!r}")


def _operations(block: Any, path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    from ase.spacegroup.spacegroup import parse_sitesym

    for tag in _OPERATION_TAGS:
        if tag in block:
            found = block[tag]
            lines = [found] if isinstance(found, str) else list(found)
            rotations, translations = parse_sitesym(lines)
            if np.any(np.abs(np.linalg.det(rotations)).round(6) != 1):
                raise ValueError(f"{tag} holds something that is no operation")
            return rotations, translations
    raise CrystalError(
        f"{path}: CIF has no {_OPERATION_TAGS[0]} loop; write the operations out "
        "(x,y,z alone if every atom is listed), a space-group symbol does not fix "
        "the origin"
    )


def _check_occupancy(
    path: Path, labels: list[str], occupancy: NDArray[np.float64]
) -> None:
    for label, value in zip(labels, occupancy, strict=True):
        if not 0.0 < value <= 1.0:
            raise CrystalError(
                f"{path}: site {label} has occupancy {value}, expected 0 < value <= 1"
            )


def _expand(
    cell: NDArray[np.float64],
    labels: list[str],
    numbers: list[int],
    occupancy: NDArray[np.float64],
    unit: NDArray[np.float64],
    operations: tuple[NDArray[np.int64], NDArray[np.float64]],
    symprec_A: float,
) -> CifSites:
    rotations, translations = operations
    fractional, source = [], []
    for index, position in enumerate(unit):
        images = wrap(rotations @ position + translations)
        separation = minimum_image_distances(cell, images[:, None] - images[None])
        # An image is new when no earlier image is the same point.
        repeated = np.any(np.tril(separation < symprec_A, -1), axis=1)
        fractional.append(images[~repeated])
        source.extend([index] * int(np.sum(~repeated)))
    return CifSites(
        cell=cell,
        labels=tuple(labels[index] for index in source),
        numbers=np.array(numbers, dtype=np.int64)[source],
        occupancy=occupancy[source],
        fractional=np.concatenate(fractional),
    )
