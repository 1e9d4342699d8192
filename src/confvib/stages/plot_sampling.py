"""Stage ``plot_sampling``: -TS as rows are added in random order."""

from confvib.figures.sampling import sampling_figure
from confvib.figures.style import save
from confvib.tables.parquet import read_table
from confvib.tables.sampling_contracts import SAMPLING_CURVES, SAMPLING_TESTS


def plot_sampling(curves: str, tests: str, output: str, level: str) -> None:
    """Draw one level of one set.

    Args:
        curves: The ``sampling_curves`` table.
        tests: The ``sampling_tests`` table.
        output: The figure.
        level: ``conf``, ``conf+harmonic`` or ``conf+md``.
    """
    figure = sampling_figure(
        read_table(curves, SAMPLING_CURVES).to_pandas(),
        read_table(tests, SAMPLING_TESTS).to_pandas(),
        level,
    )
    save(figure, output)
