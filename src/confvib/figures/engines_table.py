"""What pairs of label engines agree on, as HTML and text, with a sentence each."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from confvib.figures.measured import plain
from confvib.figures.page import document, html_table, notes_list
from confvib.figures.rows import require_columns
from confvib.tables.engine_contracts import ENGINE_PAIRS, GEOMETRIES

Row = Mapping[str, Any]

_WIDTH = 100
_USUAL_LEVEL = 0.05

_ENERGIES = (
    "Energies per cell. Their mean difference is that of the engines' zeros of energy, "
    "which cancels in every weight; rms differences are of what is left. In brackets: "
    "5-95 % of resampled configurations."
)
_CHANCE = (
    "p: chance of a Kendall's tau as far from zero if the orders had nothing to do with "
    "each other."
)
_FORCES = (
    "Forces are those of the same geometries; minima are compared by how far their atoms "
    "lie apart. Minima of two engines can be two arrangements of the ions."
)
_NOTES = (_ENERGIES, _CHANCE, _FORCES)

_ENERGY_COLUMNS = [
    *("engines", "geometry", "rows", "rms (meV)", "rms (k_B T)", "spread (meV)"),
    *("ratio", "Spearman", "Kendall", "p"),
]
_FORCE_COLUMNS = [
    *("engines", "geometry", "rms (eV/Å)", "other's", "rms difference", "cosine"),
    *("minima apart, rms (Å)", "largest (Å)"),
]


def engines_html(pairs: pd.DataFrame, *, campaign: str = "") -> str:
    """Write the comparison as a self-contained HTML page.

    Args:
        pairs: Rows of ``tables.engine_contracts.ENGINE_PAIRS``.
        campaign: Name of the campaign, for the title.

    Raises:
        TableError: The table lacks a column.
    """
    of = f", campaign {campaign}" if campaign else ""
    title = f"Label engines compared{of}"
    energies, forces = _cells(pairs)
    parts = [
        f"<h1>{title}</h1>",
        notes_list([("result", sentence) for sentence in _sentences(pairs)]),
        html_table([("", _ENERGY_COLUMNS)], energies),
        html_table([("", _FORCE_COLUMNS)], forces),
        notes_list([("note", sentence) for sentence in _NOTES]),
    ]
    return document(title, parts)


def engines_text(pairs: pd.DataFrame) -> str:
    """Write the comparison as plain text for the terminal.

    Args:
        pairs: As for :func:`engines_html`.

    Raises:
        TableError: The table lacks a column.
    """
    energies, forces = _cells(pairs)
    lines: list[str] = []
    for columns, rows in ((_ENERGY_COLUMNS, energies), (_FORCE_COLUMNS, forces)):
        cells = [columns, *rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [*(_line(row, widths) for row in cells), ""]
    for sentence in (*_sentences(pairs), *_NOTES):
        lines += textwrap.wrap(sentence, _WIDTH)
    return "\n".join([*lines, ""])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _cells(pairs: pd.DataFrame) -> tuple[list[list[str]], list[list[str]]]:
    require_columns(pairs, [column.name for column in ENGINE_PAIRS.columns])
    rows = [row for row in pairs.to_dict("records") if row["status"] == "ok"]
    return [_energies(row) for row in rows], [_forces(row) for row in rows]


def _energies(row: Row) -> list[str]:
    return [
        *_what(row),
        f"{row['n_rows']:.0f} of {row['n_selected']:.0f}",
        plain(1e3 * row["rms_eV"], ".1f"),
        plain(row["rms_over_kT"], ".2f"),
        f"{1e3 * row['spread_eV']:.1f}, {1e3 * row['spread_other_eV']:.1f}",
        plain(row["spread_ratio"], ".2f"),
        _with_range(row, "spearman"),
        _with_range(row, "kendall"),
        plain(row["kendall_p"], ".2g"),
    ]


def _forces(row: Row) -> list[str]:
    return [
        *_what(row),
        plain(row["force_rms_eV_per_A"], ".3f"),
        plain(row["force_rms_other_eV_per_A"], ".3f"),
        plain(row["force_difference_eV_per_A"], ".3f"),
        plain(row["force_cosine"], ".4f"),
        plain(row["displacement_rms_A"], ".3f"),
        plain(row["displacement_max_A"], ".2f"),
    ]


def _what(row: Row) -> list[str]:
    return [f"{row['engine']}, {row['other']}", row["geometry"]]


def _with_range(row: Row, name: str) -> str:
    value, low, high = (plain(row[name + part], ".2f") for part in ("", "_low", "_high"))
    return f"{value} [{low}, {high}]"


def _sentences(pairs: pd.DataFrame) -> list[str]:
    """Say of every pair and geometry what came out, or why nothing did."""
    return [_sentence(row) for row in pairs.to_dict("records")]


def _sentence(row: Row) -> str:
    where = GEOMETRIES.get(row["geometry"], row["geometry"])
    both = f"{row['engine']} and {row['other']}, {where}"
    lost = f" Left out: {row['left_out']}." if row["left_out"] else ""
    if row["status"] != "ok":
        return f"{both}: no comparison, since {row['reason']}.{lost}"
    return (
        f"{both}: of {row['n_rows']:.0f} configurations (of {row['n_selected']:.0f}) the "
        f"order by energy agrees with {_order_in_words(row)}, and energies relative to "
        f"one another differ by {plain(1e3 * row['rms_eV'], '.0f')} meV per cell, "
        f"{plain(row['rms_over_kT'], '.1f')} k_B T at {row['temperature_K']:g} K.{lost}"
    )


def _order_in_words(row: Row) -> str:
    better = row["kendall_p"] < _USUAL_LEVEL  # False for NaN, too
    chance = "more than chance alone gives" if better else "which chance alone may give"
    return f"ρ = {plain(row['spearman'], '.2f')}, {chance}"
