"""Stage ``render_accuracy``: what the force field's errors do, as HTML and text."""

from pathlib import Path

from confvib.figures.accuracy_table import accuracy_html, accuracy_text
from confvib.tables.accuracy_contracts import ACCURACY_ERRORS
from confvib.tables.atomic import write_atomically
from confvib.tables.parquet import read_table


def render_accuracy(errors: str, html: str, text: str, campaign: str) -> None:
    """Write the tables of the comparison.

    Args:
        errors: The ``accuracy_errors`` table.
        html: The page for the report.
        text: The table for the terminal.
        campaign: Name of the campaign.
    """
    table = read_table(errors, ACCURACY_ERRORS).to_pandas()
    page = accuracy_html(table, campaign=campaign)
    write_atomically(Path(html), lambda path: path.write_text(page, encoding="utf-8"))
    lines = accuracy_text(table)
    write_atomically(Path(text), lambda path: path.write_text(lines, encoding="utf-8"))
