"""Stage ``plot_pdos``: averaged phonon density of states at every temperature."""

from confvib.figures.pdos import pdos_figure
from confvib.figures.style import save
from confvib.tables.parquet import read_table
from confvib.tables.spectra_contracts import AVERAGED_SPECTRA


def plot_pdos(spectra: str, output: str) -> None:
    """Draw mean and spread over configurations, by element (the paper's Fig. 6).

    Args:
        spectra: The ``averaged_spectra`` table of a set.
        output: The figure.
    """
    save(pdos_figure(read_table(spectra, AVERAGED_SPECTRA).to_pandas()), output)
