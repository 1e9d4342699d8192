"""Errors for each set of degrees of the harmonics, in the shape of Table 1."""

from collections.abc import Iterator

import pandas as pd

from confvib.figures.page import document, html_table, notes_list
from confvib.figures.rows import chosen_rows, require_columns

_COLUMNS = {
    "energy": ("energy_mae_meV", "energy_rmse_meV"),
    "force": ("force_mae_meV_per_A", "force_rmse_meV_per_A"),
}
_UNITS = (
    "Energies are errors of the whole cell in meV, forces errors of single components in "
    "meV/Å, over the same test frames for every row."
)
_PAPER = (
    "The paper's Table 1 prints the energy in 'meV'. Only the cell as a whole can be "
    "meant: 9.62 meV per atom (RMSE) would be 1.8 eV per cell of 192 atoms, and the "
    "energy term of its loss (β = 0.99) several hundred times the force term of 6.72 "
    "meV/Å, whereas the paper calls the loss strongly biased towards forces."
)


def degrees_table_html(sweep: pd.DataFrame, *, campaign: str = "") -> str:
    """Write the errors as a self-contained HTML page.

    Args:
        sweep: Rows of ``tables.training_contracts.SWEEP`` of a degrees sweep.
        campaign: Name of the campaign, for the title.

    Raises:
        TableError: The table lacks a column.

    Source: Table 1 of the paper.
    """
    title = f"Degrees of the harmonics{f', campaign {campaign}' if campaign else ''}"
    test = _test_rows(sweep)
    table = html_table(
        [
            ("", ["l"]),
            ("energy (meV)", ["MAE", "RMSE"]),
            ("force (meV/Å)", ["MAE", "RMSE"]),
        ],
        _cells(test),
    )
    notes = [("Units", _UNITS), ("The paper", _PAPER)]
    head = f"<h1>{title}</h1><p>{_said(test)}</p>"
    return document(title, [head, table, notes_list(notes)])


def degrees_table_text(sweep: pd.DataFrame) -> str:
    """Write the errors as plain text for the terminal.

    Args:
        sweep: Rows of ``tables.training_contracts.SWEEP`` of a degrees sweep.

    Raises:
        TableError: The table lacks a column.
    """
    test = _test_rows(sweep)
    lines = [
        _said(test),
        f"{'':12}{'energy (meV)':>18}{'force (meV/Å)':>18}",
        f"{'l':12}{'MAE':>9}{'RMSE':>9}{'MAE':>9}{'RMSE':>9}",
    ]
    for degrees, *values in _cells(test):
        lines.append(f"{degrees:12}" + "".join(f"{value:>9}" for value in values))
    return "\n".join([*lines, "", _UNITS, ""])


def _test_rows(sweep: pd.DataFrame) -> pd.DataFrame:
    names = [name for pair in _COLUMNS.values() for name in pair]
    require_columns(sweep, ["degrees", "split", "status", "n_frames", "repeat", *names])
    mask = (sweep["split"] == "test") & (sweep["status"] == "ok")
    return chosen_rows(sweep, mask.to_numpy(bool))


def _said(test: pd.DataFrame) -> str:
    if test.empty:
        return "No test frames."
    repeats = len(set(test["repeat"]))
    text = f"{test['n_frames'].iloc[0]:.0f} test frames"
    return text + (f", mean of {repeats} trainings each" if repeats > 1 else "")


def _cells(test: pd.DataFrame) -> Iterator[list[str]]:
    """Yield degrees and errors, the mean of the repeats, in the order of the table."""
    keys = [tuple(int(degree) for degree in degrees) for degrees in test["degrees"]]
    for key in dict.fromkeys(keys):
        rows = chosen_rows(test, pd.Series([each == key for each in keys]).to_numpy(bool))
        values = [rows[name].mean() for pair in _COLUMNS.values() for name in pair]
        yield [
            "{" + ",".join(map(str, key)) + "}",
            *(f"{value:#.3g}" for value in values),
        ]
