"""Which phase is stable, in words and numbers, as HTML and text."""

import textwrap
from collections.abc import Iterator
from html import escape
from typing import Any

import pandas as pd

from confvib.figures.conventions import CONVENTIONS
from confvib.figures.measured import concise, plain, plus_minus
from confvib.figures.page import document, html_table, notes_list
from confvib.figures.phase_stability import COMPARED
from confvib.figures.rows import require_columns
from confvib.figures.verdict import engine_warning
from confvib.tables.phase_contracts import PHASE_CROSSINGS, PHASE_STABILITY

TEXT_WIDTH = 110
"""Columns of the plain-text table."""

_SIGN = (
    "ΔG is G of the campaign's crystal minus G of the other phase, per atom: where it is "
    "negative, the campaign's crystal is the stable one. Errors are standard errors of "
    "sampling and dynamics, added in quadrature."
)
_CONVENTIONS = (
    "The conventions differ by orders of magnitude. For n arrangements of a cell the "
    "published one gives a disordered phase an entropy near k_B ln n per atom (4,162 "
    "arrangements: 1.08 eV/atom at 1500 K), where there is at most k_B ln Σg per cell, "
    "less by the number of atoms in it; an ordered phase gets none in either. That term "
    "makes the sign of the published ΔG. With vibrations the published F_vib is no free "
    "energy either. Only the canonical ΔG can say which phase is stable."
)
_MIXED = (
    "'conf against conf+md' sets G of one phase without vibrations against G of the "
    "other with them, as the paper did for two of its four values; it is no difference "
    "of free energies."
)
_CELLS = (
    "Both phases keep the cells of their structure files: Helmholtz energies at "
    "fixed lattice. Thermal expansion, the work against pressure and the shape that a "
    "force field or the reference would give each cell are not included, so ΔG also "
    "holds what the two files' cells are strained by at this level of theory."
)
_FORCE_FIELDS = {
    "own": (
        "Each phase has a force field of its own. Two independent errors of training "
        "enter ΔG in full and are not in its error bars; compare the error of the "
        "energies per atom on test frames of both phases with ΔG."
    ),
    "shared": (
        "One force field serves both phases. The part of its error that both share "
        "cancels in ΔG; this asks that it was trained on both, and what does not cancel "
        "is not in the error bars."
    ),
    "reference": "Both phases are on the reference itself: no force field enters ΔG.",
}
_COLUMNS = ["T (K)", "G", "G of the phase", "ΔG", "ΔG", "Δ⟨·⟩", "Δ(−TS)", "ΔS_vib"]
_UNITS = ["", "eV/atom", "eV/atom", "meV/atom", "eV/f.u.", *["meV/atom"] * 2]
_UNITS += ["meV/(atom K)"]


def phase_table_html(
    stability: pd.DataFrame, crossings: pd.DataFrame, *, engine: str, campaign: str = ""
) -> str:
    """Write the comparison of phases as a self-contained HTML page.

    Args:
        stability: Rows of ``tables.phase_contracts.PHASE_STABILITY``.
        crossings: Rows of ``tables.phase_contracts.PHASE_CROSSINGS``.
        engine: The configuration's ``labels.engine``: vasp, ase or ionic.
        campaign: Name of the campaign, for the title.

    Raises:
        TableError: A table lacks a column.
    """
    title = f"Phase stability{f', campaign {campaign}' if campaign else ''}"
    parts = [f"<h1>{escape(title)}</h1>"]
    warning = _warning(engine)
    if warning:
        parts.append(f'<p class="warning">{escape(warning)}</p>')
    parts += [f"<p>{escape(sentence)}</p>" for sentence in _paragraphs(stability)]
    for heading, rows, turns in _blocks(stability, crossings):
        columns = [
            f"{name} ({unit})" if unit else name
            for name, unit in zip(_COLUMNS, _UNITS, strict=True)
        ]
        columns.append("reported (meV/atom)")
        cells = [
            [*_cells(row, plus_minus), plain(row["reported_meV_per_atom"], "+.0f")]
            for row in rows
        ]
        parts += [f"<h2>{escape(heading)}</h2>", html_table([("", columns)], cells)]
        parts += [f"<p>{escape(_turn(turn))}</p>" for turn in turns]
        parts.append(notes_list(_notes(rows)))
    return document(title, parts)


def phase_table_text(
    stability: pd.DataFrame, crossings: pd.DataFrame, *, engine: str
) -> str:
    """Write the comparison of phases as text of at most ``TEXT_WIDTH`` columns.

    Args:
        stability: As for :func:`phase_table_html`.
        crossings: As for :func:`phase_table_html`.
        engine: As for :func:`phase_table_html`.

    Raises:
        TableError: A table lacks a column.
    """
    lines: list[str] = []
    for sentence in filter(None, [_warning(engine), *_paragraphs(stability)]):
        lines += textwrap.wrap(sentence, TEXT_WIDTH)
    for heading, rows, turns in _blocks(stability, crossings):
        lines += ["", *textwrap.wrap(heading, TEXT_WIDTH, subsequent_indent="  ")]
        lines.append(
            f"{'T/K':>6}  {'G eV/atom':16} {'of the phase':16} {'dG meV/atom':>14} "
            f"{'reported':>9}"
        )
        lines += [_line(row) for row in rows]
        said = [_turn(turn) for turn in turns]
        said += [f"{label}: {sentence}" for label, sentence in _notes(rows)]
        for sentence in said:
            lines += textwrap.wrap(
                sentence, TEXT_WIDTH, initial_indent="  ", subsequent_indent="    "
            )
    return "\n".join(lines) + "\n"


def _warning(engine: str) -> str:
    warning = engine_warning(engine)
    return warning and (
        f"{warning} It orders cubic below tetragonal LLZO, against experiment and DFT: "
        "the sign of ΔG need not be that of the material."
    )


def _paragraphs(stability: pd.DataFrame) -> list[str]:
    require_columns(stability, [column.name for column in PHASE_STABILITY.columns])
    kinds = [kind for kind in _FORCE_FIELDS if kind in set(stability["force_fields"])]
    return [_SIGN, _CONVENTIONS, _CELLS, *(_FORCE_FIELDS[kind] for kind in kinds)]


def _blocks(
    stability: pd.DataFrame, crossings: pd.DataFrame
) -> Iterator[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Yield heading, rows and crossings of each phase, convention and level."""
    require_columns(crossings, [column.name for column in PHASE_CROSSINGS.columns])
    for phase in dict.fromkeys(stability["phase"]):
        for convention in CONVENTIONS:
            for levels, (name, _, _) in COMPARED.items():
                rows, turns = (
                    [
                        row
                        for row in table.sort_values("temperature_K").to_dict("records")
                        if (row["phase"], row["convention"]) == (phase, convention)
                        and (row["level"], row["phase_level"]) == levels
                    ]
                    for table in (stability, crossings)
                )
                if rows:
                    yield f"{phase}: {CONVENTIONS[convention]}; {name}", rows, turns


def _cells(row: dict[str, Any], number: Any) -> list[str]:
    return [
        f"{row['temperature_K']:g}",
        number(row["G_eV_per_atom"], row["G_stderr_eV_per_atom"]),
        number(row["phase_G_eV_per_atom"], row["phase_G_stderr_eV_per_atom"]),
        _meV(row, number),
        plain(row["delta_G_eV_per_formula"], "+.3f"),
        plain(row["delta_average_meV_per_atom"], "+.2f"),
        plain(row["delta_minus_TS_meV_per_atom"], "+.2f"),
        plain(row["delta_S_vib_meV_per_atom_K"], "+.5f"),
    ]


def _meV(row: dict[str, Any], number: Any) -> str:
    """Write ΔG: without an error it is known to no more than a hundredth of a meV."""
    value, stderr = row["delta_G_meV_per_atom"], row["delta_G_stderr_meV_per_atom"]
    if pd.isna(stderr):
        return plain(value, "+.2f")
    return number(value, stderr)


def _line(row: dict[str, Any]) -> str:
    T, ours, theirs, delta, *_ = _cells(row, concise)
    reported = plain(row["reported_meV_per_atom"], "+.0f")
    cells = f"{T:>6}  {ours:16} {theirs:16} {delta:>14} {reported:>9}"
    return cells.replace("−", "-").replace("–", "-").rstrip()


def _turn(turn: dict[str, Any]) -> str:
    """Say where the curve crosses zero, or that it does not."""
    if pd.isna(turn["temperature_K"]):
        known = turn["status"] == "no_crossing"
        return f"{'No transition' if known else 'Transition unknown'}: {turn['reason']}."
    error = plain(turn["temperature_stderr_K"], ".0f")
    known = f" ± {error}" if error[0].isdigit() else ""
    ours = turn["stable_below"] == "campaign"
    below = "the campaign's crystal" if ours else turn["phase"]
    objection = f" ({turn['reason']})" if turn["reason"] else ""
    return (
        f"Transition at {turn['temperature_K']:.0f}{known} K: {below} is the stable one "
        f"below it{objection}."
    )


def _notes(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    labels: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] != "ok":
            sentence = f"{row['status']}: {row['reason']}"
            labels.setdefault(sentence, []).append(f"{row['temperature_K']:g} K")
    found = [(", ".join(each), sentence) for sentence, each in labels.items()]
    if rows[0]["level"] != rows[0]["phase_level"]:
        found.append(("note", _MIXED))
    return found
