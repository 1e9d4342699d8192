"""Distributions of (free) energies, and how -TS converges as rows are added."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from confvib.errors import TableError
from confvib.figures.conventions import CONVENTIONS
from confvib.figures.distribution_panel import (
    draw_convergence,
    draw_density,
    relative_meV,
)
from confvib.figures.rows import chosen_rows, real_column, require_columns, usable_rows
from confvib.figures.style import (
    legend_below,
    new_figure,
    say_instead,
    style,
    wrapped,
)

_REQUIRED = (
    "set",
    "convention",
    "level",
    "temperature_K",
    "rank",
    "energy_eV_per_atom",
    "weight",
)


@dataclass(frozen=True)
class _Wanted:
    """Which part of the table one figure shows."""

    level: str
    symbol: str
    set_name: str
    temperatures_K: tuple[float, ...]


def distribution_figure(
    convergence: pd.DataFrame,
    level: str,
    *,
    relaxed: pd.DataFrame | None = None,
    temperatures_K: Sequence[float] | None = None,
) -> Figure:
    """Draw the distribution of one level: energies for ``conf``, free energies otherwise.

    Args:
        convergence: Rows of ``tables.thermodynamics_contracts.CONVERGENCE`` of one set.
        level: conf, conf+harmonic or conf+md.
        relaxed: Rows of ``tables.contracts.RELAXED`` of that set, to count in the title
            the configurations that did not relax; used for conf only.
        temperatures_K: Temperatures > 0 to show; None shows the lowest and the highest.

    Returns:
        The figure of :func:`energy_distribution_figure` for conf, else that of
        :func:`free_energy_distribution_figure`.

    Raises:
        TableError: See there.
    """
    if level == "conf":
        return energy_distribution_figure(
            convergence, relaxed=relaxed, temperatures_K=temperatures_K
        )
    return free_energy_distribution_figure(
        convergence, level, temperatures_K=temperatures_K
    )


def energy_distribution_figure(
    convergence: pd.DataFrame,
    *,
    relaxed: pd.DataFrame | None = None,
    temperatures_K: Sequence[float] | None = None,
) -> Figure:
    r"""Draw the density of relaxed energies and the convergence of -T S_conf.

    .. math:: Z_\mathrm{conf} = \int p(H)\, e^{-\beta H}\, dH

    Args:
        convergence: Rows of ``tables.thermodynamics_contracts.CONVERGENCE`` of one set;
            the energies do not depend on temperature, the dashed lines do.
        relaxed: Rows of ``tables.contracts.RELAXED``, counted in the title if given.
        temperatures_K: Temperatures > 0 to show; None shows the lowest and the highest.

    Returns:
        Two panels, canonical and published. Left axes: p(H) per meV/atom, weighted with
        multiplicity times sampling weight (canonical) or not at all (published), without
        Boltzmann factors. Right axes, dashed: -T S_conf in meV/atom with the rows so far,
        in order of increasing energy.

    Raises:
        TableError: A column or a rank is missing, or the table holds several sets.

    Source: fig. 5 of the paper; docs/formulation.md#convergence.
    """
    wanted = _wanted(convergence, "conf", "H", temperatures_K)
    note = "" if relaxed is None else usable_rows(relaxed, ["energy_eV"]).note
    return _figure(convergence, wanted, [wanted.temperatures_K], note)


def free_energy_distribution_figure(
    convergence: pd.DataFrame,
    level: str,
    *,
    temperatures_K: Sequence[float] | None = None,
) -> Figure:
    """Draw the density of free energies and the convergence of -TS, by temperature.

    Args:
        convergence: Rows of ``tables.thermodynamics_contracts.CONVERGENCE`` of one set.
        level: conf+harmonic or conf+md.
        temperatures_K: Temperatures > 0 to show; None shows the lowest and the highest.

    Returns:
        As :func:`energy_distribution_figure`, with one row of panels per temperature,
        because F depends on it. A level without rows gives a figure that says so.

    Raises:
        TableError: A column or a rank is missing, or the table holds several sets.

    Source: fig. 7 of the paper; docs/formulation.md#convergence.
    """
    wanted = _wanted(convergence, level, "F", temperatures_K)
    grid = [(temperature,) for temperature in wanted.temperatures_K] or [()]
    return _figure(convergence, wanted, grid, "")


def _wanted(
    convergence: pd.DataFrame,
    level: str,
    symbol: str,
    temperatures_K: Sequence[float] | None,
) -> _Wanted:
    require_columns(convergence, [*_REQUIRED, "minus_TS_eV_per_atom", "status"])
    sets = sorted(set(convergence["set"]))
    if len(sets) > 1:
        raise TableError(f"set: one figure shows one set, the table has {sets}")
    of_level = chosen_rows(convergence, (convergence["level"] == level).to_numpy(bool))
    present = sorted({float(value) for value in of_level["temperature_K"].dropna()})
    if temperatures_K is None:
        temperatures_K = sorted({present[0], present[-1]}) if present else ()
    return _Wanted(
        level,
        symbol,
        str(sets[0]) if sets else "(empty)",
        tuple(float(temperature) for temperature in temperatures_K),
    )


def _figure(
    convergence: pd.DataFrame,
    wanted: _Wanted,
    grid: Sequence[tuple[float, ...]],
    note: str,
) -> Figure:
    with style():
        height_in = 0.9 + 2.3 * len(grid) if wanted.temperatures_K else 1.5
        figure = new_figure(7.0, height_in)
        title = f"Set {wanted.set_name}, level {wanted.level}"
        figure.suptitle(wrapped(f"{title}; {note}" if note else title), fontsize=8.5)
        panels = figure.subplots(len(grid), 2, squeeze=False)
        for row, temperatures_K in zip(panels, grid, strict=True):
            for axes, convention in zip(row, CONVENTIONS, strict=True):
                _panel(axes, convergence, wanted, convention, temperatures_K)
        legend_below(figure, figure.axes, 5)
    return figure


def _panel(
    axes: Axes,
    convergence: pd.DataFrame,
    wanted: _Wanted,
    convention: str,
    temperatures_K: tuple[float, ...],
) -> None:
    mask = (convergence["level"] == wanted.level) & (
        convergence["convention"] == convention
    )
    mask &= convergence["temperature_K"].isin(temperatures_K)
    chosen = chosen_rows(convergence, mask.to_numpy(bool))
    for _, part in chosen.groupby("temperature_K"):
        _require_every_rank(part)
    used = usable_rows(chosen, _REQUIRED)
    if used.rows.empty:
        why = f" ({used.note})" if used.note else ""
        say_instead(axes, f"{convention}: no rows of level {wanted.level}{why}")
        return
    by_temperature = {
        float(part["temperature_K"].iloc[0]): part.sort_values("rank")
        for _, part in used.rows.groupby("temperature_K")
    }
    first = next(iter(by_temperature.values()))
    lowest = float(real_column(first, "energy_eV_per_atom").min())
    weights = real_column(first, "weight")
    if convention == "published":
        weights = np.ones_like(weights)
    draw_density(axes, relative_meV(first, lowest), weights, wanted.symbol)
    draw_convergence(axes.twinx(), by_temperature, lowest, wanted.temperatures_K)
    subtitle = _count(first, convention) + (f"; {used.note}" if used.note else "")
    if wanted.level != "conf":
        subtitle = f"{temperatures_K[0]:g} K; {subtitle}"
    axes.set_title(f"{CONVENTIONS[convention]}\n{wrapped(subtitle, 46)}")
    axes.set_xlabel(
        f"{wanted.symbol} − {wanted.symbol}$_{{\\mathrm{{min}}}}$ (meV/atom), "
        f"{wanted.symbol}$_{{\\mathrm{{min}}}}$ = {lowest:.4f} eV/atom".replace("-", "−")
    )


def _require_every_rank(part: pd.DataFrame) -> None:
    ranks = real_column(part, "rank")
    ranks = ranks[np.isfinite(ranks)]
    n_different, highest = len(np.unique(ranks)), ranks.max(initial=0.0)
    if n_different < len(ranks) or highest > len(part):
        raise TableError(
            f"rank: {len(part)} rows have {n_different} different ranks up to "
            f"{highest:.0f}; a distribution needs every row once, from rank 1"
        )


def _count(part: pd.DataFrame, convention: str) -> str:
    n = f"n = {len(part):,}"
    return (
        f"{n}, Σ weights = {part['weight'].sum():,.6g}"
        if convention == "canonical"
        else n
    )
