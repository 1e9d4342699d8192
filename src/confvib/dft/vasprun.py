"""vasprun.xml as a stream: what the run was told, then one ionic step after the other.

pymatgen's reader keeps every step of a run in memory, as objects; a molecular-dynamics
run of a large cell is gigabytes of them. Here a step is gone when the next one is read.
"""

import lzma
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import lxml.etree
import numpy as np
from numpy.typing import NDArray

from confvib.errors import LabelError

FloatArray = NDArray[np.float64]
Value = bool | int | float | str | list[float] | list[str]

_HEADER = ("generator", "incar", "kpoints", "parameters", "atominfo")
_BULKY = ("dos", "eigenvalues", "projected", "dielectricfunction")
_LOOSE = ("structure", "varray", "energy")
"""Outside a <calculation>: the steps that a machine-learned force field predicted."""

_UNREADABLE = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""What a damaged disk or a damaged compressed file raises."""

_MISSPELT = {"X": "Xe", "r": "Zr"}
"""VASP cuts or pads symbols of one and two letters in these two."""


@dataclass(frozen=True)
class KPoints:
    """Hold the k-points of a run.

    Attributes:
        style: "Gamma", "Monkhorst-Pack", "Auto" or how else they were made; '' for a
            list.
        divisions: Mesh along each reciprocal vector; () where there is none.
        shift: The user's shift of the mesh.
        points: Irreducible points in fractional coordinates, shape (K, 3).
        weights: Their weights, shape (K,).
    """

    style: str
    divisions: tuple[int, ...]
    shift: tuple[float, ...]
    points: FloatArray
    weights: FloatArray


@dataclass(frozen=True)
class Header:
    """Hold what vasprun.xml says before the first ionic step.

    Attributes:
        version: Version of VASP, for example "6.3.2".
        incar: Keys of INCAR that VASP read.
        parameters: All keys that VASP reports, those at their defaults included.
        symbols: Chemical symbol of each atom.
        kinds: Element and TITEL of each block of POTCAR; an element may have several.
        kpoints: The k-points.
    """

    version: str
    incar: dict[str, Value]
    parameters: dict[str, Value]
    symbols: tuple[str, ...]
    kinds: tuple[tuple[str, str], ...]
    kpoints: KPoints


@dataclass(frozen=True, eq=False)
class IonicStep:
    """Hold one ionic step as VASP wrote it; what it printed as stars is nan.

    Attributes:
        cell: Lattice vectors as rows [Å], shape (3, 3).
        fractional: Fractional positions, shape (N, 3).
        energy_eV: Free energy of the electrons, ``e_fr_energy`` [eV/cell].
        forces_eV_per_A: Forces [eV/Å], shape (N, 3); None where VASP computed none.
        kinetic_eV: Kinetic energy of the ions [eV/cell]; nan unless they move.
        n_electronic: Electronic iterations.
        correction_eV: What VASP added to the energy of the last one, such as the
            dispersion of Grimme [eV/cell]; nan if there was none.
    """

    cell: FloatArray
    fractional: FloatArray
    energy_eV: float
    forces_eV_per_A: FloatArray | None
    kinetic_eV: float
    n_electronic: int
    correction_eV: float


class VasprunStream:
    """Read a vasprun.xml once, from its head to where it ends or is cut.

    Attributes:
        header: What stands before the first ionic step.
        damage: Where the XML broke off, once iterated; '' for a complete file.
        n_predicted: Steps of a machine-learned force field passed over so far.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        """Read the head of the file.

        Args:
            stream: The uncompressed file.

        Raises:
            LabelError: The file is no vasprun.xml, or ends within its head.
        """
        self.damage = ""
        self.n_predicted = 0
        self._events = iter(
            lxml.etree.iterparse(
                stream,
                events=("start", "end"),
                tag=("calculation", *_HEADER, *_BULKY, *_LOOSE),
                huge_tree=True,
                resolve_entities=False,
            )
        )
        self.header = self._read_header()

    def __iter__(self) -> Iterator[IonicStep]:
        """Yield the complete ionic steps that hold a geometry and an energy."""
        # The first <calculation> began when the header ended.
        inside = True
        for event, element in self._safe_events():
            if element.tag == "calculation":
                inside = event == "start"
                if not inside:
                    step = _step(element, len(self.header.symbols))
                    _forget(element)
                    if step is not None:
                        yield step
            elif event == "end" and (element.tag in _BULKY or not inside):
                self.n_predicted += element.tag == "structure" and not element.attrib
                element.clear()

    def _safe_events(self) -> Iterator[tuple[str, Any]]:
        try:
            yield from self._events
        except (lxml.etree.XMLSyntaxError, *_UNREADABLE) as error:
            self.damage = " ".join(str(error).split()) or type(error).__name__

    def _read_header(self) -> Header:
        found: dict[str, Any] = {}
        try:
            for event, element in self._safe_events():
                if event == "start" and element.tag == "calculation":
                    break
                if event == "end" and element.tag in _HEADER:
                    found.setdefault(element.tag, _HEADER_PARTS[element.tag](element))
        except (AttributeError, IndexError, ValueError, KeyError) as error:
            raise LabelError(f"no head of a vasprun.xml ({error})") from error
        missing = [tag for tag in _HEADER if tag not in found]
        if missing or self.damage:
            raise LabelError(
                f"the file ends before its first ionic step ({self.damage or 'no error'})"
                + (f"; it lacks {', '.join(missing)}" if missing else "")
            )
        symbols, kinds = found["atominfo"]
        return Header(
            version=str(found["generator"].get("version", "")).strip(),
            incar=found["incar"],
            parameters=found["parameters"],
            symbols=symbols,
            kinds=kinds,
            kpoints=found["kpoints"],
        )


def _forget(element: Any) -> None:
    """Free an element and what lies before it in its parent."""
    element.clear()
    parent = element.getparent()
    while element.getprevious() is not None:
        del parent[0]


def _step(element: Any, n_atoms: int) -> IonicStep | None:
    structure, energy = element.find("structure"), element.find("energy")
    if structure is None or energy is None:
        return None
    energies = {item.get("name"): item.text for item in energy.iterfind("i")}
    if "e_fr_energy" not in energies:
        return None
    forces = element.find("varray[@name='forces']")
    total_eV = _number(energies["e_fr_energy"])
    electronic_eV = [
        _number(step.findtext("energy/i[@name='e_fr_energy']"))
        for step in element.iterfind("scstep")
        if step.find("energy") is not None
    ]
    return IonicStep(
        cell=_vectors(structure.find("crystal/varray[@name='basis']"), 3),
        fractional=_vectors(structure.find("varray[@name='positions']"), n_atoms),
        energy_eV=total_eV,
        forces_eV_per_A=None if forces is None else _vectors(forces, n_atoms),
        kinetic_eV=_number(energies.get("kinetic")),
        n_electronic=len(electronic_eV),
        correction_eV=total_eV - electronic_eV[-1] if electronic_eV else math.nan,
    )


def _vectors(element: Any, n_rows: int) -> FloatArray:
    """Return a block of vectors; nan where it is not made of three numbers per row."""
    rows = [] if element is None else [row.text or "" for row in element.iterfind("v")]
    words = " ".join(rows).split()
    if len(words) != 3 * n_rows:
        return np.full((n_rows, 3), np.nan)
    try:
        return np.array(words, dtype=np.float64).reshape(n_rows, 3)
    except ValueError:
        return np.array([_number(word) for word in words]).reshape(n_rows, 3)


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _values(element: Any) -> dict[str, Value]:
    """Return the keys of a block and of the blocks within it; the last one wins."""
    found: dict[str, Value] = {}
    for item in element.iter("i", "v"):
        # VASP 6.4.3 pads some names with blanks.
        name = item.get("name", "").strip()
        if name in found and item.getparent().get("name") == "response functions":
            continue  # another NELM, of another loop
        text = (item.text or "").strip()
        found[name] = _value(item.get("type", "float"), text, several=item.tag == "v")
    return found


def _value(kind: str, text: str, *, several: bool) -> Value:
    try:
        if kind == "string":
            return text
        if kind == "logical":
            return text == "T" if not several else text.split()
        if several:
            return [float(word) for word in text.split()]
        return int(text) if kind == "int" else float(text)
    except ValueError:
        return text  # stars, where a number was too long for its field


def _atoms(element: Any) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    atoms = element.find("array[@name='atoms']/set")
    symbols = tuple(_symbol(row.find("c").text) for row in atoms.iterfind("rc"))
    kinds = []
    for row in element.iterfind("array[@name='atomtypes']/set/rc"):
        cells = [cell.text or "" for cell in row.iterfind("c")]
        kinds.append((_symbol(cells[1]), " ".join(cells[4].split())))
    return symbols, tuple(kinds)


def _symbol(text: str) -> str:
    return _MISSPELT.get(text.strip(), text.strip())


def _kpoints(element: Any) -> KPoints:
    made = element.find("generation")
    named = {} if made is None else {v.get("name"): v.text for v in made.iterfind("v")}
    points = element.find("varray[@name='kpointlist']")
    weights = element.find("varray[@name='weights']")
    n_points = len(points.findall("v"))
    return KPoints(
        style="" if made is None else made.get("param", ""),
        divisions=tuple(int(word) for word in named.get("divisions", "").split()),
        shift=tuple(float(word) for word in named.get("usershift", "").split()),
        points=_vectors(points, n_points),
        weights=np.array([_number(row.text) for row in weights.iterfind("v")]),
    )


_HEADER_PARTS = {
    "generator": _values,
    "incar": _values,
    "parameters": _values,
    "atominfo": _atoms,
    "kpoints": _kpoints,
}
