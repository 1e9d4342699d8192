"""The label tables of a force field: computed ones, and those of labels.imported."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from confvib.campaign.digest import file_sha256
from confvib.campaign.names import label_chunks
from confvib.campaign.variants import Variant
from confvib.errors import ConfigError, TableError

if TYPE_CHECKING:
    from confvib.campaign.config import Campaign


def label_tables(campaign: "Campaign", sources: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return (source, chunk) of every table; the chunk of an imported one is ''.

    Args:
        campaign: The campaign.
        sources: Tasks and names of imported tables, as ``potentials.*.labels``.
    """
    return [
        (source, chunk)
        for source in sources
        for chunk in (
            ("",)
            if source in campaign.labels.imported
            else label_chunks(campaign, source)
        )
    ]


def carried_hash(campaign: "Campaign", root: Path, name: str) -> str:
    """Return the config hash that an imported table carries.

    Raises:
        ConfigError: The file is missing, damaged or no table of labels.
    """
    path = _existing(campaign, root, name)
    return _metadata_hash(path, f"labels.imported.{name}", *_state(path))


def label_contents(
    campaign: "Campaign", root: Path, variant: Variant, carried: list[str]
) -> list[str]:
    """Return what the label tables of a force field are known by.

    A computed table is known by the hash that it carries, an imported one by the SHA-256
    of the file: it may have been edited since `confvib import-vasp` made it.

    Args:
        campaign: The campaign.
        root: Folder that relative paths start from.
        variant: The force field.
        carried: The hashes that its tables carry, in the order of `label_tables`.

    Raises:
        ConfigError: A file is missing.
    """
    tables = label_tables(campaign, variant.settings.labels)
    paths = [None if chunk else _existing(campaign, root, name) for name, chunk in tables]
    return [
        each if path is None else _sha256(path, *_state(path))
        for each, path in zip(carried, paths, strict=True)
    ]


def check_imported_labels(campaign: "Campaign", root: Path) -> None:
    """Stop before anything runs if an imported table cannot be read.

    Raises:
        ConfigError: A file is missing, damaged or no table of labels.
    """
    for name in campaign.labels.imported:
        carried_hash(campaign, root, name)


def _existing(campaign: "Campaign", root: Path, name: str) -> Path:
    named = campaign.labels.imported[name]
    path = root / named
    if not path.is_file():
        raise ConfigError(
            f"labels.imported.{name} = {str(named)!r}: no such file (looked for {path}); "
            "expected a table made by `confvib import-vasp`"
        )
    return path


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@cache
def _metadata_hash(path: Path, key: str, _size: int, _modified: int) -> str:
    # Only here: Arrow takes a moment to load, and every job reads the configuration.
    from confvib.tables.contracts import LABELS
    from confvib.tables.parquet import read_metadata

    try:
        return read_metadata(path, LABELS)["config_hash"]
    except TableError as error:
        raise ConfigError(
            f"{key}: {error}; expected a table made by `confvib import-vasp`"
        ) from None


@cache
def _sha256(path: Path, _size: int, _modified: int) -> str:
    return file_sha256(path)
