"""Files that appear complete or not at all."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write(temporary_path)``, flush to disk, and rename to ``path``.

    Args:
        path: The file to appear; its folder must exist.
        write: Writes the whole content to the path that it is given.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes private files; results are for the whole group to read.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_text_atomically(path: str | Path, text: str) -> None:
    """Write a text file that appears complete or not at all.

    Args:
        path: The file to appear; its folder must exist.
        text: Its content, written as UTF-8.
    """
    write_atomically(Path(path), lambda file: file.write_text(text, encoding="utf-8"))
