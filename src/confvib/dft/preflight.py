"""Everything that can be known to be missing before the first core-hour is spent."""

import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

from confvib.dft.potcars import library_root, read_potcar
from confvib.dft.settings import VaspSettings
from confvib.errors import LabelError


def check_vasp(settings: VaspSettings, symbols: Iterable[str]) -> None:
    """Check that VASP can be started and has a pseudopotential for each element.

    Only the first word of the command is looked up: behind a launcher such as srun, what
    follows may exist on the compute nodes alone.

    Args:
        settings: VASP settings.
        symbols: Chemical symbols of the cells to be labelled.

    Raises:
        LabelError: The command, PMG_VASP_PSP_DIR or a POTCAR is missing.
    """
    command_words(settings.command)
    root = library_root()
    for element in symbols:
        if element not in settings.potcar_symbols:
            raise LabelError(
                f"potcar_symbols has no entry for {element!r}; expected one for each "
                f"element, found {dict(settings.potcar_symbols)}"
            )
        symbol = settings.potcar_symbols[element]
        read_potcar(root, settings.potcar_functional, element, symbol)


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
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise LabelError(
            f"command {command!r} cannot be split into words: {error}"
        ) from error
    if not words:
        raise LabelError("command is empty; expected how VASP is started")
    program = shutil.which(words[0])
    if program is None:
        raise LabelError(
            f"command {command!r}: {words[0]!r} is not on PATH; expected a program, for "
            "example 'srun vasp_gam' after loading the VASP module"
        )
    return [str(Path(program).absolute()), *words[1:]]
