"""Stage ``plot_parity``: a force field's predictions against its labels."""

from confvib.figures.parity import parity_figure
from confvib.figures.style import save
from confvib.tables.contracts import METRICS, PREDICTIONS
from confvib.tables.parquet import read_table


def plot_parity(predictions: str, metrics: str, output: str, role: str) -> None:
    """Draw energies and forces of the train, validation and test frames.

    Args:
        predictions: The ``predictions`` table.
        metrics: The ``metrics`` table.
        output: The figure.
        role: Name of the force field.
    """
    figure = parity_figure(
        read_table(predictions, PREDICTIONS).to_pandas(),
        read_table(metrics, METRICS).to_pandas(),
        role,
    )
    save(figure, output)
