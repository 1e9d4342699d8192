"""Stage ``render_gibbs_table``: the thermodynamic tables as a page and as text."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from confvib.figures.table import gibbs_table_html, gibbs_table_text
from confvib.tables.atomic import write_text_atomically
from confvib.tables.parquet import read_table
from confvib.tables.thermodynamics_contracts import SHARES, THERMODYNAMICS


def render_gibbs_table(
    thermodynamics: Sequence[str],
    shares: Sequence[str],
    html: str,
    text: str,
    params: Mapping[str, Any],
) -> None:
    """Write Z, S and G of all sets, both conventions side by side.

    Args:
        thermodynamics: The ``thermodynamics`` tables.
        shares: The ``shares`` tables.
        html: The page for the report.
        text: The table for the terminal.
        params: Parameters of the rule.
    """
    frame, parts = (
        pa.concat_tables([read_table(path, schema) for path in paths]).to_pandas()
        for paths, schema in ((thermodynamics, THERMODYNAMICS), (shares, SHARES))
    )
    page = gibbs_table_html(
        frame, engine=params["engine"], campaign=params["campaign"], shares=parts
    )
    write_text_atomically(html, page)
    lines = gibbs_table_text(frame, engine=params["engine"])
    write_text_atomically(text, lines)
