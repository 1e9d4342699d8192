"""What a table is: named columns with type, unit and meaning."""

from dataclasses import dataclass

import pyarrow as pa

TEXT = pa.string()
FLAG = pa.bool_()
COUNT = pa.int64()
REAL = pa.float64()
BITS = pa.binary()
REALS = pa.list_(pa.float64())
COUNTS = pa.list_(pa.int64())
TEXTS = pa.list_(pa.string())


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: pa.DataType
    meaning: str
    unit: str = "1"


@dataclass(frozen=True)
class TableSchema:
    """Name, version and columns of a table; every table has ``status`` and ``reason``."""

    name: str
    version: int
    columns: tuple[Column, ...]

    def arrow(self) -> pa.Schema:
        """Return the Arrow schema with unit and meaning in each field's metadata."""
        return pa.schema(
            [
                pa.field(
                    column.name,
                    column.type,
                    metadata={"unit": column.unit, "meaning": column.meaning},
                )
                for column in self.columns
            ]
        )

    @property
    def tag(self) -> str:
        """Name and version as written into files."""
        return f"{self.name}/{self.version}"


CONFIG_ID = Column("config_id", TEXT, "set and rank in canonical order; never changes")

STATUS = (
    Column("status", TEXT, "ok, or what kept this row from being so"),
    Column("reason", TEXT, "one sentence on the status; empty when ok"),
)
