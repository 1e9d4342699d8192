"""Atomic Parquet writes and reads that trust nothing."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from confvib.errors import TableError
from confvib.tables.atomic import write_atomically
from confvib.tables.provenance import Provenance
from confvib.tables.schema import TableSchema


def write_table(
    path: str | Path,
    schema: TableSchema,
    rows: Iterable[Mapping[str, Any]],
    provenance: Provenance,
) -> None:
    """Write rows to a Parquet file that appears complete or not at all.

    Args:
        path: The file; its folder must exist.
        schema: The table's contract.
        rows: One mapping per row, with exactly the columns of the schema; None is null.
        provenance: Stored in the file's metadata.

    Raises:
        TableError: A row lacks a column, has an unknown one or a value of a wrong type.
    """
    rows = list(rows)
    names = {column.name for column in schema.columns}
    for number, row in enumerate(rows):
        if set(row) != names:
            raise TableError(
                f"{schema.tag}, row {number}: lacks columns {sorted(names - set(row))}, "
                f"has unknown columns {sorted(set(row) - names)}"
            )
    metadata = {"confvib.schema": schema.tag, **provenance.metadata()}
    try:
        table = pa.Table.from_pylist(rows, schema=schema.arrow())
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TableError(
            f"{schema.tag}: a value does not fit its column: {error}"
        ) from None
    write_atomically(
        Path(path),
        lambda temporary: pq.write_table(
            table.replace_schema_metadata(metadata), temporary, compression="zstd"
        ),
    )


def read_table(
    path: str | Path, schema: TableSchema, config_hash: str | None = None
) -> pa.Table:
    """Read a table and check that it is the one that was asked for.

    Args:
        path: The file.
        schema: The contract it must fulfil, version included.
        config_hash: The hash it must carry; None accepts any (figures, notebooks).

    Raises:
        TableError: The file is missing, truncated, of another schema, or was made from
            another configuration; the message names both.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise TableError(f"{path}: no such file; expected a {schema.tag} table") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(
            f"{path}: not a readable Parquet file ({error}); delete it and run again"
        ) from None
    found = file_metadata(table)
    if found.get("schema") != schema.tag:
        raise TableError(
            f"{path}: has schema {found.get('schema', 'none')!r}, expected {schema.tag!r}"
        )
    if config_hash is not None and found.get("config_hash") != config_hash:
        raise TableError(
            f"{path}: made from configuration {found.get('config_hash')!r}, but this "
            f"campaign's configuration is {config_hash!r}; delete it and run again"
        )
    expected = schema.arrow().names
    if table.schema.names != expected:
        raise TableError(f"{path}: has columns {table.schema.names}, expected {expected}")
    return table


def file_metadata(table: pa.Table) -> dict[str, str]:
    """Return the provenance of a table that was read: keys of Provenance plus schema."""
    raw = table.schema.metadata or {}
    return {
        key.decode().removeprefix("confvib."): value.decode()
        for key, value in raw.items()
        if key.startswith(b"confvib.")
    }
