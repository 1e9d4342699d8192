"""Stage ``render_sampling``: verdicts and tests of every set as HTML."""

from collections.abc import Sequence

import pyarrow as pa

from confvib.figures.sampling_table import sampling_html
from confvib.tables.atomic import write_text_atomically
from confvib.tables.parquet import read_table
from confvib.tables.sampling_contracts import SAMPLING_TESTS, SAMPLING_VERDICTS


def render_sampling(
    tests: Sequence[str], verdicts: Sequence[str], html: str, campaign: str
) -> None:
    """Write the page for the report.

    Args:
        tests: The ``sampling_tests`` tables of all sets.
        verdicts: The ``sampling_verdicts`` tables of all sets.
        html: The page.
        campaign: Name of the campaign.
    """
    joined = [
        # The files differ in their provenance alone.
        pa.concat_tables(
            [read_table(path, schema).replace_schema_metadata() for path in paths]
        ).to_pandas()
        for paths, schema in ((tests, SAMPLING_TESTS), (verdicts, SAMPLING_VERDICTS))
    ]
    page = sampling_html(*joined, campaign=campaign)
    write_text_atomically(html, page)
