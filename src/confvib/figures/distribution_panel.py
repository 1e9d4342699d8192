"""The two drawings of a distribution panel: a density and a convergence."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from confvib.figures.density import kernel_density
from confvib.figures.rows import real_column
from confvib.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION

_CURVE_COLOURS = (BLACK, VERMILION, GREEN, PURPLE, ORANGE)
_MAX_RUG = 300
_MAX_MARKERS = 40


def relative_meV(part: pd.DataFrame, lowest: float) -> np.ndarray:
    """Return the energies above ``lowest`` [eV/atom] in meV/atom, shape ``(B,)``."""
    return 1e3 * (real_column(part, "energy_eV_per_atom") - lowest)


def draw_density(
    axes: Axes, values: np.ndarray, weights: np.ndarray, symbol: str
) -> None:
    """Draw a weighted density and, up to 300 values, a mark on the axis for each.

    Args:
        axes: The left axes of the panel.
        values: Relative energies [meV/atom], shape ``(B,)``.
        weights: Weights > 0, shape ``(B,)``.
        symbol: H or F, for the labels.
    """
    density = kernel_density(values, weights)
    if density is not None:
        axes.fill_between(*density, color=BLUE, alpha=0.15, linewidth=0)
        axes.plot(*density, color=BLUE, label=f"p({symbol})")
        axes.set_ylabel(f"p({symbol}) (per meV/atom)", color=BLUE)
        axes.set_ylim(bottom=0)
    else:
        axes.set_ylabel(f"too few rows for p({symbol})", color=GREY)
        axes.set_yticks([])
    if len(values) <= _MAX_RUG:
        axes.vlines(
            values,
            0,
            0.05,
            color=BLUE,
            linewidth=0.8,
            transform=axes.get_xaxis_transform(),
            label="configurations",
        )


def draw_convergence(
    axes: Axes,
    by_temperature: dict[float, pd.DataFrame],
    lowest: float,
    temperatures_K: tuple[float, ...],
) -> None:
    """Draw -TS with the rows so far against the energy of the row added.

    Args:
        axes: The right axes of the panel.
        by_temperature: Rows in order of rank, by temperature [K]. A null -TS (refused
            weights) leaves a gap, or a remark if there is nothing else.
        lowest: Zero of the energy axis [eV/atom].
        temperatures_K: All temperatures of the figure; the position sets the colour.
    """
    axes.spines["right"].set_visible(True)
    axes.set_ylabel("−TS so far (meV/atom)")
    if all(part["minus_TS_eV_per_atom"].isna().all() for part in by_temperature.values()):
        axes.set_ylabel("no −TS in the table", color=GREY)
        axes.set_yticks([])
        return
    for temperature_K, part in by_temperature.items():
        order = temperatures_K.index(temperature_K)
        axes.plot(
            relative_meV(part, lowest),
            1e3 * real_column(part, "minus_TS_eV_per_atom"),
            color=_CURVE_COLOURS[order % len(_CURVE_COLOURS)],
            linestyle="--",
            marker="o" if len(part) <= _MAX_MARKERS else None,
            markersize=2,
            label=f"−TS, {temperature_K:g} K",
        )
    # From zero, with room below: a curve that is flat must not lie on the frame.
    axes.set_ylim(bottom=1.15 * min(axes.dataLim.y0, -1e-9), top=0)
