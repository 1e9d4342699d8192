"""Fingerprints of data files, such as weights or PAW sets, that define energies."""

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from confvib.errors import LabelError


def file_fingerprints(patterns: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of every file that the patterns name.

    The same package can bring other weights in its next version, and one data set can be
    exchanged under another version of the code, so both belong to a level of theory.

    Args:
        patterns: Globs. One that does not begin with '/' begins with the name of an
            importable package, such as ``chgnet/pretrained/0.3.0/*.tar``.

    Returns:
        Digest by pattern and name of the file; folders that the package happens to lie
        in are no part of it.

    Raises:
        LabelError: A pattern names no file, or no package.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        folder, rest = _folder_of(pattern)
        files = sorted(path for path in folder.glob(rest) if path.is_file())
        if not files:
            raise LabelError(
                f"ase.files: no file matches {pattern!r} in {folder}, expected the files "
                "that define the energies"
            )
        for path in files:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            found[f"{pattern}: {path.name}"] = digest
    return found


def _folder_of(pattern: str) -> tuple[Path, str]:
    if pattern.startswith("/"):
        return Path("/"), pattern.lstrip("/")
    package, _, rest = pattern.partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations or not rest:
        raise LabelError(
            f"ase.files: {pattern!r} begins with no importable package, expected an "
            "absolute path or one such as 'package/folder/*.dat'"
        )
    return Path(next(iter(spec.submodule_search_locations))), rest
