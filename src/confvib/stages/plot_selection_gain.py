"""Stage ``plot_selection_gain``: random against chosen training frames."""

from confvib.figures.style import save
from confvib.figures.sweeps import selection_gain_figure
from confvib.tables.parquet import read_table
from confvib.tables.training_contracts import SWEEP


def plot_selection_gain(sweep: str, output: str) -> None:
    """Draw what choosing the training frames buys at equal number.

    Args:
        sweep: The ``sweep`` table.
        output: The figure.
    """
    save(selection_gain_figure(read_table(sweep, SWEEP).to_pandas()), output)
