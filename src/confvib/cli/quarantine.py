"""Copies of the files that did not map, and why."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from confvib.cli.mapped_files import Entry
from confvib.crystal.structure_sources import read_source
from confvib.tables.atomic import write_atomically

REASONS = "reasons.txt"


def write_quarantine(folder: Path, source: Path, failed: Sequence[Entry]) -> None:
    """Copy files and list the reasons; the source is read once more.

    Args:
        folder: Where to; made if needed.
        source: Folder, archive or file that was imported.
        failed: The structures that did not map, at least one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {entry.number for entry in failed}
    for file in read_source(source):
        if file.number in wanted and not file.problem:
            path = folder / _safe(file.name, file.number)
            path.parent.mkdir(parents=True, exist_ok=True)
            content = file.content
            write_atomically(path, lambda temporary, c=content: temporary.write_bytes(c))
    lines = [
        f"{entry.source}\t{entry.mapped.status}\t{entry.mapped.reason}\n"
        for entry in failed
    ]
    text = "".join(lines).encode()
    write_atomically(folder / REASONS, lambda temporary: temporary.write_bytes(text))


def _safe(name: str, number: int) -> Path:
    """Keep subfolders, but nothing that leads out of the quarantine."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    kept = [part for part in parts if part not in ("/", "..", ".")]
    if not kept or kept == [REASONS]:
        kept = [f"file-{number}", *kept]
    return Path(*kept)
