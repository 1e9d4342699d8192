"""The files of a published set: a folder, one file, or an archive read in memory."""

import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from confvib.errors import CrystalError

_LARGEST_BYTES = 1 << 31
"""A member that unpacks to more is no structure file."""

_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes:
        number: position in the order the source is read, from 0.
        name: path within the folder or archive, "/" between its parts.
        content: what the file holds; empty where there is a problem.
        problem: why it could not be read; empty if it could.
    """

    number: int
    name: str
    content: bytes
    problem: str = ""


def read_source(path: Path) -> Iterator[SourceFile]:
    """Read the files of a source one by one; nothing is written to the disk.

    Args:
        path: folder (read with its subfolders, in the order of the names), archive
            (.zip, or .tar plain or compressed, in its own order) or single file.

    Yields:
        The files, unreadable ones included.

    Raises:
        CrystalError: the path does not exist, or the archive is damaged.
    """
    if path.is_dir():
        files = _from_folder(path)
    elif path.name.lower().endswith(".zip"):
        files = _from_zip(path)
    elif path.name.lower().endswith(_TAR_SUFFIXES):
        files = _from_tar(path)
    else:
        files = iter([(path.name, *_read(path))])
    for number, (name, content, problem) in enumerate(files):
        yield SourceFile(number, name, content, problem)


def count_files(path: Path) -> int | None:
    """Count the files of a source where that is quick.

    Args:
        path: as for read_source.

    Returns:
        Their number; None for a tar, which has to be read to know.
    """
    if path.is_dir():
        return len(_folder_files(path))
    if path.name.lower().endswith(_TAR_SUFFIXES):
        return None
    if path.name.lower().endswith(".zip") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return sum(not member.is_dir() for member in archive.infolist())
    return 1


def source_digest(path: Path) -> str:
    """Fingerprint a source.

    Args:
        path: as for read_source.

    Returns:
        SHA-256 of the archive or file; of a folder, the SHA-256 over the sorted names
        and contents of its files.

    Raises:
        CrystalError: the path does not exist or cannot be read.
    """
    if not path.is_dir():
        _check_exists(path)
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in _from_folder(path):
        name, content, problem = file
        part = problem.encode() if problem else hashlib.sha256(content).digest()
        digest.update(name.encode() + b"\0" + part)
    return digest.hexdigest()


def _folder_files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(files, key=lambda path: path.relative_to(folder).as_posix())


def _from_folder(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    for path in _folder_files(folder):
        yield (path.relative_to(folder).as_posix(), *_read(path))


def _read(path: Path) -> tuple[bytes, str]:
    _check_exists(path, follow=False)
    try:
        return path.read_bytes(), ""
    except OSError as error:
        return b"", f"the file cannot be read: {error.strerror}"


def _check_exists(path: Path, *, follow: bool = True) -> None:
    if not (path.exists() or (not follow and path.is_symlink())):
        raise CrystalError(
            f"{path}: no such file or folder; expected a folder, a structure file, or a "
            "zip or tar archive of structure files"
        )


def _from_zip(path: Path) -> Iterator[tuple[str, bytes, str]]:
    _check_exists(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield (member.filename, *_zip_member(archive, member))
    except (zipfile.BadZipFile, OSError) as error:
        raise CrystalError(f"{path}: not a readable zip archive: {error}") from error


def _zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[bytes, str]:
    problem = _unsafe(member.filename)
    if problem:
        return b"", problem
    try:
        with archive.open(member) as stream:
            content = stream.read(_LARGEST_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        # Encrypted members and unknown methods are of the last two kinds.
        return b"", f"the member cannot be unpacked: {error}"
    return _bounded(content)


def _from_tar(path: Path) -> Iterator[tuple[str, bytes, str]]:
    _check_exists(path)
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if not member.isdir():
                    yield (member.name, *_tar_member(archive, member))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise CrystalError(f"{path}: not a readable tar archive: {error}") from error


def _tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[bytes, str]:
    problem = _unsafe(member.name)
    # A link in a stream would have to be followed backwards.
    stream = archive.extractfile(member) if member.isfile() and not problem else None
    if stream is None:
        return b"", problem or "the member is a link or a device, expected a file"
    return _bounded(stream.read(_LARGEST_BYTES + 1))


def _bounded(content: bytes) -> tuple[bytes, str]:
    if len(content) > _LARGEST_BYTES:
        return b"", f"the member unpacks to more than {_LARGEST_BYTES >> 20} MiB"
    return content, ""


def _unsafe(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        return "the name of the member leads out of the archive"
    return ""
