"""Stage ``plot_history``: losses and errors of a training over its epochs."""

from confvib.figures.history import history_figure
from confvib.figures.style import save
from confvib.tables.contracts import HISTORY
from confvib.tables.parquet import read_table


def plot_history(history: str, output: str, role: str) -> None:
    """Draw the training history.

    Args:
        history: The ``history`` table.
        output: The figure.
        role: Name of the force field.
    """
    save(history_figure(read_table(history, HISTORY).to_pandas(), role), output)
