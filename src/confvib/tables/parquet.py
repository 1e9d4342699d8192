"""Atomic Parquet writes and reads that trust nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    metadata = _metadata(schema, provenance)
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


def write_columns(
    path: str | Path,
    schema: TableSchema,
    parts: Iterable[Mapping[str, Any]],
    provenance: Provenance,
) -> None:
    """Write a table part by part, each as columns; no more than one is in memory.

    Args:
        path: The file; its folder must exist. It appears complete or not at all.
        schema: The table's contract.
        parts: Mappings from every column to its values (NumPy or Arrow), or to one value
            for all rows of the part; at least one column of each holds values.
        provenance: Stored in the file's metadata.

    Raises:
        TableError: A part lacks a column or has an unknown one.
    """
    arrow = schema.arrow().with_metadata(_metadata(schema, provenance))

    def write(temporary: Path) -> None:
        with pq.ParquetWriter(temporary, arrow, compression="zstd") as writer:
            for part in parts:
                writer.write_table(_from_columns(part, arrow, schema))

    write_atomically(Path(path), write)


def _from_columns(
    part: Mapping[str, Any], arrow: pa.Schema, schema: TableSchema
) -> pa.Table:
    if set(part) != set(arrow.names):
        raise TableError(
            f"{schema.tag}: lacks columns {sorted(set(arrow.names) - set(part))}, has "
            f"unknown columns {sorted(set(part) - set(arrow.names))}"
        )
    n_rows = next(len(value) for value in part.values() if _is_column(value))
    columns = [
        pa.array(part[field.name], field.type)
        if _is_column(part[field.name])
        else pa.repeat(pa.scalar(part[field.name], field.type), n_rows)
        for field in arrow
    ]
    return pa.Table.from_arrays(columns, schema=arrow)


def _is_column(value: Any) -> bool:
    return hasattr(value, "dtype") or isinstance(value, pa.Array)


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
    with _errors_of(path, schema):
        table = pq.read_table(path)
    _require_expected(path, table.schema, schema, config_hash)
    return table


def read_metadata(path: str | Path, schema: TableSchema) -> dict[str, str]:
    """Read the provenance of a table without its rows.

    Args:
        path: The file.
        schema: The contract it must fulfil, version included.

    Returns:
        Keys of Provenance plus schema.

    Raises:
        TableError: The file is missing, damaged or of another schema.
    """
    with _errors_of(path, schema):
        found = pq.read_schema(path)
    _require_expected(path, found, schema, None)
    return schema_metadata(found)


def read_batches(
    path: str | Path,
    schema: TableSchema,
    config_hash: str | None,
    columns: Sequence[str],
    *,
    batch_size: int = 65_536,
) -> Iterator[pa.RecordBatch]:
    """Read some columns of a table of any size, a batch of rows at a time.

    Args:
        path: The file.
        schema: The contract it must fulfil, version included.
        config_hash: The hash it must carry; None accepts any.
        columns: Names of the columns wanted.
        batch_size: Rows at a time.

    Yields:
        Batches of rows, in the order of the file.

    Raises:
        TableError: As read_table.
    """
    # Otherwise Arrow holds the whole of a row group, which may be the whole file.
    streamed = {"pre_buffer": False, "buffer_size": 1 << 20}
    with _errors_of(path, schema), pq.ParquetFile(path, **streamed) as file:
        _require_expected(path, file.schema_arrow, schema, config_hash)
        yield from file.iter_batches(batch_size=batch_size, columns=list(columns))


@contextmanager
def _errors_of(path: str | Path, schema: TableSchema) -> Iterator[None]:
    """Say of a file that cannot be read which one it is and what it should be."""
    try:
        yield
    except FileNotFoundError:
        raise TableError(f"{path}: no such file; expected a {schema.tag} table") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(
            f"{path}: not a readable Parquet file ({error}); delete it and run again"
        ) from None


def _require_expected(
    path: str | Path, found: pa.Schema, schema: TableSchema, config_hash: str | None
) -> None:
    """Refuse a file of another schema, configuration or set of columns."""
    metadata = schema_metadata(found)
    if metadata.get("schema") != schema.tag:
        raise TableError(
            f"{path}: has schema {metadata.get('schema', 'none')!r}, expected "
            f"{schema.tag!r}"
        )
    if config_hash is not None and metadata.get("config_hash") != config_hash:
        raise TableError(
            f"{path}: made from configuration {metadata.get('config_hash')!r}, but this "
            f"campaign's configuration is {config_hash!r}; delete it and run again"
        )
    expected = schema.arrow().names
    if found.names != expected:
        raise TableError(f"{path}: has columns {found.names}, expected {expected}")


def _metadata(schema: TableSchema, provenance: Provenance) -> dict[str, str]:
    return {"confvib.schema": schema.tag, **provenance.metadata()}


def file_metadata(table: pa.Table) -> dict[str, str]:
    """Return the provenance of a table that was read: keys of Provenance plus schema."""
    return schema_metadata(table.schema)


def schema_metadata(schema: pa.Schema) -> dict[str, str]:
    """Return the provenance that a file's schema carries."""
    raw = schema.metadata or {}
    return {
        key.decode().removeprefix("confvib."): value.decode()
        for key, value in raw.items()
        if key.startswith(b"confvib.")
    }
