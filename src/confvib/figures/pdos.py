"""Phonon densities of states: canonical mean and spread by element, and as printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from confvib.figures.rows import require_columns
from confvib.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    legend_below,
    new_figure,
    say_instead,
    style,
    wrapped,
)
from confvib.units import PLANCK_EV_PER_THZ

MEV_PER_THZ = 1e3 * PLANCK_EV_PER_THZ
"""Energy quantum of one THz [meV/THz]."""

_ELEMENT_COLOURS = (BLUE, GREEN, VERMILION, ORANGE, PURPLE, SKY)
_SHOWN = 0.99
_KEYS = ("temperature_K", "source", "weighting")
_COLUMNS = (
    *_KEYS,
    "element",
    "frequency_THz",
    "mean_per_THz",
    "deviation_per_THz",
    "printed_deviation_per_THz",
    "n_used",
    "n_failed",
    "n_unweighted",
    "ess",
    "temperature_measured_K",
    "temperature_measured_deviation_K",
    "status",
    "reason",
)


Row = dict[str, Any]


@dataclass(frozen=True)
class _Temperature:
    """What a line of panels shows; an average that failed has no rows."""

    temperature_K: float
    weighting: str
    runs: list[Row]
    modes: list[Row]
    printed: list[Row]
    reason: str


def pdos_figure(spectra: pd.DataFrame) -> Figure:
    """Draw the averaged densities of states of a set at every temperature.

    Args:
        spectra: Rows of ``tables.spectra_contracts.AVERAGED_SPECTRA`` of one set.

    Returns:
        A line of panels per temperature, in modes/meV per cell. Left: canonical mean of
        the runs, total (black) and by element, with ± one weighted standard deviation,
        and that of the Hessians (grey, dashed); each configuration once if there are no
        canonical weights, and the title says so. Right: the total with the weights and
        the standard deviation that the paper prints, around the standard deviation with
        the same weights. Below, with several temperatures: what changes from the lowest
        to the highest.

    Raises:
        TableError: A column is missing.

    Source: fig. 6 of the paper; docs/formulation.md#averaged-spectra.
    """
    require_columns(spectra, list(_COLUMNS))
    table = [*map(dict, spectra.to_dict("records"))]
    shown = [_at(table, T) for T in sorted({row["temperature_K"] for row in table})]
    good = [each for each in shown if each.runs]
    n_lines = len(shown) + (len(good) > 1)
    with style():
        if not good:
            figure = new_figure(7.0, 2.0)
            say_instead(figure.subplots(), _why_empty(shown))
            return figure
        figure = new_figure(7.0, 0.8 + 2.1 * n_lines)
        panels = figure.subplots(
            n_lines, 2, squeeze=False, sharex=True, width_ratios=(2.2, 1)
        )
        for (left, right), each in zip(panels[: len(shown)], shown, strict=True):
            _draw_canonical(left, each)
            _draw_printed(right, each)
        if len(good) > 1:
            _draw_change(panels[-1, 0], good[0], good[-1])
            panels[-1, 1].set_axis_off()
            panels[-2, 1].xaxis.set_tick_params(labelbottom=True)
        _finish(figure, panels[: len(shown)], panels, max(map(_upper_meV, good)))
    return figure


def _at(table: Sequence[Row], temperature_K: float) -> _Temperature:
    """Take what one temperature has."""

    def usable(source: str, weighting: str) -> list[Row]:
        """Return the rows of one average, the total first; none if that is not ok."""
        wanted = (temperature_K, source, weighting)
        found = [row for row in table if wanted == tuple(row[key] for key in _KEYS)]
        if any(row["element"] == "total" and row["status"] != "ok" for row in found):
            return []
        return [row for row in found if row["status"] == "ok"]

    weighting = "canonical" if usable("md", "canonical") else "uniform"
    reasons = [
        row["reason"]
        for row in table
        if (temperature_K, "md", "uniform") == tuple(row[key] for key in _KEYS)
    ]
    return _Temperature(
        temperature_K=temperature_K,
        weighting=weighting,
        runs=usable("md", weighting),
        modes=usable("harmonic", weighting),
        printed=usable("md", "published"),
        reason="; ".join(reason for reason in reasons if reason),
    )


def _per_meV(row: Row, column: str) -> np.ndarray:
    return np.asarray(row[column], dtype=np.float64) / MEV_PER_THZ


def _energy_meV(row: Row) -> np.ndarray:
    return MEV_PER_THZ * np.asarray(row["frequency_THz"], dtype=np.float64)


def _draw_canonical(axes: Axes, each: _Temperature) -> None:
    axes.set_title(wrapped(_title(each), 68))
    if not each.runs:
        return
    for colour, row in _coloured(each.runs):
        energy, mean = _energy_meV(row), _per_meV(row, "mean_per_THz")
        if row["n_used"] > 1:
            spread = _per_meV(row, "deviation_per_THz")
            axes.fill_between(
                energy, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0
            )
        axes.plot(energy, mean, color=colour, label=row["element"])
    if each.modes:
        row = each.modes[0]
        axes.plot(
            _energy_meV(row),
            _per_meV(row, "mean_per_THz"),
            color=GREY,
            linewidth=0.9,
            linestyle="--",
            label="Hessians, total",
        )


def _coloured(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """Return the rows with their colours, the total first and black."""
    return list(zip([BLACK, *_ELEMENT_COLOURS * 20], rows, strict=False))


def _draw_printed(axes: Axes, each: _Temperature) -> None:
    if not each.printed:
        say_instead(axes, "no published average")
        return
    row = each.printed[0]
    energy, mean = _energy_meV(row), _per_meV(row, "mean_per_THz")
    axes.set_title(
        f"as printed; ESS {row['ess']:.1f} of {row['n_used']:,.0f}\n"
        f"σ {_share(row, 'printed_deviation_per_THz')}, "
        f"spread {_share(row, 'deviation_per_THz')} of ⟨g⟩"
    )
    for column, colour, label in (
        ("printed_deviation_per_THz", SKY, "± σ as printed"),
        ("deviation_per_THz", BLUE, "± standard deviation"),
    ):
        spread = _per_meV(row, column)
        axes.fill_between(
            energy,
            mean - spread,
            mean + spread,
            color=colour,
            alpha=0.4,
            linewidth=0,
            label=label,
        )
    axes.plot(energy, mean, color=BLACK)


def _draw_change(axes: Axes, cold: _Temperature, hot: _Temperature) -> None:
    """Draw the difference of the means between two temperatures."""
    axes.set_title(
        f"change of the mean, {hot.temperature_K:g} − {cold.temperature_K:g} K"
    )
    axes.axhline(0, color=GREY, linewidth=0.6)
    before = {row["element"]: row for row in cold.runs}
    for colour, row in _coloured(hot.runs):
        change = _per_meV(row, "mean_per_THz")
        change = change - _per_meV(before[row["element"]], "mean_per_THz")
        axes.plot(_energy_meV(row), change, color=colour)
    axes.set_ylabel("modes/meV per cell")


def _title(each: _Temperature) -> str:
    name = f"{each.temperature_K:g} K"
    if not each.runs:
        return f"{name}: {each.reason}"
    row = each.runs[0]
    weights = "canonical" if each.weighting == "canonical" else "each row once"
    rows = "row" if row["n_used"] == 1 else "rows"
    spread_K = row["temperature_measured_deviation_K"]
    parts = [
        f"{name}, {weights}: {row['n_used']:,.0f} {rows} (ESS {row['ess']:.1f})",
        f"measured {row['temperature_measured_K']:.0f} ± {spread_K:.0f} K",
    ]
    if row["n_used"] > 1:
        modes = each.modes and _share(each.modes[0], "deviation_per_THz")
        of_modes = f" (Hessians {modes})" if modes else ""
        parts.append(f"spread {_share(row, 'deviation_per_THz')} of ⟨g⟩{of_modes}")
    for column, why in (("n_failed", "spectrum"), ("n_unweighted", "weight")):
        if row[column]:
            parts.append(f"{row[column]:,.0f} without {why}")
    return "; ".join(parts)


def _share(row: Row, column: str) -> str:
    """Write the area under a deviation as a share of the area under the mean."""
    part = _per_meV(row, column).sum() / _per_meV(row, "mean_per_THz").sum()
    return f"{100 * part:.1f} %"


def _upper_meV(each: _Temperature) -> float:
    """Return the energy below which nearly all modes lie: short runs have long tails."""
    row = each.runs[0]
    states = np.cumsum(_per_meV(row, "mean_per_THz"))
    return float(_energy_meV(row)[np.searchsorted(states, _SHOWN * states[-1])])


def _finish(
    figure: Figure, lines: np.ndarray, panels: np.ndarray, upper_meV: float
) -> None:
    for left, right in lines:
        left.set_ylabel("modes/meV per cell")
        for axes in (left, right):
            axes.set_ylim(bottom=0)
    top = max(left.get_ylim()[1] for left in lines[:, 0])
    for left in lines[:, 0]:
        left.set_ylim(top=top)
    panels[0, 0].set_xlim(0, 1.08 * upper_meV)
    panels[-1, 0].set_xlabel("energy (meV)")
    lines[-1, 1].set_xlabel("energy (meV)")
    above = panels[0, 0].secondary_xaxis(
        "top", functions=(lambda x: x / MEV_PER_THZ, lambda x: x * MEV_PER_THZ)
    )
    above.set_xlabel("frequency (THz)")
    legend_below(figure, panels.flat, 4)


def _why_empty(shown: Sequence[_Temperature]) -> str:
    reasons = [f"{each.temperature_K:g} K: {each.reason}" for each in shown]
    return "no dynamics to show; " + "; ".join(reasons) if reasons else "no rows to show"
