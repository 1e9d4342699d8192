"""What defines the level of theory, and which repairs of a run leave it alone."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pymatgen.io.vasp.inputs import Incar

from confvib.dft.potcars import PotcarFile
from confvib.dft.settings import VaspSettings

# How the electronic ground state is reached, not which one it is. NBANDS belongs here:
# VASP itself rounds it up to the number of cores.
_MINIMISER = """
ALGO IALGO ISEARCH TIME NELM NELMIN NELMDL NBANDS ISTART ICHARG
AMIX BMIX AMIX_MAG BMIX_MAG AMIN IMIX MAXMIX
"""
_SYMMETRY = "ISYM SYMPREC"
_PARALLEL = "NCORE NPAR KPAR NSIM LPLANE LSCALAPACK LSCALU"
_OUTPUT = """
SYSTEM LWAVE LCHARG LORBIT NWRITE NEDOS EMIN EMAX LVTOT LVHAR LELF LAECHG NBLOCK KBLOCK
"""
NEUTRAL_KEYS = frozenset(f"{_MINIMISER} {_SYMMETRY} {_PARALLEL} {_OUTPUT}".split())
"""INCAR keys that leave energies and forces as they are."""

PATH_KEYS = frozenset({"POTIM", "IBRION"})
"""INCAR keys that steer a relaxation to the same minimum; in heating they are physics."""


def level_of_theory(settings: VaspSettings, potcars: Mapping[str, PotcarFile]) -> str:
    """Return a stable hash of everything that defines energies and forces.

    All INCAR keys count except `NEUTRAL_KEYS` and `PATH_KEYS`: a key unknown here is
    physics until shown otherwise. Titles and hashes of all POTCARs, the k-point mesh,
    the required VASP version (None where the user left it open) and the kind of energy
    that is stored belong to it.

    Args:
        settings: VASP settings.
        potcars: Pseudopotential of each element.

    Returns:
        "vasp-" and 16 hexadecimal digits.
    """
    incar = Incar(dict(settings.incar))
    level = {
        "incar": {
            key: str(incar[key]) for key in incar if key not in NEUTRAL_KEYS | PATH_KEYS
        },
        "kpoints": [int(count) for count in settings.kpoints],
        "potcars": {el: (file.title, file.sha256) for el, file in potcars.items()},
        "version": settings.version,
        "energy": "e_fr_energy",
    }
    text = json.dumps(level, sort_keys=True)
    return f"vasp-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def refusal(action: Mapping[str, Any], incar: Incar, *, restartable: bool) -> str:
    """Say why a repair by custodian makes the result another one than was asked for.

    Args:
        action: One action of custodian.json.
        incar: INCAR the run began with.
        restartable: Whether the task may go on from its last geometry: true of a
            relaxation, false of dynamics.

    Returns:
        A phrase; '' for a repair that leaves level and task alone.
    """
    if "file" in action:
        return _file_refusal(action, restartable=restartable)
    if action.get("dict") != "INCAR":
        return f"rewrote {action.get('dict')}"
    steering = PATH_KEYS if restartable else frozenset()
    changes = (
        f"changed {key} from {incar.get(key)} to {value}"
        for key, value in incar_changes(action["action"])
        if not (
            key in steering or _is_neutral(key, value) or _tightens(key, value, incar)
        )
    )
    return "; ".join(changes)


def incar_changes(action: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Say what a repair of INCAR by custodian changes.

    Args:
        action: Keys and values by verb, "_set" or "_unset".

    Yields:
        Key in capitals and new value; None stands for a key that is taken out.
    """
    for verb, keys in action.items():
        for key, value in dict(keys).items():
            yield key.strip().upper(), value if verb == "_set" else None


def _is_neutral(key: str, value: Any) -> bool:
    # From 10 on, the charge density is no longer made self-consistent.
    return key in NEUTRAL_KEYS and not (key == "ICHARG" and int(value or 0) >= 10)


def _tightens(key: str, value: Any, incar: Incar) -> bool:
    """Whether the electronic convergence got stricter, which no label suffers from."""
    return key == "EDIFF" and value is not None and value <= incar.get(key, 1e-4)


def _file_refusal(action: Mapping[str, Any], *, restartable: bool) -> str:
    name, verbs = action["file"], dict(action["action"])
    if set(verbs) == {"_file_delete"} and name in {"WAVECAR", "CHGCAR"}:
        return ""
    restart = {"_file_copy": {"dest": "POSCAR"}}
    if name == "CONTCAR" and verbs == restart:
        return "" if restartable else "started the dynamics again from CONTCAR"
    return f"altered {name} by {verbs}"
