"""Text files into a folder or an archive, the same bytes on every machine."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from confvib.errors import CampaignError
from confvib.tables.atomic import write_atomically

Container = Literal["folder", "zip", "tar.gz", "file"]

NamedTexts = Iterator[tuple[str, str]]
"""File names and their contents."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can state: contents alone decide its bytes."""


def container_of(path: Path) -> Container:
    """Tell from its name what a path shall be.

    Args:
        path: Ends with .zip, .tar.gz, .tgz, .extxyz or .xyz, else it is a folder.
    """
    name = path.name.lower()
    if name.endswith(".zip"):
        return "zip"
    if name.endswith((".tar.gz", ".tgz")):
        return "tar.gz"
    return "file" if name.endswith((".extxyz", ".xyz")) else "folder"


def check_free(paths: list[Path], *, force: bool) -> None:
    """Refuse to overwrite.

    Args:
        paths: What is going to be written.
        force: Overwrite all the same.

    Raises:
        CampaignError: A path exists.
    """
    taken = [path for path in paths if path.exists()]
    if taken and not force:
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        raise CampaignError(
            f"{taken[0]}{more}: exists already; expected a new path, or --force to "
            "overwrite"
        )


def write_texts(path: Path, texts: NamedTexts) -> None:
    """Write files into a folder, an archive, or one after the other into one file.

    Args:
        path: Folder, archive or file; its name says which.
        texts: The files.
    """
    container = container_of(path)
    if container == "folder":
        path.mkdir(parents=True, exist_ok=True)
        for name, text in texts:
            _write(path / name, text.encode())
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if container == "file":
        _write(path, "".join(text for _, text in texts).encode())
    else:
        write = _write_zip if container == "zip" else _write_tar
        write_atomically(path, lambda temporary: write(temporary, texts))


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def _write_zip(path: Path, texts: NamedTexts) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts:
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, text)


def _write_tar(path: Path, texts: NamedTexts) -> None:
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, text in texts:
            content = text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
