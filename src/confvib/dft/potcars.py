"""The user's POTCAR library: where a file lies, what it is, how it is told apart."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from monty.io import zopen
from monty.os.path import zpath
from pymatgen.core import SETTINGS
from pymatgen.io.vasp.inputs import POTCAR_FUNCTIONAL_MAP

from confvib.dft.settings import VaspSettings
from confvib.errors import LabelError


@dataclass(frozen=True)
class PotcarFile:
    """Hold one pseudopotential of the user's library.

    Attributes:
        title: Its TITEL line, for example "PAW_PBE Zr_sv_GW 05Dec2013".
        sha256: Hash of the text, which tells releases of one title apart.
        lexch: Functional it was made with (LEXCH): "PE", "CA" or "91".
        enmax_eV: Cutoff it was made for (ENMAX) [eV].
        text: The whole file, ending in a newline.
    """

    title: str
    sha256: str
    lexch: str
    enmax_eV: float
    text: str


def library_root() -> Path:
    """Return the directory of POTCAR sets that PMG_VASP_PSP_DIR names.

    Returns:
        The directory; the environment comes before pymatgen's .pmgrc.yaml.

    Raises:
        LabelError: The variable is unset or names no directory.
    """
    named = os.environ.get("PMG_VASP_PSP_DIR") or SETTINGS.get("PMG_VASP_PSP_DIR")
    if not named:
        raise LabelError(
            "PMG_VASP_PSP_DIR is not set; expected the directory that holds the POTCAR "
            "sets of your VASP licence (in the environment or in ~/.config/.pmgrc.yaml)"
        )
    root = Path(named).expanduser()
    if not root.is_dir():
        raise LabelError(
            f"PMG_VASP_PSP_DIR is {named!r}, which is not a directory; expected the "
            "directory that holds the POTCAR sets"
        )
    return root


def find_potcar(root: Path, functional: str, symbol: str) -> Path:
    """Return the POTCAR of ``symbol``, in either layout that pymatgen knows.

    Args:
        root: Directory of POTCAR sets.
        functional: POTCAR set, as pymatgen names it.
        symbol: POTCAR symbol, for example "Zr_sv_GW".

    Returns:
        An existing file, possibly compressed.

    Raises:
        LabelError: There is no such file.
    """
    renamed = SETTINGS.get("PMG_VASP_PSP_SUB_DIRS", {})
    folder = root / renamed.get(functional, POTCAR_FUNCTIONAL_MAP[functional])
    tried = (folder / f"POTCAR.{symbol}", folder / symbol / "POTCAR")
    for candidate in tried:
        found = Path(zpath(candidate))
        if found.is_file():
            return found
    raise LabelError(
        f"no POTCAR {symbol!r} of the set {functional!r}; expected {tried[0]} or "
        f"{tried[1]} (plain or compressed)"
    )


def read_potcar(root: Path, functional: str, element: str, symbol: str) -> PotcarFile:
    """Read the POTCAR of ``symbol`` and check that it describes ``element``.

    Args:
        root: Directory of POTCAR sets.
        functional: POTCAR set, as pymatgen names it.
        element: Chemical symbol the POTCAR stands for.
        symbol: POTCAR symbol.

    Returns:
        The pseudopotential.

    Raises:
        LabelError: The file is missing, lacks TITEL, LEXCH or ENMAX, or is of another
            element.
    """
    path = find_potcar(root, functional, symbol)
    with zopen(path, mode="rb") as file:
        # Author names in old files are not UTF-8; the numbers always are.
        text = bytes(file.read()).decode("utf-8", errors="ignore").rstrip() + "\n"
    title = _entry(path, text, "TITEL", r"\S+\s+[A-Z].*")
    if (found := re.match(r"\S+\s+([A-Z][a-z]?)", title)) and found[1] != element:
        raise LabelError(f"{path} is titled {title!r}; expected a POTCAR of {element}")
    return PotcarFile(
        title=title,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        lexch=_entry(path, text, "LEXCH", r"\w+"),
        enmax_eV=float(_entry(path, text, "ENMAX", r"[\d.]+")),
        text=text,
    )


def read_potcars(settings: VaspSettings) -> dict[str, PotcarFile]:
    """Read the POTCAR of every element of the settings.

    Args:
        settings: VASP settings.

    Returns:
        Pseudopotential of each element.

    Raises:
        LabelError: As `library_root` and `read_potcar`.
    """
    root = library_root()
    return {
        element: read_potcar(root, settings.potcar_functional, element, symbol)
        for element, symbol in settings.potcar_symbols.items()
    }


def _entry(path: Path, text: str, name: str, pattern: str) -> str:
    match = re.search(rf"\b{name}\s*=\s*({pattern})", text)
    if match is None:
        raise LabelError(f"{path} has no {name} line; expected a POTCAR")
    return match[1].strip()
