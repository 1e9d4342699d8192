"""Stage ``plot_phase_stability``: differences of G over temperature."""

from confvib.figures.phase_stability import phase_stability_figure
from confvib.figures.style import save
from confvib.tables.parquet import read_table
from confvib.tables.phase_contracts import PHASE_CROSSINGS, PHASE_STABILITY


def plot_phase_stability(
    stability: str, crossings: str, output: str, phase: str, engine: str
) -> None:
    """Draw the campaign's crystal against one phase.

    Args:
        stability: The ``phase_stability`` table.
        crossings: The ``phase_crossings`` table.
        output: The figure.
        phase: Name of the phase.
        engine: The configuration's ``labels.engine``.
    """
    figure = phase_stability_figure(
        read_table(stability, PHASE_STABILITY).to_pandas(),
        read_table(crossings, PHASE_CROSSINGS).to_pandas(),
        phase=phase,
        engine=engine,
    )
    save(figure, output)
