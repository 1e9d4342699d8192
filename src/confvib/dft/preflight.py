"""Everything that can be known to be missing before the first core-hour is spent."""

import shlex
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pymatgen.io.vasp.inputs import Incar

from confvib.dft.level import level_of_theory
from confvib.dft.potcars import PotcarFile, read_potcars
from confvib.dft.settings import VaspSettings
from confvib.errors import LabelError

_LDA = frozenset({"CA", "HL", "WI", "PZ", "VW"})
"""Values of GGA that switch to a local functional."""


@dataclass(frozen=True)
class Pseudopotential:
    """Tell which POTCAR stands for an element, without its licensed content.

    Attributes:
        symbol: POTCAR symbol.
        title: TITEL line.
        sha256: Hash of the file.
        lexch: Functional it was made with.
        enmax_eV: Cutoff it was made for [eV].
    """

    symbol: str
    title: str
    sha256: str
    lexch: str
    enmax_eV: float


@dataclass(frozen=True)
class Installation:
    """Say what would compute the labels.

    Attributes:
        pseudopotentials: By element.
        level_of_theory: As `confvib.dft.level.level_of_theory`.
        program: Absolute path of the command's first word; None if it is not on PATH.
        warnings: Sentences on what VASP permits and a user should know.
    """

    pseudopotentials: Mapping[str, Pseudopotential]
    level_of_theory: str
    program: str | None
    warnings: tuple[str, ...]


def check_installation(
    settings: VaspSettings, elements: Iterable[str], *, needs_program: bool = True
) -> Installation:
    """Check that VASP can be started and has the right pseudopotential of each element.

    Only the first word of the command is looked up: behind a launcher such as srun, what
    follows may exist on the compute nodes alone.

    Args:
        settings: VASP settings.
        elements: Chemical symbols of the cells to be labelled.
        needs_program: Whether the program must be on PATH here; it need not on a login
            node, where the modules of the jobs are not loaded.

    Returns:
        What was found.

    Raises:
        LabelError: The command, PMG_VASP_PSP_DIR or a POTCAR is missing, or a POTCAR is
            of another element or functional.
    """
    program = _program(settings.command, needed=needs_program)
    if missing := sorted(set(elements) - set(settings.potcar_symbols)):
        raise LabelError(
            f"potcar_symbols has no entry for {', '.join(map(repr, missing))}; expected "
            f"one for each element, found {dict(settings.potcar_symbols)}"
        )
    potcars = read_potcars(settings)
    _check_functional(settings, potcars)
    return Installation(
        pseudopotentials={
            element: Pseudopotential(
                settings.potcar_symbols[element],
                potcar.title,
                potcar.sha256,
                potcar.lexch,
                potcar.enmax_eV,
            )
            for element, potcar in potcars.items()
        },
        level_of_theory=level_of_theory(settings, potcars),
        program=program,
        warnings=tuple(_warnings(settings, potcars)),
    )


def command_words(command: str) -> list[str]:
    """Split the command as a shell would and find its program.

    Args:
        command: Command line.

    Returns:
        Its words; the first is the absolute path of the program, as VASP runs elsewhere.

    Raises:
        LabelError: The command is empty, its quotes do not match, or there is no such
            program.
    """
    words = _split(command)
    program = _program(command, needed=True)
    return [str(program), *words[1:]]


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise LabelError(
            f"command {command!r} cannot be split into words: {error}"
        ) from error
    if not words:
        raise LabelError("command is empty; expected how VASP is started")
    return words


def _program(command: str, *, needed: bool) -> str | None:
    name = _split(command)[0]
    program = shutil.which(name)
    if program is not None:
        return str(Path(program).absolute())
    if needed:
        raise LabelError(
            f"command {command!r}: {name!r} is not on PATH; expected a program, for "
            "example 'srun vasp_gam' after loading the VASP module"
        )
    return None


def _check_functional(settings: VaspSettings, potcars: Mapping[str, PotcarFile]) -> None:
    """Refuse pseudopotentials of another functional than the calculation's.

    GGA in INCAR overrides LEXCH; all gradient-corrected functionals but PW91 are used
    with potentials made with PBE. A meta-GGA has none of its own and takes either.
    """
    incar = Incar({key.upper(): value for key, value in settings.incar.items()})
    if str(incar.get("METAGGA", "--")).upper() not in {"--", "NONE"}:
        return
    if gga := str(incar.get("GGA", "")).strip().upper():
        wanted = {"91": "91"}.get(gga, "CA" if gga in _LDA else "PE")
        why = f"GGA = {gga} in incar"
    else:
        wanted = _family(settings.potcar_functional)
        why = f"potcar_functional {settings.potcar_functional!r}"
    for element, potcar in potcars.items():
        if potcar.lexch.upper() != wanted:
            raise LabelError(
                f"POTCAR {settings.potcar_symbols[element]!r} ({potcar.title}) was made "
                f"with LEXCH = {potcar.lexch}; expected {wanted}, which goes with {why}"
            )


def _family(functional: str) -> str:
    if functional.startswith("PW91"):
        return "91"
    return "PE" if functional.startswith("PBE") else "CA"


def _warnings(settings: VaspSettings, potcars: Mapping[str, PotcarFile]) -> Iterable[str]:
    keys = {key.strip().upper(): value for key, value in settings.incar.items()}
    encut_eV = float(keys["ENCUT"])
    for element, potcar in potcars.items():
        if potcar.enmax_eV > encut_eV:
            yield (
                f"ENCUT is {encut_eV:g} eV, below the ENMAX of {potcar.enmax_eV:g} eV "
                f"that POTCAR {settings.potcar_symbols[element]!r} was made for"
            )
