"""What a force field's errors do to results, as HTML and text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from confvib.figures.measured import MISSING, plain
from confvib.figures.page import document, html_table, notes_list
from confvib.figures.rows import require_columns
from confvib.tables.accuracy_contracts import ACCURACY_ERRORS

_QUANTITIES = {
    "energy": "E, relaxed",
    "minimum": "E, minimum",
    "harmonic": "F harmonic",
    "minimum+harmonic": "E + F",
}
_GROUPS = {
    "all": "All configurations",
    "same_minimum": "Those whose ions end on one arrangement by both and stay there",
}
_ERRORS = (
    "Errors are the force field's values minus exact ones, per cell. The mean cancels in "
    "every weight and in S; rms, MAE and largest error are of what is left. Pairs: root "
    "mean square error of the difference between two configurations, which is what "
    "decides their relative weight."
)
_WEIGHTS = (
    "Overlap Σ min(p, q) and Bhattacharyya Σ √(p q) of the weights: 1 is perfect. Top: "
    "the exact weight of the heaviest configuration, and what the force field gives to "
    "it; * if the force field prefers another one."
)
_FREE = (
    "G = F at fixed cell. Second order: ⟨Δ⟩ − β Var(Δ)/2 under exact weights. "
    "Independent: mean − β σ²/2, for errors that know nothing of the values."
)
_SAMPLE = (
    "Rows of a sample stand for the whole set, so S_conf refers to all of its "
    "arrangements."
)
_NOTES = (_ERRORS, _WEIGHTS, _FREE, _SAMPLE)

Row = Mapping[str, Any]


def accuracy_html(errors: pd.DataFrame, *, campaign: str = "") -> str:
    """Write the errors as a self-contained HTML page.

    Args:
        errors: Rows of ``tables.accuracy_contracts.ACCURACY_ERRORS``.
        campaign: Name of the campaign, for the title.

    Raises:
        TableError: The table lacks a column.
    """
    of = f", campaign {campaign}" if campaign else ""
    title = f"Accuracy of the force field's thermodynamics{of}"
    parts = [f"<h1>{title}</h1>"]
    for heading, columns, rows in _sections(errors):
        parts += [f"<h2>{heading}</h2>", html_table([("", columns)], rows)]
    notes = [("refused", reason) for reason in _refusals(errors)]
    notes += [("note", sentence) for sentence in _NOTES]
    return document(title, [*parts, notes_list(notes)])


def accuracy_text(errors: pd.DataFrame) -> str:
    """Write the errors as plain text for the terminal.

    Args:
        errors: As for :func:`accuracy_html`.

    Raises:
        TableError: The table lacks a column.
    """
    lines: list[str] = []
    for heading, columns, rows in _sections(errors):
        cells = [columns, *rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [heading, *(_line(row, widths) for row in cells), ""]
    return "\n".join([*lines, *_refusals(errors), *_NOTES, ""])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  " + "  ".join(padded).rstrip()


def _sections(errors: pd.DataFrame) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    require_columns(errors, [column.name for column in ACCURACY_ERRORS.columns])
    for group, name in _GROUPS.items():
        rows = [
            row
            for row in errors.to_dict("records")
            if row["rows"] == group and row["status"] == "ok"
        ]
        if not rows:
            continue
        heading = f"{name} ({rows[0]['n_rows']:.0f})"
        yield f"{heading}: values", _VALUE_COLUMNS, [_values(row) for row in rows]
        weighed = [row for row in rows if row["quantity"] != "harmonic"]
        yield f"{heading}: weights", _WEIGHT_COLUMNS, [_weights(row) for row in weighed]
        yield f"{heading}: results", _RESULT_COLUMNS, [_results(row) for row in weighed]


_VALUE_COLUMNS = [
    *("T (K)", "quantity", "mean (meV)", "rms (meV)", "MAE (meV)", "largest (meV)"),
    *("spread (meV)", "pairs (meV)", "rms (k_B T)", "pairs (k_B T)"),
    *("rank corr.", "mean (meV/atom)", "rms (meV/atom)"),
]


def _values(row: Row) -> list[str]:
    names = ("mean_eV", "rms_eV", "mae_eV", "largest_eV", "spread_eV", "pairs_eV")
    return [
        *_what(row),
        *(plain(1e3 * row[name], ".1f") for name in names),
        plain(row["rms_over_kT"], ".2f"),
        plain(row["pairs_over_kT"], ".2f"),
        plain(row["rank_correlation"], ".3f"),
        *(plain(1e3 * row[name] / row["n_atoms"], ".3f") for name in names[:2]),
    ]


_WEIGHT_COLUMNS = [
    *("T (K)", "quantity", "overlap", "Bhattacharyya", "rank corr."),
    *("top", "given to it", "ESS", "ESS, force field"),
]


def _weights(row: Row) -> list[str]:
    return [
        *_what(row),
        plain(row["overlap"], ".3f"),
        plain(row["bhattacharyya"], ".3f"),
        plain(row["weight_rank_correlation"], ".3f"),
        plain(row["top_weight"], ".3f"),
        plain(row["top_weight_given"], ".3f") + ("" if row["same_top"] else "*"),
        plain(row["ess"], ".1f"),
        plain(row["ess_given"], ".1f"),
    ]


_RESULT_COLUMNS = [
    *("T (K)", "quantity", "ΔG (meV)", "2nd order", "independent", "ΔG (meV/atom)"),
    *("S_conf (k_B)", "ΔS_conf (k_B)", "S (k_B/atom)", "S, force field"),
]


def _results(row: Row) -> list[str]:
    return [
        *_what(row),
        *(
            plain(1e3 * row[name], ".1f")
            for name in ("F_error_eV", "F_second_order_eV", "F_independent_eV")
        ),
        plain(1e3 * row["F_error_eV"] / row["n_atoms"], ".3f"),
        plain(row["S_conf_kB"], ".2f"),
        plain(row["S_conf_error_kB"], "+.2f"),
        plain(row["S_kB_per_atom"], ".3f"),
        plain(row["S_given_kB_per_atom"], ".3f"),
    ]


def _what(row: Row) -> list[str]:
    return [f"{row['temperature_K']:g}", _QUANTITIES.get(row["quantity"], MISSING)]


def _refusals(errors: pd.DataFrame) -> list[str]:
    """Say what is missing, each sentence once."""
    rows = errors.to_dict("records")
    found = [row["reason"] for row in rows if row["status"] != "ok"]
    found += [
        f"{row['n_left_out']:.0f} configurations not by both roads: {row['left_out']}"
        for row in rows
        if row["n_left_out"]
    ]
    return list(dict.fromkeys(found))
