"""Errors over the number of training frames: learning curve, and what a choice buys."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    LogLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)

from confvib.figures.rows import (
    UsableRows,
    chosen_rows,
    real_column,
    require_columns,
    usable_rows,
)
from confvib.figures.style import (
    BLUE,
    GREY,
    VERMILION,
    legend_below,
    new_figure,
    say_instead,
    style,
    wrapped,
)

_ENERGY = "energy error (meV/cell)"
_FORCE = "force error (meV/Å)"
_SELECTIONS = {
    "random": ("drawn at random", BLUE, "o"),
    "farthest_point": ("farthest points", VERMILION, "s"),
}


def learning_curve_figure(sweep: pd.DataFrame) -> Figure:
    """Draw errors of the test frames against the number of training frames.

    Args:
        sweep: Rows of ``tables.training_contracts.SWEEP`` of a learning curve.

    Returns:
        Energies [meV/cell, right meV/atom] and force components [meV/Å], mean absolute
        and root-mean-square errors of the same test frames for every size, on
        logarithmic axes; bars span the repeats. The training error shows the gap.

    Raises:
        TableError: The table lacks a column.

    Source: fig. S3 of the paper.
    """
    used = _usable(sweep)
    with style():
        figure = new_figure(7.0, 3.2)
        panels = figure.subplots(1, 2)
        test, train = (_of_split(used.rows, split) for split in ("test", "train"))
        figure.suptitle(wrapped(_title("Learning curve", test, used)), fontsize=8.5)
        for axes, kind, unit, label in (
            (panels[0], "energy", "meV", _ENERGY),
            (panels[1], "force", "meV_per_A", _FORCE),
        ):
            if test.empty:
                say_instead(axes, "no test frames")
                continue
            _curve(axes, test, f"{kind}_mae_{unit}", "test, MAE", BLUE, "o")
            _curve(axes, test, f"{kind}_rmse_{unit}", "test, RMSE", VERMILION, "s")
            _curve(axes, train, f"{kind}_mae_{unit}", "training, MAE", GREY, "^")
            _finish(axes, test, label)
        _per_atom_axis(panels[0], test)
        legend_below(figure, panels, 3)
    return figure


def selection_gain_figure(sweep: pd.DataFrame) -> Figure:
    """Compare training frames that were drawn with farthest points, at equal number.

    Args:
        sweep: Rows of ``tables.training_contracts.SWEEP`` of a comparison of selections.

    Returns:
        Mean absolute and largest errors of energy [meV/cell, meV/atom] and force
        components [meV/Å] of the same test frames; bars span the repeats.

    Raises:
        TableError: The table lacks a column.
    """
    used = _usable(sweep)
    with style():
        figure = new_figure(7.0, 5.0)
        panels = figure.subplots(2, 2)
        test = _of_split(used.rows, "test")
        title = _title("What choosing the training frames buys", test, used)
        figure.suptitle(wrapped(title), fontsize=8.5)
        for axes, column, label in (
            (panels[0, 0], "energy_mae_meV", "MAE of energy (meV/cell)"),
            (panels[0, 1], "force_mae_meV_per_A", "MAE of force (meV/Å)"),
            (panels[1, 0], "energy_max_meV_per_atom", "largest of energy (meV/atom)"),
            (panels[1, 1], "force_max_meV_per_A", "largest of force (meV/Å)"),
        ):
            if test.empty:
                say_instead(axes, "no test frames")
                continue
            for selection, (name, colour, marker) in _SELECTIONS.items():
                mask = (test["selection"] == selection).to_numpy(bool)
                _curve(axes, chosen_rows(test, mask), column, name, colour, marker)
            _finish(axes, test, label)
        legend_below(figure, panels.flat, 2)
    return figure


def _usable(sweep: pd.DataFrame) -> UsableRows:
    require_columns(sweep, ["split"])
    # Errors over some of the test frames are not curves of their own here.
    whole = sweep["split"].isin(["train", "valid", "test"]).to_numpy(bool)
    return usable_rows(
        chosen_rows(sweep, whole),
        [
            "n_train",
            "selection",
            "repeat",
            "split",
            "n_frames",
            "energy_mae_meV",
            "energy_rmse_meV",
            "energy_mae_meV_per_atom",
            "energy_max_meV_per_atom",
            "force_mae_meV_per_A",
            "force_rmse_meV_per_A",
            "force_max_meV_per_A",
        ],
    )


def _of_split(rows: pd.DataFrame, split: str) -> pd.DataFrame:
    return chosen_rows(rows, (rows["split"] == split).to_numpy(bool))


def _title(what: str, test: pd.DataFrame, used: UsableRows) -> str:
    parts = [what]
    if not test.empty:
        parts.append(f"{test['n_frames'].iloc[0]:.0f} test frames")
        repeats = len(set(test["repeat"]))
        if repeats > 1:
            parts.append(f"mean and range of {repeats} trainings")
    return "; ".join(filter(None, [*parts, used.note]))


def _curve(
    axes: Axes, rows: pd.DataFrame, column: str, label: str, colour: str, marker: str
) -> None:
    if rows.empty:
        return
    size, value = real_column(rows, "n_train"), real_column(rows, column)
    sizes = np.unique(size)
    groups = [value[size == each] for each in sizes]
    mean = np.array([group.mean() for group in groups])
    reach = np.array([[group.min(), group.max()] for group in groups])
    axes.errorbar(
        sizes,
        mean,
        yerr=np.abs(reach.T - mean),
        color=colour,
        marker=marker,
        markersize=3.5,
        linewidth=1,
        capsize=2 if np.ptp(reach, axis=1).any() else 0,
        label=label,
    )


def _finish(axes: Axes, rows: pd.DataFrame, label: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel="training frames", ylabel=label)
    sizes = np.unique(real_column(rows, "n_train")).tolist()
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    _readable_ticks(axes.yaxis, *axes.get_ylim())


def _readable_ticks(axis: YAxis, low: float, high: float) -> None:
    """Label a logarithmic axis: powers of ten alone would say too little."""
    axis.set_major_formatter(ScalarFormatter())
    if high < 3 * low:
        axis.set_minor_formatter(ScalarFormatter())
        return
    few = high > 10 * low
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1, 1.5, 2, 3, 5, 7)))
    axis.set_minor_formatter(NullFormatter())


def _per_atom_axis(axes: Axes, rows: pd.DataFrame) -> None:
    if rows.empty:
        return
    first = rows.iloc[0]
    n_atoms = first["energy_mae_meV"] / first["energy_mae_meV_per_atom"]
    right = axes.secondary_yaxis(
        "right", functions=(lambda y: y / n_atoms, lambda y: y * n_atoms)
    )
    right.set_ylabel("(meV/atom)")
    low, high = axes.get_ylim()
    _readable_ticks(right.yaxis, low / n_atoms, high / n_atoms)
