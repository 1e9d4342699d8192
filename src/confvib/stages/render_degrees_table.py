"""Stage ``render_degrees_table``: errors for each set of degrees, as HTML and text."""

from confvib.figures.degrees_table import degrees_table_html, degrees_table_text
from confvib.tables.atomic import write_text_atomically
from confvib.tables.parquet import read_table
from confvib.tables.training_contracts import SWEEP


def render_degrees_table(sweep: str, html: str, text: str, campaign: str) -> None:
    """Write the errors for each set of degrees.

    Args:
        sweep: The ``sweep`` table.
        html: The page for the report.
        text: The table for the terminal.
        campaign: Name of the campaign.
    """
    frame = read_table(sweep, SWEEP).to_pandas()
    page = degrees_table_html(frame, campaign=campaign)
    write_text_atomically(html, page)
    lines = degrees_table_text(frame)
    write_text_atomically(text, lines)
