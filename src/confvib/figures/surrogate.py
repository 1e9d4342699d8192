"""What a few computed configurations say of the others, over their share."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    NullFormatter,
    NullLocator,
    PercentFormatter,
)

from confvib.figures.rows import chosen_rows, real_column, usable_rows
from confvib.figures.style import (
    BLUE,
    GREEN,
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

_SELECTIONS = {
    "random": ("surrogate, random rows", BLUE, "o"),
    "variance": ("surrogate, largest variance", VERMILION, "s"),
    "weight": ("surrogate, largest $p_i\\sigma_i$", GREEN, "D"),
}
_ASSISTED = ("random rows, assisted", SKY, "v")
_SAMPLED = ("random rows alone", GREY, "^")
_QUANTITIES = {"energy+harmonic": "E + F_harmonic", "energy": "E"}
_MOST_TEMPERATURES = 3


def surrogate_figure(validation: pd.DataFrame) -> Figure:
    """Draw errors of predicted ensembles against the share of rows that were computed.

    Args:
        validation: Rows of ``tables.surrogate_contracts.SURROGATE_VALIDATION``.

    Returns:
        A line of panels per temperature, for the highest level there is: error of the
        rows that were not computed [k_B T per cell], error of F [k_B T per cell] and of
        S_conf [k_B per cell], root mean squares over the repeats, and overlap of the
        weights with those of the full set.

    Raises:
        TableError: The table lacks a column.
    """
    used = usable_rows(
        validation,
        [
            "quantity",
            "temperature_K",
            "selection",
            "fraction",
            "rmse_over_kT",
            "F_error_eV",
            "S_conf_error_kB",
            "overlap",
        ],
    )
    present = set(used.rows["quantity"])
    shown = [name for name in _QUANTITIES if name in present]
    with style():
        if not shown:
            figure = new_figure(7.0, 2.0)
            say_instead(figure.subplots(), _why_empty(validation))
            return figure
        rows = chosen_rows(used.rows, (used.rows["quantity"] == shown[0]).to_numpy(bool))
        temperatures = _spread_out(np.unique(real_column(rows, "temperature_K")))
        figure = new_figure(7.0, 0.9 + 1.65 * len(temperatures))
        panels = figure.subplots(len(temperatures), 4, squeeze=False, sharex=True)
        figure.suptitle(wrapped(_title(rows, shown[0])), fontsize=8.5)
        for line, temperature_K in zip(panels, temperatures, strict=True):
            at = real_column(rows, "temperature_K") == temperature_K
            _line(line, chosen_rows(rows, at), temperature_K)
        for axes in panels[-1]:
            axes.set_xlabel("computed")
        legend_below(figure, panels.flat, 3)
    return figure


def _line(panels: np.ndarray, rows: pd.DataFrame, temperature_K: float) -> None:
    """Draw one temperature."""
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    predicted = ("rmse_over_kT", "F_error_eV", "S_conf_error_kB", "overlap")
    assisted = (None, "F_assisted_error_eV", "S_conf_assisted_error_kB", None)
    sampled = (None, "F_sampled_error_eV", "S_conf_sampled_error_kB", "overlap_sampled")
    labels = (
        f"{temperature_K:g} K\nerror of a row (k$_B$T)",
        "error of F (k$_B$T)",
        "error of S$_{conf}$ (k$_B$)",
        "overlap of weights",
    )
    for axes, column, help_, alone, label in zip(
        panels, predicted, assisted, sampled, labels, strict=True
    ):
        unit = kT_eV if column == "F_error_eV" else 1.0
        for selection, drawn in _SELECTIONS.items():
            mask = (rows["selection"] == selection).to_numpy(bool)
            _curve(axes, chosen_rows(rows, mask), column, unit, drawn)
        random = chosen_rows(rows, (rows["selection"] == "random").to_numpy(bool))
        for name, drawn in ((help_, _ASSISTED), (alone, _SAMPLED)):
            if name is not None:
                _curve(axes, random, name, unit, drawn)
        axes.set_ylabel(label)
        if column == "overlap":
            axes.set_ylim(0, 1)
        else:
            axes.set_yscale("log")
            _readable_ticks(axes)
        axes.xaxis.set_major_locator(
            FixedLocator(np.unique(real_column(rows, "fraction")).tolist())
        )
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _curve(
    axes: Axes,
    rows: pd.DataFrame,
    column: str,
    unit: float,
    drawn: tuple[str, str, str],
) -> None:
    """Draw the root mean square over the repeats; the mean of an overlap."""
    if rows.empty:
        return
    label, colour, marker = drawn
    fraction, value = real_column(rows, "fraction"), real_column(rows, column) / unit
    at = np.unique(fraction)
    groups = [value[fraction == each] for each in at]
    mean = "overlap" in column
    size = [np.mean(each) if mean else np.sqrt(np.mean(each**2)) for each in groups]
    axes.plot(at, size, color=colour, marker=marker, markersize=3, label=label)


def _readable_ticks(axes: Axes) -> None:
    """Label a logarithmic axis with plain numbers, few over decades."""
    low, high = axes.get_ylim()
    few = high > 20 * low
    subs = (1.0,) if high > 300 * low else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs if few else (1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _spread_out(temperatures: np.ndarray) -> np.ndarray:
    """Return at most three temperatures, the first and the last among them."""
    if len(temperatures) <= _MOST_TEMPERATURES:
        return temperatures
    return temperatures[np.linspace(0, len(temperatures) - 1, 3).round().astype(int)]


def _title(rows: pd.DataFrame, quantity: str) -> str:
    first = rows.iloc[0]
    parts = [
        f"Surrogate of {_QUANTITIES[quantity]}, set {first['set']}",
        f"{first['n_rows']:.0f} computed rows",
        f"{len(set(rows['repeat']))} repeats, per cell",
    ]
    return "; ".join(parts)


def _why_empty(validation: pd.DataFrame) -> str:
    reasons = [text for text in validation["reason"].dropna().unique() if text]
    return "no surrogate to show: " + ("; ".join(reasons) or "no rows")
