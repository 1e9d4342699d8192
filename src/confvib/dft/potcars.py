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
        text: The whole file, ending in a newline.
    """

    title: str
    sha256: str
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
        LabelError: The file is missing, has no TITEL, or is of another element.
    """
    path = find_potcar(root, functional, symbol)
    with zopen(path, mode="rb") as file:
        # Author names in old files are not UTF-8; the numbers always are.
        text = bytes(file.read()).decode("utf-8", errors="ignore").rstrip() + "\n"
    match = re.search(r"TITEL\s*=\s*(\S+\s+([A-Z][a-z]?)\S*.*)", text)
    if match is None:
        raise LabelError(f"{path} has no TITEL line; expected a POTCAR")
    if match[2] != element:
        raise LabelError(
            f"{path} is titled {match[1].strip()!r}; expected a POTCAR of {element}"
        )
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return PotcarFile(title=match[1].strip(), sha256=sha256, text=text)


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
