"""Verdicts on the sampling of every set, and the tests behind them, as HTML."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from confvib.figures.measured import plain
from confvib.figures.page import document, html_table, notes_list

_TESTS = {"subset": "m random rows", "density": "n draws from the density of m"}
_ESTIMATORS = {
    "canonical": "canonical",
    "canonical_unscaled": "canonical, rows stand for themselves",
    "published": "published",
}
_COLUMNS = [
    ("", ["set", "level", "T (K)", "test", "estimator", "n", "m", "subsets"]),
    ("−TS (eV/atom)", ["whole set", "test"]),
    ("its error (%)", ["mean", "5 %", "95 %", "expected"]),
    ("error of G (k_B T per cell)", ["mean", "5 %", "95 %"]),
    ("shift of ln Z", ["found", "(h/k_B T)²/2"]),
]
_FACTOR = (
    "Canonical: every row of a subset stands for n/m rows, and draws for the microstates "
    "of the whole set. Expected: what the number of rows, or the width h of the kernels, "
    "makes by itself."
)
_COUNTING = (
    "The published −TS counts rows: it is short by ln m / ln n whatever the energies "
    "are, and n values drawn from any density bring it back."
)
_TAILS = (
    "A kernel density has tails that nobody computed: it raises ln Z by (h / k_B T)²/2 "
    "per cell, as long as n draws reach these tails."
)


def sampling_html(
    tests: pd.DataFrame, verdicts: pd.DataFrame, *, campaign: str = ""
) -> str:
    """Write verdicts and tests as a self-contained HTML page.

    Args:
        tests: Rows of ``tables.sampling_contracts.SAMPLING_TESTS`` of all sets.
        verdicts: Rows of ``tables.sampling_contracts.SAMPLING_VERDICTS`` of all sets.
        campaign: Name of the campaign, for the title.
    """
    title = f"Enough configurations?{f' Campaign {campaign}' if campaign else ''}"
    rows = [_cells(row) for row in tests.to_dict("records") if row["status"] == "ok"]
    refused = [
        (_subject(row), f"{row['test']} ({row['estimator']}): {row['reason']}")
        for row in tests.to_dict("records")
        if row["status"] != "ok"
    ]
    said = [
        (
            _subject(row),
            row["statement"] if row["status"] == "ok" else row["reason"],
        )
        for row in verdicts.to_dict("records")
    ]
    return document(
        title,
        [
            f"<h1>{title}</h1>",
            notes_list(said),
            "<h2>Tests</h2>",
            html_table(_COLUMNS, rows),
            notes_list(
                [
                    *refused,
                    *(("note", sentence) for sentence in (_FACTOR, _COUNTING, _TAILS)),
                ]
            ),
        ],
    )


def _subject(row: Mapping[str, Any]) -> str:
    return f"{row['set']}, {row['level']}, {row['temperature_K']:g} K"


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [
        row["set"],
        row["level"],
        f"{row['temperature_K']:g}",
        _TESTS[row["test"]],
        _ESTIMATORS[row["estimator"]],
        *(plain(row[name], ",.0f") for name in ("n_rows", "n_subset", "n_repeats")),
        plain(row["minus_TS_full_eV_per_atom"], ".5f"),
        plain(row["minus_TS_eV_per_atom"], ".5f"),
        *(
            _percent(row[f"relative_error{which}"])
            for which in ("", "_p05", "_p95", "_expected")
        ),
        *(
            plain(row[f"G_error{which}_over_kT"], "+.2f")
            for which in ("", "_p05", "_p95")
        ),
        plain(row["log_Z_shift"], "+.3f"),
        plain(row["log_Z_shift_expected"], "+.3f"),
    ]


def _percent(value: float | None) -> str:
    return plain(None if value is None else 100 * value, "+.2f")
