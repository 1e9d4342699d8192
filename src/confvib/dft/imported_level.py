"""The level of theory of a finished run, as far as its vasprun.xml tells it.

The file holds titles of pseudopotentials and not their content, so that this level is no
`level_of_theory`; but it can be compared with the settings of a campaign, key by key.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

import numpy as np
from pymatgen.io.vasp.inputs import Incar

from confvib.dft.level import NEUTRAL_KEYS, PATH_KEYS
from confvib.dft.potcars import PotcarFile
from confvib.dft.settings import TASK_KEYS, VaspSettings
from confvib.dft.vasprun import Header, KPoints, Value

Level = Mapping[str, str]
"""What defines energies and forces, by name, in VASP's words."""

_DYNAMICS = """
ANDERSEN_PROB LANGEVIN_GAMMA LANGEVIN_GAMMA_L PMASS CSVR_PERIOD NHC_NCHAINS
NHC_PERIOD NHC_NRESPA NHC_NS NSUBSYS TSUBSYS PSUBSYS NPACO APACO RANDOM_SEED NFREE
"""
"""Keys of a task that a campaign never sets, but a finished run may."""

_SILENT = """
ENMAX LDIAG LMIXTAU INIWAV LOPTICS CSHIFT ICORELEVEL LDAUPRINT KPOINT_BSE LMAXTAU LRHFATM
"""
"""Keys that old versions report unasked, or that add output or steer the minimiser."""

_IGNORED = (
    NEUTRAL_KEYS | PATH_KEYS | TASK_KEYS | frozenset(f"{_DYNAMICS} {_SILENT}".split())
)

_BIASED = {"11", "21"}
"""MDALGO of metadynamics: a bias is among the forces."""

DEFAULTS = {
    "PREC": "NORMAL",
    "EDIFF": "0.0001",
    "ISPIN": "1",
    "ISMEAR": "1",
    "SIGMA": "0.2",
    "LREAL": "F",
    "GGA": "--",
    "METAGGA": "--",
    "LASPH": "F",
    "ADDGRID": "F",
    "LHFCALC": "F",
    "LDAU": "F",
    "LNONCOLLINEAR": "F",
    "LSORBIT": "F",
    "IVDW": "0",
    "LUSE_VDW": "F",
    "NUPDOWN": "-1",
    "LDIPOL": "F",
    "LPEAD": "F",
    "LCALCPOL": "F",
    "LCALCEPS": "F",
    "LEPSILON": "F",
    "LEFG": "F",
    "EFIELD_PEAD": "0 0 0",
}
"""VASP's defaults: a run that states one and a run that is silent are of one level.

Source: vasp.at/wiki, the pages of these keys.
"""

_WORDS = {
    "PREC": {"A": "ACCURATE", "N": "NORMAL", "L": "LOW", "M": "MEDIUM", "H": "HIGH"},
    "LREAL": {"A": "AUTO", "O": "ON", "T": "ON", "F": "F"},
}
"""Keys of which VASP reads the first letter."""

_PER_KIND = ("LDAUL", "LDAUU", "LDAUJ")

_FUNCTIONAL_OF_TITLE = {"PAW_PBE": "PE", "PAW_GGA": "91", "PAW": "CA"}


def imported_level(header: Header, *, corrected: bool = False) -> Level:
    """Return what defines the energies and forces of a finished run.

    Args:
        header: The head of its vasprun.xml.
        corrected: Whether VASP added something to the energy of the electrons: versions
            before 6 do not report IVDW, but their energies show it.

    Returns:
        INCAR keys that are physics, k-points, titles and VASP version.
    """
    told = {key.upper(): value for key, value in header.incar.items()}
    parameters = {key.upper(): value for key, value in header.parameters.items()}
    # <incar> lacks keys that old versions read in silence; <parameters> has its own
    # idea of LREAL and METAGGA.
    known = {
        key: _text(parameters[key])
        for key in DEFAULTS.keys() & parameters.keys() - {"LREAL", "METAGGA"}
    }
    keys = known | {key: _text(value) for key, value in told.items()}
    cutoff = parameters.get("ENMAX", told.get("ENCUT"))
    if cutoff is not None:
        keys["ENCUT"] = _text(cutoff)
    lists = _by_element(told, header)
    titles = _titles(header.kinds)
    algorithm = keys.get("MDALGO", "0")
    level = _physics(keys | lists, list(titles.values()))
    if algorithm in _BIASED:
        level["MDALGO"] = algorithm
    if corrected and level["IVDW"] == "0":
        level["IVDW"] = "unknown"
    return (
        level
        | {f"POTCAR of {element}": title for element, title in titles.items()}
        | {"k-points": _mesh(header.kpoints), "VASP": header.version}
    )


def campaign_level(settings: VaspSettings, potcars: Mapping[str, PotcarFile]) -> Level:
    """Return the same of what a campaign asks VASP for.

    Args:
        settings: Its VASP settings.
        potcars: Pseudopotential of each element.

    Returns:
        As `imported_level`; no version where the campaign accepts any.
    """
    incar = Incar(dict(settings.incar))
    keys = {key.upper(): _text(incar[key]) for key in incar}
    titles = {el: " ".join(file.title.split()) for el, file in potcars.items()}
    level = _physics(keys, list(titles.values()))
    level |= {f"POTCAR of {element}": title for element, title in titles.items()}
    level["k-points"] = " ".join(str(count) for count in settings.kpoints)
    if settings.version is not None:
        level["VASP"] = settings.version
    return level


def level_hash(level: Level) -> str:
    """Return a stable name of an imported level: "vasprun-" and 16 hexadecimal digits."""
    text = json.dumps({**level, "energy": "e_fr_energy"}, sort_keys=True)
    return f"vasprun-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def differences(levels: Sequence[Level]) -> list[str]:
    """Say in what levels differ.

    Args:
        levels: Two levels or more.

    Returns:
        One phrase per key, with a value for each level: "ENCUT 500 / 520".
    """
    names = sorted({name for level in levels for name in level})
    return [
        f"{name} {' / '.join(level.get(name, 'unset') for level in levels)}"
        for name in names
        if len({level.get(name) for level in levels}) > 1
    ]


def campaign_differences(imported: Level, campaign: Level) -> list[str]:
    """Say in what an imported level is not the campaign's.

    Args:
        imported: Level of finished runs.
        campaign: Level of the campaign; its pseudopotentials of other elements and, where
            it accepts any, the version do not matter.

    Returns:
        Phrases as of `differences`, the import first; none if fresh and imported labels
        may be mixed.
    """
    wanted = {
        name: value
        for name, value in campaign.items()
        if not name.startswith("POTCAR") or name in imported
    }
    if "VASP" not in campaign and "VASP" in imported:
        wanted["VASP"] = imported["VASP"]
    return differences([imported, wanted])


def _physics(keys: Mapping[str, str], titles: Sequence[str]) -> dict[str, str]:
    """Return the keys that matter, in one spelling, VASP's defaults included."""
    level = DEFAULTS | {
        key: _spelled(key, text)
        for key, text in keys.items()
        if key not in _IGNORED and not key.startswith("ML_")
    }
    if level["GGA"] == "--":
        sets = {_FUNCTIONAL_OF_TITLE.get(title.split()[0], "--") for title in titles}
        level["GGA"] = sets.pop() if len(sets) == 1 else "--"
    if level["ISPIN"] == "1" and level["LNONCOLLINEAR"] == "F":
        level.pop("MAGMOM", None)
    if level["LDAU"] == "F":
        level = {key: text for key, text in level.items() if key[:4] != "LDAU"}
    return level


def _spelled(key: str, text: str) -> str:
    if key in _WORDS:
        return _WORDS[key].get(text.strip(".")[:1], text)
    return "--" if key == "METAGGA" and text == "NONE" else text


def _text(value: object) -> str:
    """Return one spelling of a value, whether XML or YAML gave it."""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, int | float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return " ".join(_text(each) for each in value)
    # VASP repeats a comment behind a string as part of it.
    return " ".join(re.split("[!#]", str(value))[0].upper().split())


def _by_element(told: Mapping[str, Value], header: Header) -> dict[str, str]:
    """Return lists by atom or by kind as lists by element, whatever POSCAR's order."""
    kinds = [element for element, _ in header.kinds]
    owners = {"MAGMOM": list(header.symbols)} | dict.fromkeys(_PER_KIND, kinds)
    found = {}
    for key, elements in owners.items():
        values = told.get(key)
        if isinstance(values, list) and len(values) == len(elements):
            pairs = {f"{el} {_text(v)}" for el, v in zip(elements, values, strict=True)}
            found[key] = ", ".join(sorted(pairs))
    return found


def _titles(kinds: Sequence[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for element, title in kinds:
        found.setdefault(element, set()).add(title)
    return {element: ", ".join(sorted(titles)) for element, titles in found.items()}


def _mesh(kpoints: KPoints) -> str:
    """Return a mesh in one spelling: "2 2 2", with its shift from Γ if there is one."""
    if len(kpoints.points) == 1 and not kpoints.points.any():
        return "1 1 1"
    styles = {"Gamma": 0.0, "Auto": 0.0, "Monkhorst-Pack": 0.5}
    if kpoints.style not in styles or len(kpoints.divisions) != 3:
        table = np.column_stack([kpoints.points, kpoints.weights]).round(6) + 0.0
        digest = hashlib.sha256(table.tobytes()).hexdigest()[:8]
        return f"list of {len(kpoints.points)} ({digest})"
    centre = styles[kpoints.style]
    shifts = [
        ((centre if count % 2 == 0 else 0.0) + by) % 1.0
        for count, by in zip(kpoints.divisions, kpoints.shift or (0, 0, 0), strict=True)
    ]
    mesh = " ".join(str(count) for count in kpoints.divisions)
    if any(shifts):
        mesh += " shifted by " + " ".join(f"{shift:g}" for shift in shifts)
    return mesh
