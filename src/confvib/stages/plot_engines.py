"""Stage ``plot_engines``: energies of every pair of engines against each other."""

from collections.abc import Sequence

import pandas as pd

from confvib.figures.engines import engines_figure
from confvib.figures.style import save
from confvib.tables.engine_contracts import ENGINE_ENERGIES, ENGINE_PAIRS
from confvib.tables.parquet import read_table


def plot_engines(engines: Sequence[str], pairs: str, output: str) -> None:
    """Draw the comparison.

    Args:
        engines: The ``engine_energies`` tables, in the order of the engines.
        pairs: The ``engine_pairs`` table.
        output: The figure.
    """
    energies = [read_table(path, ENGINE_ENERGIES).to_pandas() for path in engines]
    figure = engines_figure(
        pd.concat(energies, ignore_index=True),
        read_table(pairs, ENGINE_PAIRS).to_pandas(),
    )
    save(figure, output)
