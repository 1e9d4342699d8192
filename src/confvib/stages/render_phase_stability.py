"""Stage ``render_phase_stability``: differences of G as a page and as text."""

from collections.abc import Mapping
from typing import Any

from confvib.figures.phase_table import phase_table_html, phase_table_text
from confvib.tables.atomic import write_text_atomically
from confvib.tables.parquet import read_table
from confvib.tables.phase_contracts import PHASE_CROSSINGS, PHASE_STABILITY


def render_phase_stability(
    stability: str, crossings: str, html: str, text: str, params: Mapping[str, Any]
) -> None:
    """Write the comparison with all phases.

    Args:
        stability: The ``phase_stability`` table.
        crossings: The ``phase_crossings`` table.
        html: The page for the report.
        text: The table for the terminal.
        params: Parameters of the rule.
    """
    tables = (
        read_table(stability, PHASE_STABILITY).to_pandas(),
        read_table(crossings, PHASE_CROSSINGS).to_pandas(),
    )
    engine = params["engine"]
    page = phase_table_html(*tables, engine=engine, campaign=params["campaign"])
    write_text_atomically(html, page)
    lines = phase_table_text(*tables, engine=engine)
    write_text_atomically(text, lines)
