"""Stage ``render_engines``: what pairs of engines agree on, as HTML and text."""

from confvib.figures.engines_table import engines_html, engines_text
from confvib.tables.atomic import write_text_atomically
from confvib.tables.engine_contracts import ENGINE_PAIRS
from confvib.tables.parquet import read_table


def render_engines(pairs: str, html: str, text: str, campaign: str) -> None:
    """Write the tables of the comparison.

    Args:
        pairs: The ``engine_pairs`` table.
        html: The page for the report.
        text: The table for the terminal.
        campaign: Name of the campaign.
    """
    table = read_table(pairs, ENGINE_PAIRS).to_pandas()
    page = engines_html(table, campaign=campaign)
    write_text_atomically(html, page)
    lines = engines_text(table)
    write_text_atomically(text, lines)
