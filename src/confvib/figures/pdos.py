"""Phonon densities of states: mean and spread over configurations, by element."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from confvib.figures.density import broadened_spectrum
from confvib.figures.rows import UsableRows, common_list, real_column, usable_rows
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

_DEFAULT_UPPER_MEV = 100.0
_ELEMENT_COLOURS = (BLUE, GREEN, VERMILION, ORANGE, PURPLE, SKY)


@dataclass(frozen=True)
class _Spectra:
    """Mean and standard deviation over configurations [modes/meV per cell]."""

    energy_meV: np.ndarray
    total: tuple[np.ndarray, np.ndarray]
    elements: dict[str, tuple[np.ndarray, np.ndarray]]


def pdos_figure(
    dynamics: pd.DataFrame, harmonic: pd.DataFrame, *, broadening_meV: float = 1.0
) -> Figure:
    """Draw the phonon density of states of every temperature and of the Hessians.

    Args:
        dynamics: Rows of ``tables.contracts.DYNAMICS``, all temperatures together.
        harmonic: Rows of ``tables.contracts.HARMONIC``; may be empty.
        broadening_meV: Standard deviation > 0 of the Gaussians on harmonic modes [meV].

    Returns:
        One panel per temperature and protocol: mean over configurations, each counted
        once, of the total (black, with ± one standard deviation) and of each element, in
        modes/meV per cell; the harmonic one thin and dashed. Titles give the number of
        configurations and the mean ± standard deviation of the measured temperature.

    Raises:
        TableError: A column is missing, or rows differ in grid or elements.

    Source: fig. 6 of the paper.
    """
    columns = ["temperature_K", "frequency_THz", "dos_per_THz", "elements"]
    columns += ["dos_by_element_per_THz", "temperature_measured_K", "protocol"]
    used = usable_rows(dynamics, columns)
    modes = usable_rows(harmonic, ["frequencies_THz"])
    groups = list(dynamics.groupby(["temperature_K", "protocol"]))
    with style():
        figure = new_figure(7.0, 0.9 + 2.2 * max(1, len(groups)))
        panels = figure.subplots(max(1, len(groups)), 1, squeeze=False, sharex=True)[:, 0]
        if not groups:
            say_instead(panels[0], f"no dynamics to show {used.note}".strip())
            return figure
        upper_meV = 0.0
        for axes, (_, group) in zip(panels, groups, strict=True):
            upper_meV = max(upper_meV, _panel(axes, group, columns))
        upper_meV = upper_meV or _DEFAULT_UPPER_MEV
        caption = _draw_harmonic(panels, modes, broadening_meV, upper_meV)
        figure.suptitle(wrapped(caption), fontsize=8.5)
        _finish(figure, panels, upper_meV)
    return figure


def _panel(axes: Axes, group: pd.DataFrame, columns: list[str]) -> float:
    used = usable_rows(group, columns)
    axes.set_title(wrapped(_title(group, used)))
    if used.rows.empty:
        return 0.0
    spectra = _spectra(used.rows)
    for colour, (element, pair) in zip(
        _ELEMENT_COLOURS * 20, spectra.elements.items(), strict=False
    ):
        _draw_mean(axes, spectra.energy_meV, pair, colour, element, len(used.rows))
    _draw_mean(axes, spectra.energy_meV, spectra.total, BLACK, "total", len(used.rows))
    mean = spectra.total[0]
    return float(spectra.energy_meV[mean > 1e-2 * mean.max()].max(initial=0.0))


def _title(group: pd.DataFrame, used: UsableRows) -> str:
    requested = f"{group['temperature_K'].iloc[0]:g} K ({group['protocol'].iloc[0]})"
    parts = [requested, _count(len(used.rows), "configuration")]
    measured = real_column(used.rows, "temperature_measured_K")
    if len(measured):
        spread = f" ± {measured.std(ddof=1):.0f}" if len(measured) > 1 else ""
        parts.append(f"measured {measured.mean():.0f}{spread} K")
    return "; ".join([*parts, used.note] if used.note else parts)


def _spectra(rows: pd.DataFrame) -> _Spectra:
    frequency_THz = common_list(rows, "frequency_THz")
    elements = [str(element) for element in common_list(rows, "elements")]
    shape = (len(elements), len(frequency_THz))
    total = _mean_and_deviation(rows["dos_per_THz"].to_list(), shape[1:])
    mean, deviation = _mean_and_deviation(rows["dos_by_element_per_THz"].to_list(), shape)
    return _Spectra(
        MEV_PER_THZ * frequency_THz,
        total,
        {element: (mean[k], deviation[k]) for k, element in enumerate(elements)},
    )


def _mean_and_deviation(
    spectra: list[np.ndarray], shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    # Two passes over the rows, not one large array: a set has 10^5 spectra.
    n = len(spectra)
    mean = np.zeros(shape)
    for spectrum in spectra:
        mean += np.reshape(spectrum, shape) / n
    square = np.zeros(shape)
    for spectrum in spectra:
        square += (np.reshape(spectrum, shape) - mean) ** 2
    deviation = np.sqrt(square / max(n - 1, 1))
    return mean / MEV_PER_THZ, deviation / MEV_PER_THZ


def _draw_mean(
    axes: Axes,
    energy_meV: np.ndarray,
    pair: tuple[np.ndarray, np.ndarray],
    colour: str,
    label: str,
    n: int,
) -> None:
    mean, deviation = pair
    if n > 1:
        axes.fill_between(
            energy_meV,
            mean - deviation,
            mean + deviation,
            color=colour,
            alpha=0.2,
            linewidth=0,
        )
    axes.plot(energy_meV, mean, color=colour, label=label)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _draw_harmonic(
    panels: np.ndarray, modes: UsableRows, broadening_meV: float, upper_meV: float
) -> str:
    if modes.rows.empty:
        return f"no harmonic modes to compare; {modes.note}".removesuffix("; ")
    n = len(modes.rows)
    lines_meV = MEV_PER_THZ * np.concatenate(modes.rows["frequencies_THz"].to_list())
    n_negative = int((lines_meV < 0).sum())
    grid, density = broadened_spectrum(lines_meV, broadening_meV, 1.2 * upper_meV)
    for axes in panels:
        axes.plot(
            grid, density / n, color=GREY, linewidth=0.9, linestyle="--", label="harmonic"
        )
    parts = [f"harmonic: {_count(n, 'Hessian')}, σ = {broadening_meV:g} meV"]
    if n_negative:
        parts.append(f"{n_negative:,} of {lines_meV.size:,} modes below zero not drawn")
    return "; ".join([*parts, modes.note] if modes.note else parts)


def _finish(figure: Figure, panels: np.ndarray, upper_meV: float) -> None:
    for axes in panels:
        axes.set_ylabel("modes/meV per cell")
        axes.set_ylim(bottom=0)
    panels[0].set_xlim(0, 1.08 * upper_meV)
    panels[-1].set_xlabel("energy (meV)")
    top = panels[0].secondary_xaxis(
        "top", functions=(lambda x: x / MEV_PER_THZ, lambda x: x * MEV_PER_THZ)
    )
    top.set_xlabel("frequency (THz)")
    legend_below(figure, panels, 8)
