"""How a force field learned: losses and validation errors by epoch."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from confvib.figures.rows import real_column, usable_rows
from confvib.figures.style import BLACK, BLUE, GREY, VERMILION, new_figure, style, wrapped


def history_figure(history: pd.DataFrame, model: str) -> Figure:
    """Draw training and validation loss and the validation errors against the epoch.

    Args:
        history: Rows of ``tables.contracts.HISTORY``.
        model: Name of the force field, for the title.

    Returns:
        Three panels over the epoch: both losses (eq. 16, logarithmic) and the mean
        absolute errors of energy [meV/atom] and force [meV/Å] on the validation frames.
        The epoch of the lowest validation loss, whose parameters are kept, is marked.

    Raises:
        TableError: The table lacks a column.
    """
    used = usable_rows(history, ["epoch"])
    rows = used.rows.sort_values("epoch")
    with style():
        figure = new_figure(7.0, 2.7)
        loss, energy, force = figure.subplots(1, 3)
        _curve(loss, rows, "train_loss", BLUE, "training")
        _curve(loss, rows, "valid_loss", VERMILION, "validation")
        _curve(energy, rows, "valid_energy_mae_meV_per_atom", BLACK, "validation")
        _curve(force, rows, "valid_force_mae_meV_per_A", BLACK, "validation")
        loss.set_ylabel("loss, eq. 16")
        energy.set_ylabel("MAE of energy (meV/atom)")
        force.set_ylabel("MAE of force (meV/Å)")
        best = _best_epoch(rows)
        title = [f"Training of force field {model}"]
        if best is not None:
            title.append(f"lowest validation loss at epoch {best} (dotted)")
        text = "; ".join(filter(None, [*title, used.note]))
        figure.suptitle(wrapped(text), fontsize=8.5)
        for axes in (loss, energy, force):
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            if best is not None:
                axes.axvline(best, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
        loss.legend(loc="best")
    return figure


def _curve(axes: Axes, rows: pd.DataFrame, column: str, colour: str, label: str) -> None:
    # Epochs without validation hold nulls; the line joins the ones that have a value.
    value = real_column(rows, column)
    known = np.isfinite(value)
    axes.plot(
        real_column(rows, "epoch")[known],
        value[known],
        color=colour,
        label=label,
        marker="o" if known.sum() < 30 else None,
    )
    if known.any() and value[known].min() > 0:
        axes.set_yscale("log")
        # Without full decades every tick would be a power of ten written out.
        axes.yaxis.set_minor_formatter(NullFormatter())
        if value[known].max() < 10 * value[known].min():
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
            axes.yaxis.set_major_formatter(ScalarFormatter())


def _best_epoch(rows: pd.DataFrame) -> int | None:
    loss = real_column(rows, "valid_loss")
    if not np.isfinite(loss).any():
        return None
    return int(real_column(rows, "epoch")[np.nanargmin(loss)])
