"""From a CIF to all sites of its cell, each with label, species and occupancy."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

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
_ROUNDED_A = 0.1
"""Two images of one site this close are one point written with too few digits."""

_OCCUPANCY_ROUNDING = 2e-3
"""Thirds written with three digits may add up to a little more than one."""

_POSITION_TAGS = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")


Contents: TypeAlias = tuple[tuple[str, float], ...]
"""Chemical symbols on one site with their occupancies, sorted by symbol."""


@dataclass(frozen=True)
class CifSites:
    """All sites of one cell, as the CIF and its symmetry operations give them.

    Attributes:
        cell: cell vectors as rows [Å], (3, 3).
        labels: atom-site label of each site, those of a shared site joined by "/", (n,).
        contents: species and occupancies of each site, (n,).
        fractional: wrapped coordinates, (n, 3).
        wyckoff: Wyckoff letter that the CIF gives each site, (n,), or nothing.
    """

    cell: NDArray[np.float64]
    labels: tuple[str, ...]
    contents: tuple[Contents, ...]
    fractional: NDArray[np.float64]
    wyckoff: tuple[str, ...] = ()

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Atomic number of the first species on each site, (n,)."""
        from ase.data import atomic_numbers

        return np.array([atomic_numbers[c[0][0]] for c in self.contents], dtype=np.int64)

    @property
    def occupancy(self) -> NDArray[np.float64]:
        """Occupancy of each site by all its species together, (n,)."""
        return np.array([sum(value for _, value in c) for c in self.contents])


@dataclass(frozen=True)
class _Row:
    """One atom-site row of the CIF."""

    label: str
    species: str
    occupancy: float
    fractional: NDArray[np.float64]
    wyckoff: str


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
    from ase.geometry import cellpar_to_cell

    try:
        cell = np.asarray(cellpar_to_cell(_floats(block, _CELL_TAGS, path)))
        labels = [str(label) for label in _column(block, "_atom_site_label", path)]
        columns = [_column(block, tag, path) for tag in _POSITION_TAGS]
        points = np.array(columns, dtype=np.float64).T
        occupancies = block.get("_atom_site_occupancy", [1.0] * len(labels))
        species = [_element(text) for text in _types(block, labels)]
        letters = block.get("_atom_site_wyckoff_symbol", [""] * len(labels))
        rows = [
            _Row(label, symbol, float(occupancy), point, _letter(letter))
            for label, symbol, occupancy, point, letter in zip(
                labels, species, occupancies, points, letters, strict=True
            )
        ]
        operations = _operations(block, path)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise CrystalError(f"{path}: CIF cannot be interpreted: {error!r}") from error
    _check_occupancy(path, rows)
    return _expand(path, cell, rows, operations, symprec_A)


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


def _letter(symbol: Any) -> str:
    # Some programs write the multiplicity too; "?" and "." say that nothing is known.
    found = re.fullmatch(r"\d*([a-zA-Z])", str(symbol))
    return found.group(1) if found else ""


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


def _check_occupancy(path: Path, rows: Sequence[_Row]) -> None:
    for row in rows:
        if not 0.0 < row.occupancy <= 1.0:
            raise CrystalError(
                f"{path}: site {row.label} has occupancy {row.occupancy}, expected "
                "0 < value <= 1"
            )


def _expand(
    path: Path,
    cell: NDArray[np.float64],
    rows: Sequence[_Row],
    operations: tuple[NDArray[np.int64], NDArray[np.float64]],
    symprec_A: float,
) -> CifSites:
    labels: list[str] = []
    letters: list[str] = []
    contents: list[dict[str, float]] = []
    fractional = np.empty((0, 3))
    for row in rows:
        points = _images(path, cell, row, operations, symprec_A)
        distances = minimum_image_distances(cell, points[:, None] - fractional[None])
        for point, distance in zip(points, distances, strict=True):
            if distance.size and distance.min() < symprec_A:
                _share(path, row, int(np.argmin(distance)), labels, contents)
            else:
                labels.append(row.label)
                letters.append(row.wyckoff)
                contents.append({row.species: row.occupancy})
                fractional = np.concatenate([fractional, point[None]])
    _check_sums(path, labels, contents)
    return CifSites(
        cell=cell,
        labels=tuple(labels),
        contents=tuple(tuple(sorted(content.items())) for content in contents),
        fractional=fractional,
        wyckoff=tuple(letters) if all(letters) else (),
    )


def _images(
    path: Path,
    cell: NDArray[np.float64],
    row: _Row,
    operations: tuple[NDArray[np.int64], NDArray[np.float64]],
    symprec_A: float,
) -> NDArray[np.float64]:
    """Apply the operations to one row and merge the images that are one point."""
    rotations, translations = operations
    images = wrap(rotations @ row.fractional + translations)
    separation = minimum_image_distances(cell, images[:, None] - images[None])
    rounded = (separation >= symprec_A) & (separation < _ROUNDED_A)
    if rounded.any():
        raise CrystalError(
            f"{path}: site {row.label} and its image by symmetry are "
            f"{separation[rounded].max():.4f} Å apart, expected one point within "
            f"{symprec_A} Å or two at least {_ROUNDED_A} Å apart: its coordinates "
            f"{row.fractional.tolist()} look rounded; write more digits (1/3 as "
            "0.333333) or raise the symmetry tolerance"
        )
    same = separation < symprec_A
    # An image is new when no earlier image is the same point.
    repeated = np.any(np.tril(same, -1), axis=1)
    offsets = images[None] - images[:, None]
    offsets -= np.round(offsets)
    # The mean of coinciding images lies exactly on the special position.
    mean = np.sum(offsets * same[..., None], axis=1) / same.sum(axis=1)[:, None]
    return wrap((images + mean)[~repeated])


def _share(
    path: Path, row: _Row, site: int, labels: list[str], contents: list[dict[str, float]]
) -> None:
    """Add a row to a site that another row has already put there."""
    if row.species in contents[site]:
        raise CrystalError(
            f"{path}: {labels[site]} and {row.label} put {row.species} on the same site; "
            "expected each site once"
        )
    labels[site] = f"{labels[site]}/{row.label}"
    contents[site][row.species] = row.occupancy


def _check_sums(
    path: Path, labels: Sequence[str], contents: Sequence[Mapping[str, float]]
) -> None:
    for label, content in zip(labels, contents, strict=True):
        total = sum(content.values())
        if total > 1.0 + _OCCUPANCY_ROUNDING:
            shares = " + ".join(f"{symbol} {value}" for symbol, value in content.items())
            raise CrystalError(
                f"{path}: occupancies of site {label} add up to {total:.4g} ({shares}), "
                "expected at most 1"
            )
