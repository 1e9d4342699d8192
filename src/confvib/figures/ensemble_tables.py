"""What stands behind a canonical row: entropies, heat capacity, widths, shares."""

from collections.abc import Callable, Iterable
from html import escape

import pandas as pd

from confvib.figures.conventions import CONVENTIONS, LEVELS
from confvib.figures.measured import plain, plus_minus
from confvib.figures.page import html_table
from confvib.figures.rows import require_columns
from confvib.figures.verdict import Row
from confvib.tables.thermodynamics_contracts import SHARES

_Cell = Callable[[Row], str]


def _number(name: str, pattern: str) -> _Cell:
    return lambda row: plain(row[name], pattern)


_ALWAYS: dict[str, _Cell] = {
    "S": _number("S_meV_per_atom_K", ".5f"),
    "S of equal energies": _number("S_ideal_meV_per_atom_K", ".5f"),
}
_VIBRATING: dict[str, _Cell] = {
    "⟨S_vib⟩": _number("S_vib_meV_per_atom_K", ".5f"),
    "S + ⟨S_vib⟩": _number("S_total_meV_per_atom_K", ".5f"),
}
_ENERGIES: dict[str, _Cell] = {
    "C": _number("C_meV_per_atom_K", ".5f"),
    "U": _number("U_eV_per_atom", ".5f"),
}
_SHIFT: dict[str, _Cell] = {
    "shift of F by vibration": _number("F_shift_eV_per_atom", ".5f")
}
_WIDTH: dict[str, _Cell] = {
    "σ per cell (eV)": _number("sigma_eV", ".4f"),
    "ln Z": _number("log_Z", ".3f"),
    "ln Z, second order": _number("log_Z_second_order", ".3f"),
}
_NOISE: dict[str, _Cell] = {"noise bias of G": _number("noise_bias_eV_per_atom", ".5f")}
_COMMITTEE: dict[str, _Cell] = {
    "committee": _number("n_members", ".0f"),
    "spread of S": _number("S_spread_meV_per_atom_K", ".6f"),
    "spread of G": _number("G_spread_eV_per_atom", ".5f"),
    "spread of pairs / k_B T": _number("pairs_spread_over_kT", ".3f"),
}

_SHARES = (
    "<p>Z of each set over Z of the union of all sets (the superposition of their "
    "basins); ± from sampling.</p>"
)
_UNITS = (
    "S, ⟨S_vib⟩ and C in meV/(atom K); U, shift, bias and spread of G in eV/atom. S of "
    "equal energies is k_B ln Σg of the cell, the most that its arrangements can give. C "
    "is at fixed cell. σ is the standard deviation over arrangements."
)


def ensemble_html(level: str, rows: Iterable[tuple[float, Row]]) -> str:
    """Return the table of what stands behind the canonical rows of one set and level.

    Args:
        level: ``conf``, ``conf+harmonic`` or ``conf+md``.
        rows: Temperature [K] and canonical row of the ``thermodynamics`` table.
    """
    found = list(rows)
    columns = dict(_ALWAYS)
    if level != "conf":
        columns |= _VIBRATING
    columns |= _ENERGIES
    if level != "conf":
        columns |= _SHIFT
    columns |= _WIDTH
    if level == "conf+md":
        columns |= _NOISE
    if any((row["n_members"] or 0) > 1 for _, row in found):
        columns |= _COMMITTEE
    cells = [
        [f"{temperature_K:g}", *(cell(row) for cell in columns.values())]
        for temperature_K, row in found
    ]
    table = html_table([("canonical, in detail", ["T (K)", *columns])], cells)
    return f"{table}\n<p>{escape(_UNITS)}</p>"


def shares_html(shares: pd.DataFrame) -> list[str]:
    """Return how a union's weight is divided between its sets; nothing for one set.

    Args:
        shares: Rows of ``tables.thermodynamics_contracts.SHARES``.

    Raises:
        TableError: A column is missing.
    """
    require_columns(shares, [column.name for column in SHARES.columns])
    found: dict[tuple[str, float], dict[tuple[str, str], Row]] = {}
    members: dict[str, None] = {}
    for row in shares.sort_values("temperature_K").to_dict("records"):
        if row["set"] != row["member"]:
            key = row["level"], float(row["temperature_K"])
            found.setdefault(key, {})[row["convention"], row["member"]] = row
            members[row["member"]] = None
    if not found:
        return []
    columns = [(name, member) for name in CONVENTIONS for member in members]
    cells = [
        [level, f"{temperature_K:g}", *(_share(rows.get(key)) for key in columns)]
        for level in LEVELS
        for (of_level, temperature_K), rows in found.items()
        if of_level == level
    ]
    groups = [
        ("", ["level", "T (K)"]),
        *((name, list(members)) for name in CONVENTIONS),
    ]
    return [
        "<h2>Shares of the sets in their union</h2>",
        html_table(groups, cells),
        _SHARES,
    ]


def _share(row: Row | None) -> str:
    if row is None:
        return plain(None, ".4f")
    return plus_minus(row["share"], row["share_stderr"])
