"""Stage ``plot_learning_curve``: errors over the number of training frames."""

from confvib.figures.style import save
from confvib.figures.sweeps import learning_curve_figure
from confvib.tables.parquet import read_table
from confvib.tables.training_contracts import SWEEP


def plot_learning_curve(sweep: str, output: str) -> None:
    """Draw the learning curve.

    Args:
        sweep: The ``sweep`` table.
        output: The figure.
    """
    save(learning_curve_figure(read_table(sweep, SWEEP).to_pandas()), output)
