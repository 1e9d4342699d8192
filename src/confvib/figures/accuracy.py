"""What a force field's errors do to configurations: errors against k_B T, and weights."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from confvib.figures.rows import chosen_rows, real_column, usable_rows
from confvib.figures.style import (
    BLACK,
    BLUE,
    GREY,
    SKY,
    VERMILION,
    legend_below,
    new_figure,
    say_instead,
    style,
    wrapped,
)
from confvib.units import BOLTZMANN_EV_PER_K

_MOST_TEMPERATURES = 3
_SMALLEST_WEIGHT = 1e-12
"""Where the axes of weights begin: what lies below matters to no average."""

_REQUIRED = [
    "minimum_eV",
    "minimum_given_eV",
    "temperatures_K",
    "harmonic_eV",
    "harmonic_given_eV",
    "probability",
    "probability_given",
    "same_minimum",
]


def accuracy_figure(configurations: pd.DataFrame, errors: pd.DataFrame) -> Figure:
    """Draw the errors of each configuration against k_B T, and the weights they make.

    Args:
        configurations: Rows of ``tables.accuracy_contracts.ACCURACY_CONFIGURATIONS``.
        errors: Rows of ``tables.accuracy_contracts.ACCURACY_ERRORS``, for the numbers
            written into the panels.

    Returns:
        A column of panels per temperature. Above, the errors of E, F_harmonic and their
        sum [meV per cell, means taken off] against the exact sum relative to its mean;
        the band is k_B T each way. Below, weights by the force field against exact ones.
        Open symbols: the ions ended on different arrangements.

    Raises:
        TableError: A table lacks a column.
    """
    used = usable_rows(configurations, _REQUIRED)
    with style():
        if len(used.rows) < 2:
            figure = new_figure(7.0, 2.0)
            say_instead(figure.subplots(), "fewer than two configurations to compare")
            return figure
        every = np.asarray(used.rows["temperatures_K"].iloc[0], np.float64)
        shown = np.unique(
            np.linspace(0, len(every) - 1, min(len(every), _MOST_TEMPERATURES))
            .round()
            .astype(int)
        )
        figure = new_figure(7.0, 5.2)
        title = f"Force field against the reference, {len(used.rows)} configurations"
        note = f" ({used.note})" if used.note else ""
        figure.suptitle(wrapped(title + note), fontsize=8.5)
        panels = figure.subplots(2, len(shown), squeeze=False)
        for column, number in enumerate(shown):
            temperature_K = float(every[number])
            _draw_errors(panels[0, column], used.rows, number, temperature_K)
            _draw_weights(panels[1, column], used.rows, number)
            _write_numbers(panels[1, column], errors, temperature_K)
        panels[0, 0].set_ylabel("error − mean (meV per cell)")
        panels[1, 0].set_ylabel("weight by the force field")
        legend_below(figure, panels.flat, 4)
    return figure


def _at(rows: pd.DataFrame, column: str, number: int) -> np.ndarray:
    """Return one temperature of a column of lists, shape ``(rows,)``."""
    return np.array([values[number] for values in rows[column]], np.float64)


def _draw_errors(
    axes: Axes, rows: pd.DataFrame, number: int, temperature_K: float
) -> None:
    kT_meV = 1e3 * BOLTZMANN_EV_PER_K * temperature_K
    minimum, given = (real_column(rows, f"minimum{s}_eV") for s in ("", "_given"))
    harmonic, by_field = (_at(rows, f"harmonic{s}_eV", number) for s in ("", "_given"))
    exact = 1e3 * (minimum + harmonic)
    parts = {
        "E": (given - minimum, BLUE),
        "F$_{harmonic}$": (by_field - harmonic, VERMILION),
        "sum": (given + by_field - minimum - harmonic, BLACK),
    }
    axes.axhspan(-kT_meV, kT_meV, color=SKY, alpha=0.25, lw=0, label="± k$_B$T per cell")
    axes.axhline(0, color=GREY, linewidth=0.7)
    for label, (error, colour) in parts.items():
        error_meV = 1e3 * (error - error.mean())
        _points(axes, rows, exact - exact.mean(), error_meV, colour, label)
    axes.set_title(f"{temperature_K:g} K")
    axes.set_xlabel("exact sum − mean (meV)")


def _draw_weights(axes: Axes, rows: pd.DataFrame, number: int) -> None:
    exact, given = (
        np.maximum(_at(rows, name, number), _SMALLEST_WEIGHT)
        for name in ("probability", "probability_given")
    )
    _points(axes, rows, exact, given, BLACK, None)
    low = 0.5 * min(exact.min(), given.min())
    axes.set(xscale="log", yscale="log", xlim=(low, 2), ylim=(low, 2))
    axes.plot([low, 2], [low, 2], color=GREY, linewidth=0.7, zorder=1)
    axes.set_xlabel("exact weight")


def _points(
    axes: Axes,
    rows: pd.DataFrame,
    x: np.ndarray,
    y: np.ndarray,
    colour: str,
    label: str | None,
) -> None:
    """Draw filled symbols where the minima are one, open ones where they are not."""
    same = rows["same_minimum"].to_numpy(bool)
    for mask, face, name in ((same, colour, label), (~same, "none", None)):
        axes.plot(
            x[mask],
            y[mask],
            linestyle="none",
            marker="o",
            markersize=2.2,
            markeredgewidth=0.5,
            markeredgecolor=colour,
            markerfacecolor=face,
            label=name,
        )


def _write_numbers(axes: Axes, errors: pd.DataFrame, temperature_K: float) -> None:
    at = (
        (errors["rows"] == "all")
        & (errors["quantity"] == "minimum+harmonic")
        & (errors["temperature_K"] == temperature_K)
        & (errors["status"] == "ok")
    )
    found = chosen_rows(errors, at.to_numpy(bool))
    if found.empty:
        return
    row = found.iloc[0]
    axes.text(
        0.97,
        0.04,
        f"overlap {row['overlap']:.2f}\nESS {row['ess']:.1f}, {row['ess_given']:.1f}",
        ha="right",
        transform=axes.transAxes,
    )
