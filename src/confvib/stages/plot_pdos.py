"""Stage ``plot_pdos``: phonon density of states at every temperature."""

from collections.abc import Sequence

import pyarrow as pa

from confvib.figures.pdos import pdos_figure
from confvib.figures.style import save
from confvib.tables.contracts import DYNAMICS, HARMONIC
from confvib.tables.parquet import read_table


def plot_pdos(dynamics: Sequence[str], harmonic: Sequence[str], output: str) -> None:
    """Draw mean and spread over configurations, by element (the paper's Fig. 6).

    Args:
        dynamics: The ``dynamics`` tables of a set at all temperatures.
        harmonic: Its ``harmonic`` tables.
        output: The figure.
    """
    runs = pa.concat_tables([read_table(path, DYNAMICS) for path in dynamics])
    modes = pa.concat_tables([read_table(path, HARMONIC) for path in harmonic])
    save(pdos_figure(runs.to_pandas(), modes.to_pandas()), output)
