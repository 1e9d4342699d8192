"""Stage ``render_gibbs_table``: the thermodynamic tables as a page and as text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from confvib.figures.table import gibbs_table_html, gibbs_table_text
from confvib.tables.atomic import write_atomically
from confvib.tables.contracts import THERMODYNAMICS
from confvib.tables.parquet import read_table


def render_gibbs_table(
    thermodynamics: Sequence[str], html: str, text: str, params: Mapping[str, Any]
) -> None:
    """Write Z, S and G of all sets, both conventions side by side.

    Args:
        thermodynamics: The ``thermodynamics`` tables.
        html: The page for the report.
        text: The table for the terminal.
        params: Parameters of the rule.
    """
    tables = [read_table(path, THERMODYNAMICS) for path in thermodynamics]
    frame = pa.concat_tables(tables).to_pandas()
    page = gibbs_table_html(frame, engine=params["engine"], campaign=params["campaign"])
    write_atomically(Path(html), lambda path: path.write_text(page, encoding="utf-8"))
    lines = gibbs_table_text(frame, engine=params["engine"])
    write_atomically(Path(text), lambda path: path.write_text(lines, encoding="utf-8"))
