"""Free energies by four methods, against each other and k_B T, as HTML and text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from confvib.figures.measured import MISSING, concise, plain, plus_minus
from confvib.figures.page import document, html_table, notes_list
from confvib.tables.crosscheck_contracts import METHODS

_SHORT = {
    "hessian": "Hessian",
    "vacf": "VACF",
    "ti_hessian": "TI (Hessian)",
    "frenkel_ladd": "TI (Einstein)",
}
_CELL = (
    "Free energies are classical unless marked, per cell of fixed volume whose centre of "
    "mass is at rest; errors are standard errors."
)
_QUANTUM = (
    "Quantum (q.): F_q of the Hessian; VACF with the correction of its own spectrum; the "
    "integrations with F_q − F_cl of the Hessian."
)
_PAIRS = (
    "Pairs: root mean square, over pairs of configurations, of what two methods disagree "
    "by on the difference between them; that, over k_B T, is what changes weights. In "
    "brackets what the standard errors alone would make of it."
)
_GATE = (
    "The noise gate asks for a standard error of at most k_B T / 2 per cell. Errors fall "
    "with the square root of the sampling, as longer runs or as more of them."
)
_UNITS = (_CELL, _QUANTUM, _PAIRS, _GATE)

Rows = Sequence[Mapping[str, Any]]


def crosscheck_html(tables: Mapping[str, pd.DataFrame], *, campaign: str = "") -> str:
    """Write the cross-check as a self-contained HTML page.

    Args:
        tables: Rows of ``free_energies``, ``noise_gate``, ``agreement`` and ``codes`` of
            ``tables.crosscheck_contracts``.
        campaign: Name of the campaign, for the title.
    """
    title = f"Cross-check of free energies{f', campaign {campaign}' if campaign else ''}"
    parts = [f"<h1>{title}</h1>"]
    for heading, columns, rows in _sections(tables, plus_minus):
        parts += [f"<h2>{heading}</h2>", html_table([("", columns)], rows)]
    notes = [("refused", reason) for reason in _refusals(tables)]
    notes += [("note", sentence) for sentence in _UNITS]
    return document(title, [*parts, notes_list(notes)])


def crosscheck_text(tables: Mapping[str, pd.DataFrame]) -> str:
    """Write the cross-check as plain text for the terminal.

    Args:
        tables: As for :func:`crosscheck_html`.
    """
    lines: list[str] = []
    for heading, columns, rows in _sections(tables, concise):
        cells = [columns, *(list(row) for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [heading, *(_line(row, widths) for row in cells), ""]
    return "\n".join([*lines, *_refusals(tables), *_UNITS, ""])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  " + "  ".join(padded).rstrip()


def _sections(
    tables: Mapping[str, pd.DataFrame], number: Any
) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Yield heading, columns and rows of each part; `number` writes value and error."""
    yield (
        "Free energy (eV per cell)",
        [
            "configuration",
            "T (K)",
            *_SHORT.values(),
            *(f"{m}, q." for m in _SHORT.values()),
        ],
        list(_free_energies(tables["free_energies"].to_dict("records"), number)),
    )
    yield (
        "Methods against each other",
        [
            "T (K)",
            "method",
            "minus",
            "cells",
            "mean (meV/atom)",
            "pairs (k_B T per cell)",
        ],
        [_agreement(row, number) for row in tables["agreement"].to_dict("records")],
    )
    yield (
        "Noise gate",
        [
            *("T (K)", "method", "cells", "refused", "runs of (ps)", "seeds", "steps"),
            *("σ (eV/cell)", "σ / k_B T", "gate", "ps needed", "or seeds", "steps"),
        ],
        [_gate(row) for row in tables["noise_gate"].to_dict("records")],
    )
    yield (
        "The minima, and phonopy on them",
        [
            *("configuration", "moved (Å)", "ions moved", "softest (THz)"),
            *("max |Δν| (THz)", "max |ΔF| (eV)", "max |ΔS| (eV/K)"),
        ],
        [_code(row) for row in tables["codes"].to_dict("records")],
    )
    yield (
        "The spectrum of one run, and tidynamics and scipy on it",
        ["configuration", "T (K)", "modes", "ratio of areas", "max |Δg| / max g"],
        [
            _spectrum(row)
            for row in tables["free_energies"].to_dict("records")
            if row["method"] == "vacf"
        ],
    )


def _free_energies(rows: Rows, number: Any) -> Iterator[list[str]]:
    found: dict[tuple[str, float], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        key = (row["config_id"], row["temperature_K"])
        found.setdefault(key, {})[row["method"]] = row
    for (config_id, temperature_K), methods in found.items():
        cells = [config_id, f"{temperature_K:g}"]
        for column in ("free_energy_eV", "free_energy_quantum_eV"):
            for method in METHODS:
                row = methods[method]
                cells.append(
                    row["status"]
                    if row["status"] != "ok"
                    else number(row[column], row["stderr_eV"])
                )
        yield cells


def _agreement(row: Mapping[str, Any], number: Any) -> list[str]:
    noise = plain(row["pairs_noise_over_kT"], ".2f")
    return [
        f"{row['temperature_K']:g}",
        _SHORT[row["method"]],
        _SHORT[row["other"]],
        f"{row['n_used']}",
        number(row["difference_meV_per_atom"], row["difference_stderr_meV_per_atom"]),
        f"{plain(row['pairs_over_kT'], '.2f')} ({noise})",
    ]


def _gate(row: Mapping[str, Any]) -> list[str]:
    cells = [f"{row['temperature_K']:g}", _SHORT[row["method"]]]
    cells += [f"{row['n_used']}", f"{row['n_refused']}"]
    if row["status"] != "ok":
        return cells + [MISSING] * 9
    return [
        *cells,
        f"{1e-3 * row['sampled_fs']:g}",
        f"{row['n_seeds']:.0f}",
        f"{row['n_steps']:,.0f}",
        f"{row['stderr_eV']:.4f}",
        f"{row['stderr_over_kT']:.2f}",
        "passed" if row["passed"] else "refused",
        f"{1e-3 * row['sampled_fs_needed']:.3g}",
        f"{row['n_seeds_needed']:.0f}",
        f"{row['n_steps_needed']:,.0f}",
    ]


def _code(row: Mapping[str, Any]) -> list[str]:
    cells = [row["config_id"], plain(row["displacement_max_A"], ".2f")]
    cells += [plain(row["n_moved"], ".0f"), plain(row["lowest_frequency_THz"], ".3f")]
    if row["status"] != "ok":
        return [*cells, row["status"], MISSING, MISSING]
    free, entropy = (
        max(abs(value) for value in row[name])
        for name in ("phonopy_F_difference_eV", "phonopy_S_difference_eV_per_K")
    )
    largest = row["phonopy_frequency_difference_THz"]
    return [*cells, f"{largest:.1e}", f"{free:.1e}", f"{entropy:.1e}"]


def _spectrum(row: Mapping[str, Any]) -> list[str]:
    return [
        row["config_id"],
        f"{row['temperature_K']:g}",
        plain(row["spectrum_area"], ".3f"),
        plain(row["spectrum_area_ratio"], ".7f"),
        plain(row["spectrum_difference"], ".1e"),
    ]


def _refusals(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    for row in tables["free_energies"].to_dict("records"):
        if row["status"] != "ok":
            yield (
                f"{row['config_id']}, {row['temperature_K']:g} K, "
                f"{_SHORT[row['method']]}: {row['reason']}"
            )
