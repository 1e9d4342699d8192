"""Stage ``plot_free_energies``: distribution of energies and convergence of -TS."""

from confvib.figures.distribution import distribution_figure
from confvib.figures.style import save
from confvib.tables.parquet import read_table
from confvib.tables.thermodynamics_contracts import CONVERGENCE


def plot_free_energies(convergence: str, output: str, level: str) -> None:
    """Draw one level of one set in both conventions (the paper's Figs. 5, 7 and 8).

    Args:
        convergence: The ``convergence`` table of the set.
        output: The figure.
        level: ``conf``, ``conf+harmonic`` or ``conf+md``.
    """
    curves = read_table(convergence, CONVERGENCE).to_pandas()
    save(distribution_figure(curves, level), output)
