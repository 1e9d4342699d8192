"""Stage ``render_crosscheck``: free energies by four methods as HTML and text."""

from collections.abc import Mapping

from confvib.figures.crosscheck_table import crosscheck_html, crosscheck_text
from confvib.tables.atomic import write_text_atomically
from confvib.tables.crosscheck_contracts import (
    AGREEMENT,
    CODES,
    FREE_ENERGIES,
    NOISE_GATE,
)
from confvib.tables.parquet import read_table

_SCHEMAS = {
    "free_energies": FREE_ENERGIES,
    "noise_gate": NOISE_GATE,
    "agreement": AGREEMENT,
    "codes": CODES,
}


def render_crosscheck(
    inputs: Mapping[str, str], html: str, text: str, campaign: str
) -> None:
    """Write the cross-check.

    Args:
        inputs: The four tables by name.
        html: The page for the report.
        text: The table for the terminal.
        campaign: Name of the campaign.
    """
    tables = {
        name: read_table(inputs[name], schema).to_pandas()
        for name, schema in _SCHEMAS.items()
    }
    page = crosscheck_html(tables, campaign=campaign)
    write_text_atomically(html, page)
    lines = crosscheck_text(tables)
    write_text_atomically(text, lines)
