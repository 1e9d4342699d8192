"""Stage ``render_accuracy``: what the force field's errors do, as HTML and text."""

from confvib.figures.accuracy_table import accuracy_html, accuracy_text
from confvib.tables.accuracy_contracts import ACCURACY_ERRORS
from confvib.tables.atomic import write_text_atomically
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
    write_text_atomically(html, page)
    lines = accuracy_text(table)
    write_text_atomically(text, lines)
