"""Stage ``plot_crosscheck``: four free energies of each configuration, and integrands."""

from confvib.figures.crosscheck import crosscheck_figure
from confvib.figures.style import save
from confvib.tables.crosscheck_contracts import FREE_ENERGIES
from confvib.tables.parquet import read_table


def plot_crosscheck(free_energies: str, output: str) -> None:
    """Draw the cross-check.

    Args:
        free_energies: The ``crosscheck_free_energies`` table.
        output: The figure.
    """
    table = read_table(free_energies, FREE_ENERGIES).to_pandas()
    save(crosscheck_figure(table), output)
