"""-TS as rows are added in random order, with what subsets and their densities say."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from confvib.figures.conventions import CONVENTIONS
from confvib.figures.rows import chosen_rows, real_column, usable_rows
from confvib.figures.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILION,
    legend_below,
    new_figure,
    say_instead,
    style,
    wrapped,
)
from confvib.units import BOLTZMANN_EV_PER_K

_PANELS = {
    "canonical": (
        ("canonical", "−TS$_{conf}$, rows stand for n/m", BLUE),
        ("canonical_unscaled", "−TS$_{conf}$, rows stand for themselves", GREY),
    ),
    "published": (("published", "published −TS", BLACK),),
}
_DENSITY = "n draws from the density of m rows"
_REQUIRED = ("level", "temperature_K", "estimator", "n_rows", "n_subset")


def sampling_figure(curves: pd.DataFrame, tests: pd.DataFrame, level: str) -> Figure:
    """Draw -TS of random subsets against their size, in both conventions.

    Args:
        curves: Rows of ``tables.sampling_contracts.SAMPLING_CURVES`` of one set.
        tests: Rows of ``tables.sampling_contracts.SAMPLING_TESTS`` of that set.
        level: conf, conf+harmonic or conf+md.

    Returns:
        A row of panels per temperature. Left: canonical -T S_conf in meV/atom, median and
        5-95 % band over random orders, with and without the factor n/m. Right: published
        -TS and -k_B T ln m. Dotted: the whole set. Circles: the subset test. Diamonds:
        full sets drawn from the kernel density of a subset, mean and 5-95 %.

    Raises:
        TableError: A table lacks a column.
    """
    used = usable_rows(
        curves,
        [*_REQUIRED, *(f"minus_TS_{q}_eV_per_atom" for q in ("median", "p05", "p95"))],
    )
    compared = usable_rows(
        tests, [*_REQUIRED, "test", "minus_TS_full_eV_per_atom", "relative_error"]
    )
    drawn, points = (
        chosen_rows(table.rows, (table.rows["level"] == level).to_numpy(bool))
        for table in (used, compared)
    )
    temperatures = np.unique(real_column(drawn, "temperature_K"))
    with style():
        if not temperatures.size:
            figure = new_figure(7.0, 1.5)
            say_instead(figure.subplots(), f"no rows of level {level} to draw")
            return figure
        figure = new_figure(7.0, 0.9 + 2.2 * len(temperatures))
        figure.suptitle(wrapped(_title(drawn, level)), fontsize=8.5)
        panels = figure.subplots(len(temperatures), 2, squeeze=False)
        for line, temperature_K in zip(panels, temperatures, strict=True):
            at, tested = _at(temperature_K, drawn), _at(temperature_K, points)
            for axes, convention in zip(line, CONVENTIONS, strict=True):
                _panel(axes, at, tested, convention)
        legend_below(figure, panels.flat, 3)
    return figure


def _at(temperature_K: float, rows: pd.DataFrame) -> pd.DataFrame:
    return chosen_rows(rows, real_column(rows, "temperature_K") == temperature_K)


def _panel(
    axes: Axes, curves: pd.DataFrame, tests: pd.DataFrame, convention: str
) -> None:
    """Draw one temperature in one convention."""
    temperature_K = float(curves["temperature_K"].iloc[0])
    if convention not in set(curves["estimator"]):
        say_instead(axes, f"{convention}: fewer than two rows")
        return
    for estimator, label, colour in _PANELS[convention]:
        rows = _of(curves, "estimator", estimator).sort_values("n_subset")
        size = real_column(rows, "n_subset")
        median, low, high = (
            1e3 * real_column(rows, f"minus_TS_{name}_eV_per_atom")
            for name in ("median", "p05", "p95")
        )
        axes.fill_between(size, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(size, median, color=colour, label=label)
        subset = _of(_of(tests, "test", "subset"), "estimator", estimator)
        axes.plot(
            real_column(subset, "n_subset"),
            1e3 * real_column(subset, "minus_TS_eV_per_atom"),
            color=colour,
            marker="o",
            markersize=4,
            linestyle="none",
        )
        if estimator == convention:
            axes.axhline(median[-1], color=colour, linewidth=0.8, linestyle=":")
        if estimator == "published":
            counted = -1e3 * BOLTZMANN_EV_PER_K * temperature_K * np.log(size)
            axes.plot(size, counted, color=GREY, linestyle="--", label="−k$_B$T ln m")
    chosen = _of(tests, "estimator", *(name for name, *_ in _PANELS[convention]))
    _mark_density(axes, _of(chosen, "test", "density"))
    axes.set_xscale("log")
    axes.set_xlabel("rows m in random order")
    axes.set_ylabel(f"{temperature_K:g} K\n−TS (meV/atom)")
    axes.set_title(
        f"{CONVENTIONS[convention]}\n{wrapped(_in_words(chosen, convention), 46)}"
    )


def _mark_density(axes: Axes, tests: pd.DataFrame) -> None:
    if tests.empty:
        return
    full = 1e3 * real_column(tests, "minus_TS_full_eV_per_atom")
    mean, low, high = (
        full * (1 + real_column(tests, f"relative_error{which}"))
        for which in ("", "_p05", "_p95")
    )
    # -TS is negative: the quantiles of its relative error are in the opposite order.
    bars = np.abs(np.vstack([mean - np.minimum(low, high), np.maximum(low, high) - mean]))
    axes.errorbar(
        real_column(tests, "n_subset"),
        mean,
        yerr=bars,
        color=VERMILION,
        marker="D",
        markersize=4,
        linestyle="none",
        label=_DENSITY,
    )


def _in_words(tests: pd.DataFrame, convention: str) -> str:
    """Say what the subset and its density are off by."""
    names = {
        ("subset", "canonical"): "n/m",
        ("subset", "canonical_unscaled"): "no factor",
        ("subset", "published"): "published",
        ("density", convention): "density",
    }
    parts = [
        f"{names[row['test'], row['estimator']]} {_percent(row['relative_error'])}"
        for row in tests.to_dict("records")
    ]
    if not parts:
        return ""
    size = float(real_column(tests, "n_subset")[0])
    return f"−TS off at m = {size:,.0f}: {', '.join(parts)}"


def _of(rows: pd.DataFrame, column: str, *values: str) -> pd.DataFrame:
    return chosen_rows(rows, rows[column].isin(values).to_numpy(bool))


def _percent(value: float) -> str:
    # No break between number and sign when a title is wrapped.
    return f"{100 * value:+.1f}\N{NO-BREAK SPACE}%".replace("-", "−")


def _title(rows: pd.DataFrame, level: str) -> str:
    first = rows.iloc[0]
    return (
        f"Set {first['set']}, level {level}: n = {first['n_rows']:,.0f} rows, "
        f"{first['n_orders']:.0f} random orders, median and 5–95 %"
    )
