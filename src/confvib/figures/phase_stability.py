"""Difference of G between two phases over temperature, in both conventions."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from confvib.figures.conventions import CONVENTIONS
from confvib.figures.rows import chosen_rows, real_column, require_columns
from confvib.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    VERMILION,
    legend_below,
    new_figure,
    say_instead,
    style,
    wrapped,
)
from confvib.figures.verdict import engine_warning

COMPARED = {
    ("conf", "conf"): ("conf", BLUE, "o"),
    ("conf+harmonic", "conf+harmonic"): ("conf+harmonic", GREEN, "D"),
    ("conf+md", "conf+md"): ("conf+md", VERMILION, "s"),
    ("conf", "conf+md"): ("conf against conf+md of the phase", GREY, "^"),
}
"""Levels of the campaign's crystal and of the phase: their name, colour and marker."""


def phase_stability_figure(
    stability: pd.DataFrame, crossings: pd.DataFrame, *, phase: str, engine: str
) -> Figure:
    """Draw G of the campaign's crystal minus G of a phase against temperature.

    Args:
        stability: Rows of ``tables.phase_contracts.PHASE_STABILITY``.
        crossings: Rows of ``tables.phase_contracts.PHASE_CROSSINGS``.
        phase: Name of the phase.
        engine: The configuration's ``labels.engine``; its warning joins the title.

    Returns:
        A panel for each convention on its own scale [meV/atom]; hollow markers are rows
        with an objection, dotted lines crossings, stars values reported elsewhere.

    Raises:
        TableError: A table lacks a column.
    """
    require_columns(stability, ["phase", "convention", "delta_G_meV_per_atom", "status"])
    require_columns(crossings, ["phase", "convention", "temperature_K"])
    stability, crossings = (
        chosen_rows(table, (table["phase"] == phase).to_numpy(bool))
        for table in (stability, crossings)
    )
    with style():
        figure = new_figure(7.0, 3.4)
        panels = figure.subplots(1, 2)
        title = (
            f"ΔG: the campaign's crystal minus {phase}; below 0, {phase} is less stable"
        )
        warning = engine_warning(engine)
        figure.suptitle(wrapped(f"{title}. {warning}".strip()), fontsize=8.5)
        for axes, (convention, meaning) in zip(panels, CONVENTIONS.items(), strict=True):
            rows, turns = (
                chosen_rows(table, (table["convention"] == convention).to_numpy(bool))
                for table in (stability, crossings)
            )
            axes.set_title(wrapped(meaning, 46), fontsize=8)
            if not np.isfinite(real_column(rows, "delta_G_meV_per_atom")).any():
                say_instead(axes, "no difference to show")
                continue
            _panel(axes, rows, turns)
        legend_below(figure, panels, 3)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, turns: pd.DataFrame) -> None:
    axes.axhline(0, color=BLACK, linewidth=0.8)
    for (level, phase_level), drawn in COMPARED.items():
        mine = _of(rows, level, phase_level)
        if len(mine):
            _curve(axes, mine, drawn)
        at = real_column(_of(turns, level, phase_level), "temperature_K")
        for temperature_K in at[np.isfinite(at)].tolist():
            axes.axvline(temperature_K, color=drawn[1], linestyle=":", linewidth=1)
    reported = real_column(rows, "reported_meV_per_atom")
    shown = np.isfinite(reported)
    if shown.any():
        axes.plot(
            real_column(rows, "temperature_K")[shown],
            reported[shown],
            linestyle="none",
            marker="*",
            markersize=9,
            color=BLACK,
            markerfacecolor="none",
            zorder=4,
            label="reported",
        )
    axes.set_xlabel("T (K)")
    axes.set_ylabel("ΔG (meV/atom)")


def _of(table: pd.DataFrame, level: str, phase_level: str) -> pd.DataFrame:
    mine = (table["level"] == level) & (table["phase_level"] == phase_level)
    return chosen_rows(table, mine.to_numpy(bool))


def _curve(axes: Axes, rows: pd.DataFrame, drawn: tuple[str, str, str]) -> None:
    label, colour, marker = drawn
    rows = rows.sort_values("temperature_K")
    T, delta = (
        real_column(rows, "temperature_K"),
        real_column(rows, "delta_G_meV_per_atom"),
    )
    error = real_column(rows, "delta_G_stderr_meV_per_atom")
    known = np.isfinite(delta)
    if not known.any():
        return
    axes.errorbar(
        T[known],
        delta[known],
        yerr=np.nan_to_num(error[known]),
        color=colour,
        marker=marker,
        markersize=4,
        capsize=2,
        linewidth=1,
        label=label,
    )
    hollow = known & (rows["status"] != "ok").to_numpy(bool)
    axes.plot(
        T[hollow],
        delta[hollow],
        linestyle="none",
        marker=marker,
        markersize=4,
        markerfacecolor="white",
        markeredgecolor=colour,
        zorder=3,
    )
