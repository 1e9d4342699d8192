"""Finished VASP runs among the files that users have: folders, archives, segments."""

import bz2
import io
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from confvib.errors import LabelError

_RUN = re.compile(
    r"^(?:[^.].*[._-])?vasprun(?:[._-][\w+-]+)*\.xml(?:[._-][\w+-]+)*?"
    r"(?P<packed>\.(?:gz|bz2|xz|lzma))?$",
    re.IGNORECASE,
)
"""vasprun.xml, its segments (vasprun.xml.relax1, vasprun.2.xml), maybe compressed."""

_PARTIAL = re.compile(r"^OUTCAR(?:[._-][\w+-]+)*$", re.IGNORECASE)

_TAR = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")

_UNPACK: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16),
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lzma.LZMADecompressor,
    ".lzma": lzma.LZMADecompressor,
}

_CHUNK = 1 << 16


@dataclass(frozen=True)
class RunFile:
    """Point at one vasprun.xml, or at a folder that should hold one.

    Attributes:
        name: Path from where the search began, "/" between its parts.
        path: The file, or the archive that holds it.
        member: Name within a zip; '' elsewhere.
        content: What a tar holds, which can only be read in its order; None elsewhere.
        problem: Status and reason where there is nothing to read; None normally.
    """

    name: str
    path: Path
    member: str = ""
    content: bytes | None = None
    problem: tuple[str, str] | None = None

    @property
    def folder(self) -> str:
        """Folder of the file within the search; '' at its top."""
        return self.name.rpartition("/")[0]

    @property
    def is_segment(self) -> bool:
        """Whether the name says more than that it is the vasprun.xml of its folder."""
        return self.plain_name.lower() != "vasprun.xml"

    @property
    def plain_name(self) -> str:
        """Name of the file without folder and without the ending of a compression."""
        name = self.name.rpartition("/")[2]
        found = _RUN.match(name)
        packed = found["packed"] if found else None
        return name.removesuffix(packed) if packed else name

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Open the file for reading, uncompressed as it goes.

        Raises:
            OSError: The file cannot be opened.
            zipfile.BadZipFile: The archive is damaged.
        """
        unpack = _UNPACK.get(PurePosixPath(self.name).suffix.lower())
        raw = self._raw()
        return closing(_Unpacked(raw, unpack) if unpack else raw)

    def _raw(self) -> IO[bytes]:
        if self.content is not None:
            return io.BytesIO(self.content)
        if self.member:
            # The file object of a member keeps its archive open as long as it lives.
            return zipfile.ZipFile(self.path).open(self.member)
        return self.path.open("rb")


class _Unpacked(io.BytesIO):
    """What a compressed stream holds, all of it where the stream itself was cut.

    The readers of the standard library raise instead, with what they had read in hand.
    """

    def __init__(self, raw: IO[bytes], unpack: Callable[[], Any]) -> None:
        super().__init__()
        self._raw, self._unpack, self._part = raw, unpack, unpack()

    def read(self, size: int | None = -1) -> bytes:  # noqa: ARG002 - any size will do
        while chunk := self._raw.read(_CHUNK):
            found = b""
            while chunk:
                if self._part.eof:
                    self._part = self._unpack()
                found += self._part.decompress(chunk)
                chunk = self._part.unused_data
            if found:
                return found
        return b""

    def close(self) -> None:
        self._raw.close()
        super().close()


def find_runs(paths: Iterable[Path]) -> Iterator[RunFile]:
    """Find the finished runs below some paths, in the order of their names.

    Args:
        paths: Folders (searched with their subfolders; links to folders are not
            followed), zip or tar archives, or vasprun.xml files.

    Yields:
        Every vasprun.xml, plain or compressed, segments included; a folder with an
        OUTCAR and no vasprun.xml, and a second copy of one file, with their problem.

    Raises:
        LabelError: A path does not exist, or an archive is damaged.
    """
    paths = [Path(path) for path in paths]
    for path in paths:
        prefix = f"{path.name or path.resolve().name}/" if len(paths) > 1 else ""
        if not path.exists():
            raise LabelError(
                f"{path}: no such file or folder; expected a folder of VASP runs, a zip "
                "or tar archive of them, or a vasprun.xml"
            )
        found = _below(path, prefix)
        yield from found


def _below(path: Path, prefix: str) -> Iterator[RunFile]:
    name = path.name.lower()
    if path.is_dir():
        yield from _in_folder(path, prefix)
    elif name.endswith(".zip"):
        yield from _in_zip(path, prefix)
    elif name.endswith(_TAR):
        yield from _in_tar(path, prefix)
    else:
        yield RunFile(prefix.rstrip("/") or path.name, path)


def _in_folder(root: Path, prefix: str) -> Iterator[RunFile]:
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        within = Path(folder).relative_to(root).as_posix()
        start = prefix if within == "." else f"{prefix}{within}/"
        where = Path(folder)
        runs = [
            RunFile(start + name, where / name) for name in sorted(names, key=_natural)
        ]
        yield from _judged([run for run in runs if _is_wanted(run.name)])


def _in_zip(path: Path, prefix: str) -> Iterator[RunFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each.filename for each in archive.infolist() if not each.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise LabelError(f"{path}: not a readable zip archive: {error}") from error
    runs = [RunFile(prefix + name, path, name) for name in sorted(members, key=_natural)]
    yield from _judged([run for run in runs if _is_wanted(run.name)])


def _in_tar(path: Path, prefix: str) -> Iterator[RunFile]:
    """Yield members in their own order: going back would read the archive again."""
    met: dict[str, list[RunFile]] = {}
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                run = RunFile(prefix + member.name.removeprefix("./"), path, member.name)
                if not (member.isfile() and _is_wanted(run.name)):
                    continue
                met.setdefault(run.folder, []).append(run)
                stream = archive.extractfile(member) if _is_run(run.name) else None
                if stream is not None:
                    yield RunFile(run.name, path, content=stream.read())
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise LabelError(f"{path}: not a readable tar archive: {error}") from error
    for runs in met.values():
        if not any(_is_run(run.name) for run in runs):
            yield from _judged(runs)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort segment 10 behind segment 2."""
    parts = re.split(r"(\d+)", name)
    return [(p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts]


def _is_run(name: str) -> bool:
    return _RUN.match(name.rpartition("/")[2]) is not None


def _is_wanted(name: str) -> bool:
    return _is_run(name) or _PARTIAL.match(name.rpartition("/")[2]) is not None


def _judged(found: list[RunFile]) -> Iterator[RunFile]:
    """Yield the runs of one or more folders, and what is no run with its problem."""
    runs = [run for run in found if _is_run(run.name)]
    taken: dict[tuple[str, str], RunFile] = {}
    for run in runs:
        first = taken.setdefault((run.folder, run.plain_name), run)
        if first is run:
            yield run
        else:
            same = f"the same file as {first.name}, compressed"
            yield RunFile(run.name, run.path, run.member, problem=("duplicate", same))
    with_runs = {run.folder for run in runs}
    empty = dict.fromkeys(run.folder for run in found if run.folder not in with_runs)
    for folder in empty:
        outcar = next(run for run in found if run.folder == folder)
        reason = (
            f"the folder holds {outcar.plain_name} and no vasprun.xml, which alone says "
            "all that defines energies and forces"
        )
        yield RunFile(outcar.name, outcar.path, problem=("no_vasprun", reason))
