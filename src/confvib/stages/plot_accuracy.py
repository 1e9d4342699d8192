"""Stage ``plot_accuracy``: errors of every configuration against k_B T, and weights."""

from confvib.figures.accuracy import accuracy_figure
from confvib.figures.style import save
from confvib.tables.accuracy_contracts import ACCURACY_CONFIGURATIONS, ACCURACY_ERRORS
from confvib.tables.parquet import read_table


def plot_accuracy(configurations: str, errors: str, output: str) -> None:
    """Draw the comparison of both roads.

    Args:
        configurations: The ``accuracy_configurations`` table.
        errors: The ``accuracy_errors`` table.
        output: The figure.
    """
    figure = accuracy_figure(
        read_table(configurations, ACCURACY_CONFIGURATIONS).to_pandas(),
        read_table(errors, ACCURACY_ERRORS).to_pandas(),
    )
    save(figure, output)
