"""Free energies of the same minima by four methods, and what was integrated."""

from collections import Counter

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from confvib.units import BOLTZMANN_EV_PER_K

METHODS = {
    "hessian": ("Hessian", BLACK, "_"),
    "vacf": ("MD, spectrum (VACF)", VERMILION, "o"),
    "ti_hessian": ("integration from Hessian", BLUE, "s"),
    "frenkel_ladd": ("integration from Einstein", GREEN, "D"),
}
"""Label, colour and marker of each method."""

_REQUIRED = (
    "config_id",
    "temperature_K",
    "method",
    "n_atoms",
    "free_energy_eV",
    "stderr_eV",
    "couplings",
    "integrand_eV",
    "integrand_harmonic_eV",
    "status",
)


def crosscheck_figure(free_energies: pd.DataFrame) -> Figure:
    """Draw free energies by four methods and the integrands, a row per temperature.

    Args:
        free_energies: Rows of ``tables.crosscheck_contracts.FREE_ENERGIES``.

    Returns:
        Left: free energies relative to the mean of the method [eV/cell, k_B T], with the
        noise gate as a band. Middle: their distance from the Hessian [meV/atom]. Right:
        the integrands over λ, less those of a harmonic crystal [eV/cell].

    Raises:
        TableError: The table lacks a column.
    """
    require_columns(free_energies, _REQUIRED)
    temperatures = sorted(set(real_column(free_energies, "temperature_K")))
    with style():
        figure = new_figure(7.0, 0.9 + 2.3 * max(1, len(temperatures)))
        grid = figure.subplots(max(1, len(temperatures)), 3, squeeze=False)
        figure.suptitle(wrapped(_title(free_energies)), fontsize=8.5)
        for panels, temperature_K in zip(grid, temperatures, strict=False):
            mask = (free_energies["temperature_K"] == temperature_K).to_numpy(bool)
            rows = chosen_rows(free_energies, mask)
            names = list(dict.fromkeys(rows["config_id"]))
            usable = chosen_rows(rows, (rows["status"] == "ok").to_numpy(bool))
            if usable.empty:
                for axes in panels:
                    say_instead(axes, f"no free energy at {temperature_K:g} K")
                continue
            _relative(panels[0], usable, names, temperature_K)
            _from_hessian(panels[1], usable, names)
            _integrands(panels[2], usable)
            panels[0].set_title(f"{temperature_K:g} K")
        legend_below(figure, grid.flat, 4)
    return figure


def _title(rows: pd.DataFrame) -> str:
    refused = Counter(status for status in rows["status"] if status != "ok")
    left_out = ", ".join(f"{count} {status}" for status, count in refused.items())
    title = "Classical free energy of the same minima by four methods"
    return f"{title}; left out: {left_out}" if left_out else title


def _of(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    return chosen_rows(rows, (rows["method"] == method).to_numpy(bool))


def _places(rows: pd.DataFrame, names: list[str], method: str) -> np.ndarray:
    """Return where the points of a method stand: side by side, not on top."""
    shift = 0.16 * (list(METHODS).index(method) - 1.5)
    return np.array([names.index(name) + shift for name in rows["config_id"]])


def _points(
    axes: Axes, x: np.ndarray, y: np.ndarray, error: np.ndarray, method: str
) -> None:
    label, colour, marker = METHODS[method]
    axes.errorbar(
        x, y, error, fmt=marker, color=colour, markersize=3.5, linewidth=1, label=label
    )


def _relative(
    axes: Axes, rows: pd.DataFrame, names: list[str], temperature_K: float
) -> None:
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    axes.axhspan(-0.5 * kT_eV, 0.5 * kT_eV, color=GREY, alpha=0.2, linewidth=0)
    everywhere = _complete(rows)
    for method in METHODS:
        chosen = _of(rows, method)
        if chosen.empty:
            continue
        shared = [name in everywhere for name in chosen["config_id"]]
        energy = real_column(chosen, "free_energy_eV")
        zero = energy[shared].mean() if any(shared) else energy.mean()
        error = real_column(chosen, "stderr_eV")
        _points(axes, _places(chosen, names, method), energy - zero, error, method)
    _name_configurations(axes, names)
    axes.set_ylabel("F − mean of method (eV/cell)")
    right = axes.secondary_yaxis(
        "right",
        functions=(lambda y: np.divide(y, kT_eV), lambda y: np.multiply(y, kT_eV)),
    )
    right.set_ylabel("($k_BT$ per cell)", labelpad=1)


def _complete(rows: pd.DataFrame) -> set[str]:
    """Return the configurations that every method present has."""
    present = [set(_of(rows, method)["config_id"]) for method in set(rows["method"])]
    return set.intersection(*present) if present else set()


def _from_hessian(axes: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    hessian = _of(rows, "hessian").set_index("config_id")["free_energy_eV"]
    for method in list(METHODS)[1:]:
        chosen = _of(rows, method)
        if chosen.empty:
            continue
        per_atom = 1e3 / real_column(chosen, "n_atoms")
        zero = np.array([hessian.get(name, np.nan) for name in chosen["config_id"]])
        away = per_atom * (real_column(chosen, "free_energy_eV") - zero)
        error = per_atom * real_column(chosen, "stderr_eV")
        _points(axes, _places(chosen, names, method), away, error, method)
    axes.axhline(0, color=BLACK, linewidth=0.7)
    _name_configurations(axes, names)
    axes.set_ylabel("F − F[Hessian] (meV/atom)")


def _name_configurations(axes: Axes, names: list[str]) -> None:
    axes.set_xticks(range(len(names)))
    short = [name.rpartition("-")[2].lstrip("0") or "0" for name in names]
    few = len(names) <= 4
    labels = short if few else [f"{number}" for number in range(len(names))]
    axes.set_xticklabels(labels, fontsize=7)
    axes.set_xlabel("configuration")
    axes.set_xlim(-0.5, len(names) - 0.5)


def _integrands(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw what anharmonicity adds to the integrands: a harmonic crystal gives zero."""
    for method in ("ti_hessian", "frenkel_ladd"):
        _, colour, marker = METHODS[method]
        for row in _of(rows, method).to_dict("records"):
            axes.errorbar(
                row["couplings"],
                np.subtract(row["integrand_eV"], row["integrand_harmonic_eV"]),
                row["integrand_stderr_eV"],
                color=colour,
                marker=marker,
                markersize=2.5,
                linewidth=0.8,
            )
    axes.axhline(0, color=BLACK, linewidth=0.7)
    axes.set_xlabel("λ")
    axes.set_ylabel("anharmonic ⟨U − U₀⟩ (eV/cell)")
    axes.set_xlim(0, 1)
