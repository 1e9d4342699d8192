"""The table of Z, S and G: both conventions side by side, as HTML and as plain text."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import pandas as pd

from confvib.errors import TableError
from confvib.figures.conventions import (
    AVERAGE_SYMBOL,
    CONVENTIONS,
    FINITE_CELL,
    LEVELS,
    WHY_TWO_CONVENTIONS,
)
from confvib.figures.ensemble_tables import ensemble_html, shares_html
from confvib.figures.measured import MISSING, concise, plain, plus_minus
from confvib.figures.page import document, html_table, notes_list
from confvib.figures.rows import require_columns
from confvib.figures.verdict import Row, engine_warning, flags_in_words
from confvib.tables.thermodynamics_contracts import THERMODYNAMICS

TEXT_WIDTH = 110
"""Columns of the plain-text table."""

_TEXT_HEAD = f"{'T/K':>6}  {'convention':10}  {'average':16} {'S':16} {'-TS':16} {'G':16}"
_SENTENCES = (*WHY_TWO_CONVENTIONS, FINITE_CELL)
_EQUIVALENCES = {
    "symmetry": "distinct by symmetry",
    "pair_distances": "distinct by pair distances",
}

_TEXT_TAIL = f"{'cover':>6} {'ESS':>7} {'n99':>6}"


@dataclass(frozen=True)
class _Block:
    """One set and level: rows[temperature][convention]; a missing row has no entry."""

    set_name: str
    level: str
    rows: dict[float, dict[str, Row]]

    def each(self) -> Iterator[tuple[float, str, Row]]:
        """Yield temperature, convention and row, canonical first."""
        for temperature_K, pair in self.rows.items():
            for convention in CONVENTIONS:
                if convention in pair:
                    yield temperature_K, convention, pair[convention]


def gibbs_table_html(
    thermodynamics: pd.DataFrame,
    *,
    engine: str,
    campaign: str = "",
    shares: pd.DataFrame | None = None,
) -> str:
    """Write the thermodynamics of all sets as one self-contained HTML page.

    Args:
        thermodynamics: Rows of ``tables.thermodynamics_contracts.THERMODYNAMICS`` of one
            or more sets; rows that are not ok are shown with their reason.
        engine: The configuration's ``labels.engine``: vasp, ase or ionic.
        campaign: Name of the campaign, for the title.
        shares: Rows of ``tables.thermodynamics_contracts.SHARES``; None leaves them out.

    Returns:
        The page: per set and level the averages [eV/atom], S [meV/(atom K)], -TS and G
        [eV/atom] with standard errors, both conventions in one line; then coverage, ESS,
        n99 and the flags in words; then what stands behind each canonical row.

    Raises:
        TableError: A column is missing, a row occurs twice, or a level or convention is
            unknown.
    """
    blocks = _blocks(thermodynamics)
    title = f"Free energies of campaign {campaign}" if campaign else "Free energies"
    parts = [f"<h1>{escape(title)}</h1>"]
    warning = engine_warning(engine)
    if warning:
        parts.append(f'<p class="warning">{escape(warning)}</p>')
    parts += [f"<p>{escape(sentence)}</p>" for sentence in _SENTENCES]
    parts.append(
        "<p>± is one standard error; a value without it has none. ⟨ ⟩, −TS and G are in "
        "eV/atom, S in meV/(atom K).</p>"
    )
    if not blocks:
        parts.append("<p>The table has no rows.</p>")
    for block in blocks:
        parts += _block_html(block)
    if shares is not None:
        parts += shares_html(shares)
    return document(title, parts)


def gibbs_table_text(thermodynamics: pd.DataFrame, *, engine: str = "") -> str:
    """Write the thermodynamics of all sets as text of at most ``TEXT_WIDTH`` columns.

    Args:
        thermodynamics: As for :func:`gibbs_table_html`.
        engine: The configuration's ``labels.engine``; adds its warning, if there is one.

    Returns:
        Aligned lines; ``-8.78150(12)`` means -8.78150 ± 0.00012.

    Raises:
        TableError: As for :func:`gibbs_table_html`.
    """
    lines = []
    for sentence in filter(None, [engine_warning(engine), *_SENTENCES]):
        lines += textwrap.wrap(sentence, TEXT_WIDTH)
    lines.append(
        "Averages, -TS and G in eV/atom, S in meV/(atom K); (12): standard error."
    )
    for block in _blocks(thermodynamics):
        heading = textwrap.wrap(_heading(block), TEXT_WIDTH, subsequent_indent="  ")
        lines += ["", *heading, f"{_TEXT_HEAD} {_TEXT_TAIL}"]
        lines += [_text_row(*entry) for entry in block.each()]
        for label, sentence in _notes(block):
            lines += textwrap.wrap(
                f"{label}: {sentence}",
                TEXT_WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
            )
    return "\n".join(lines) + "\n"


def _blocks(thermodynamics: pd.DataFrame) -> list[_Block]:
    require_columns(thermodynamics, [column.name for column in THERMODYNAMICS.columns])
    _require_known(thermodynamics, "level", tuple(LEVELS))
    _require_known(thermodynamics, "convention", tuple(CONVENTIONS))
    found: dict[tuple[str, str], dict[float, dict[str, Row]]] = {}
    for row in thermodynamics.sort_values("temperature_K").to_dict("records"):
        block = found.setdefault((row["set"], row["level"]), {})
        pair = block.setdefault(float(row["temperature_K"]), {})
        if row["convention"] in pair:
            raise TableError(
                f"set {row['set']}, level {row['level']}, {row['temperature_K']:g} K, "
                f"{row['convention']}: two rows, expected one"
            )
        pair[row["convention"]] = row
    sets = list(dict.fromkeys(thermodynamics["set"]))
    return [
        _Block(name, level, found[name, level])
        for name in sets
        for level in LEVELS
        if (name, level) in found
    ]


def _require_known(table: pd.DataFrame, name: str, known: tuple[str, ...]) -> None:
    unknown = sorted({str(value) for value in table[name]} - set(known))
    if unknown:
        raise TableError(f"{name}: unknown {unknown}, expected {list(known)}")


def _heading(block: _Block) -> str:
    first = next(block.each())[2]
    counted = _EQUIVALENCES.get(first["equivalence"], first["equivalence"])
    return f"Set {block.set_name} ({counted}), level {block.level}: {LEVELS[block.level]}"


def _notes(block: _Block) -> list[tuple[str, str]]:
    labels: dict[str, list[str]] = {}
    for temperature_K, convention, row in block.each():
        for sentence in flags_in_words(row):
            labels.setdefault(sentence, []).append(f"{temperature_K:g} K {convention}")
    n_rows = sum(1 for _ in block.each())
    return [
        ("all rows" if len(rows) == n_rows > 1 else ", ".join(rows), sentence)
        for sentence, rows in labels.items()
    ]


def _minus_TS_stderr(row: Row) -> float:
    stderr_meV_per_K = row["S_stderr_meV_per_atom_K"]
    return 1e-3 * row["temperature_K"] * stderr_meV_per_K


def _numbers(row: Row) -> list[tuple[float, float]]:
    return [
        (row["average_eV_per_atom"], row["average_stderr_eV_per_atom"]),
        (row["S_meV_per_atom_K"], row["S_stderr_meV_per_atom_K"]),
        (row["minus_TS_eV_per_atom"], _minus_TS_stderr(row)),
        (row["G_eV_per_atom"], row["G_stderr_eV_per_atom"]),
    ]


def _block_html(block: _Block) -> list[str]:
    columns = [AVERAGE_SYMBOL[block.level], "S", "−TS", "G"]
    values = [
        [f"{temperature_K:g}"]
        + [
            plus_minus(*number)
            for convention in CONVENTIONS
            for number in (_numbers(pair[convention]) if convention in pair else _BLANK)
        ]
        for temperature_K, pair in block.rows.items()
    ]
    quality = [
        [f"{temperature_K:g}", convention, *_quality(row)]
        for temperature_K, convention, row in block.each()
    ]
    parts = [
        f"<h2>{escape(_heading(block))}</h2>",
        html_table([("", ["T (K)"]), *((name, columns) for name in CONVENTIONS)], values),
    ]
    parts.append(html_table([("sample", _QUALITY_COLUMNS)], quality))
    parts.append(notes_list(_notes(block)))
    canonical = [
        (temperature_K, row)
        for temperature_K, convention, row in block.each()
        if convention == "canonical"
    ]
    if canonical:
        parts.append(ensemble_html(block.level, canonical))
    return parts


_BLANK = [(float("nan"), float("nan"))] * 4
_QUALITY_COLUMNS = [
    "T (K)",
    "convention",
    "used / selected / all",
    "coverage of rows",
    "coverage of multiplicity",
    "ESS",
    "n99",
    "largest weight",
]


def _quality(row: Row) -> list[str]:
    counts = [
        plain(row[name], ",.0f") for name in ("n_used", "n_selected", "n_configurations")
    ]
    return [
        " / ".join(counts),
        plain(row["coverage_rows"], ".1%"),
        plain(row["coverage_multiplicity"], ".2%"),
        plain(row["ess"], ",.1f"),
        plain(row["n99"], ",.0f"),
        plain(row["p_max"], ".3f"),
    ]


def _text_row(temperature_K: float, convention: str, row: Row) -> str:
    numbers = " ".join(f"{concise(*number):16}" for number in _numbers(row))
    cover, ess, n99 = (
        plain(row[name], pattern).replace(MISSING, "-")
        for name, pattern in (("coverage_rows", ".1%"), ("ess", ".1f"), ("n99", ".0f"))
    )
    return f"{temperature_K:>6g}  {convention:10}  {numbers} {cover:>6} {ess:>7} {n99:>6}"
