"""Stage ``plot_surrogate``: errors over the share of rows that were computed."""

from confvib.figures.style import save
from confvib.figures.surrogate import surrogate_figure
from confvib.tables.parquet import read_table
from confvib.tables.surrogate_contracts import SURROGATE_VALIDATION


def plot_surrogate(validation: str, output: str) -> None:
    """Draw the test of the surrogate.

    Args:
        validation: The ``surrogate_validation`` table.
        output: The figure.
    """
    save(
        surrogate_figure(read_table(validation, SURROGATE_VALIDATION).to_pandas()), output
    )
