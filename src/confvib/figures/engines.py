"""Energies of the same configurations by two engines, against each other."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from confvib.figures.rows import chosen_rows, require_columns, usable_rows
from confvib.figures.style import (
    BLACK,
    GREY,
    SKY,
    legend_below,
    new_figure,
    say_instead,
    style,
    wrapped,
)
from confvib.tables.engine_contracts import ENGINE_PAIRS, GEOMETRIES
from confvib.units import BOLTZMANN_EV_PER_K


def engines_figure(energies: pd.DataFrame, pairs: pd.DataFrame) -> Figure:
    """Draw the energies of every pair of engines at every geometry.

    Args:
        energies: Rows of ``tables.engine_contracts.ENGINE_ENERGIES`` of all engines.
        pairs: Rows of ``tables.engine_contracts.ENGINE_PAIRS``.

    Returns:
        A row of panels per pair, a column per geometry: the other engine's energies
        against the engine's [meV per cell, means taken off]; the band is k_B T each way.

    Raises:
        TableError: A table lacks a column.
    """
    require_columns(pairs, [column.name for column in ENGINE_PAIRS.columns])
    used = usable_rows(energies, ["engine", "geometry", "config_id", "energy_eV"])
    values_eV: dict[tuple[str, str], dict[str, float]] = {}
    for row in used.rows.to_dict("records"):
        rows = values_eV.setdefault((row["engine"], row["geometry"]), {})
        rows[row["config_id"]] = row["energy_eV"]
    geometries = [name for name in GEOMETRIES if name in set(pairs["geometry"])]
    names = list(dict.fromkeys(zip(pairs["engine"], pairs["other"], strict=True)))
    with style():
        if not names:
            figure = new_figure(7.0, 1.5)
            say_instead(figure.subplots(), "no two engines to compare")
            return figure
        width = max(4.0, 2.35 * len(geometries))
        figure = new_figure(width, 0.7 + 2.5 * len(names))
        note = f" ({used.note})" if used.note else ""
        title = f"Set {pairs['set'].iloc[0]} by label engines{note}"
        figure.suptitle(wrapped(title, int(15 * width)), fontsize=8.5)
        panels = figure.subplots(len(names), len(geometries), squeeze=False)
        for line, pair in zip(panels, names, strict=True):
            for axes, geometry in zip(line, geometries, strict=True):
                both = (values_eV.get((name, geometry), {}) for name in pair)
                _panel(axes, pairs, (*pair, geometry), *both)
        legend_below(figure, panels.flat, 2)
    return figure


def _panel(
    axes: Axes,
    pairs: pd.DataFrame,
    key: tuple[str, str, str],
    first_eV: dict[str, float],
    other_eV: dict[str, float],
) -> None:
    engine, other, geometry = key
    chosen = (
        (pairs["engine"] == engine)
        & (pairs["other"] == other)
        & (pairs["geometry"] == geometry)
    )
    found = chosen_rows(pairs, chosen.to_numpy(bool)).to_dict("records")
    if not found or found[0]["status"] != "ok":
        reason = found[0]["reason"] if found else "not computed"
        say_instead(axes, f"{geometry}: {wrapped(reason, 34)}")
        return
    row = found[0]
    shared = [config_id for config_id in first_eV if config_id in other_eV]
    x, y = (
        1e3 * np.array([values[config_id] for config_id in shared])
        for values in (first_eV, other_eV)
    )
    x, y = x - x.mean(), y - y.mean()
    kT_meV = 1e3 * BOLTZMANN_EV_PER_K * row["temperature_K"]
    edge = 1.08 * float(np.abs([x, y]).max()) + 1e-3
    line = np.array([-edge, edge])
    axes.fill_between(
        line,
        line - kT_meV,
        line + kT_meV,
        color=SKY,
        alpha=0.3,
        linewidth=0,
        label=f"± k$_B$T per cell at {row['temperature_K']:g} K",
    )
    axes.plot(line, line, color=GREY, linewidth=0.7, label="equal energies")
    axes.plot(x, y, color=BLACK, marker="o", markersize=3, linestyle="none")
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
    axes.set_xlabel(f"{engine}: E − mean (meV)")
    axes.set_ylabel(f"{other}: E − mean (meV)")
    axes.set_title(
        f"{geometry}, {row['n_rows']:.0f} of {row['n_selected']:.0f}\n"
        f"ρ {row['spearman']:.2f}, τ {row['kendall']:.2f}, "
        f"rms {row['rms_over_kT']:.1f} k$_B$T".replace("-", "−")
    )
