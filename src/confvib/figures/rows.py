"""Which rows of a table a figure may use, and what it must say about the others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from confvib.errors import TableError


@dataclass(frozen=True)
class UsableRows:
    """The rows to draw; ``note`` counts the others by reason, empty if there are none."""

    rows: pd.DataFrame
    note: str


def usable_rows(table: pd.DataFrame, required: Sequence[str]) -> UsableRows:
    """Separate the rows that are ok and complete from the others.

    Args:
        table: A table of confvib with its ``status`` column.
        required: Columns that must not be null in a row that is used.

    Raises:
        TableError: The table lacks a column.
    """
    require_columns(table, ["status", *required])
    status = table["status"].to_numpy(object)
    why = np.where(table["status"].isna().to_numpy(), "no status", status)
    for name in required:
        why = np.where((why == "ok") & table[name].isna().to_numpy(), f"no {name}", why)
    good = why == "ok"
    if good.all():
        return UsableRows(table, "")
    counts = ", ".join(f"{n} {reason}" for reason, n in Counter(why[~good]).most_common())
    note = f"left out {(~good).sum()} of {len(table)} rows: {counts}"
    return UsableRows(chosen_rows(table, good), note)


def chosen_rows(table: pd.DataFrame, mask: np.ndarray) -> pd.DataFrame:
    """Return the rows where a boolean mask of shape ``(rows,)`` holds."""
    return table.iloc[np.flatnonzero(mask)]


def real_column(rows: pd.DataFrame, name: str) -> np.ndarray:
    """Return a numeric column as float64, null as NaN, shape ``(rows,)``."""
    return rows[name].to_numpy(dtype=np.float64, na_value=np.nan)


def require_columns(table: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a table that lacks one of the named columns."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise TableError(
            f"the table lacks the columns {missing}, it has {[*table.columns]}"
        )
