"""Figure and tables of the cross-check show the rows they were given."""

from pathlib import Path

import numpy as np
import pytest
from docutils.core import publish_parts

from confvib.errors import TableError
from confvib.figures.crosscheck import crosscheck_figure
from confvib.figures.crosscheck_table import crosscheck_html, crosscheck_text
from confvib.stages.tabulate_crosscheck import agreement_rows, noise_gate_rows
from confvib.tables.crosscheck_contracts import (
    AGREEMENT,
    CODES,
    FREE_ENERGIES,
    METHODS,
    NOISE_GATE,
)

SHIFTS = dict(zip(METHODS, (0.0, -0.30, -0.12, -0.10), strict=True))
ERRORS = dict(zip(METHODS, (0.0, 0.05, 0.004, 0.006), strict=True))


def energy_row(rank, temperature_K, method):
    energy = -1680.0 + 0.1 * rank + SHIFTS[method]
    integrated = method in METHODS[2:]
    return {
        "config_id": f"12_44-{rank:08d}",
        "temperature_K": temperature_K,
        "method": method,
        "n_atoms": 192,
        "free_energy_eV": energy,
        "free_energy_quantum_eV": energy + 1.0,
        "stderr_eV": ERRORS[method],
        "stderr_blocking_eV": ERRORS[method],
        "stderr_seeds_eV": ERRORS[method],
        "seeds_eV": [energy - ERRORS[method], energy + ERRORS[method]],
        "sampled_fs": 3000.0,
        "n_runs": 10,
        "n_steps": 17_500,
        "n_left_basin": 0,
        "couplings": [0.2, 0.8] if integrated else None,
        "integrand_eV": [1.0, -0.5] if integrated else None,
        "integrand_stderr_eV": [0.1, 0.1] if integrated else None,
        "integrand_harmonic_eV": [0.8, -0.2] if integrated else None,
        "spectrum_area": 573.0,
        "spectrum_area_ratio": 1.0000001,
        "spectrum_difference": 2e-4,
    }


def code_row(rank):
    return {
        "config_id": f"12_44-{rank:08d}",
        "displacement_max_A": 0.31,
        "n_moved": 1,
        "lowest_frequency_THz": 1.37,
        "phonopy_frequency_difference_THz": 2.4e-5,
        "phonopy_F_difference_eV": [1e-6, -2e-6],
        "phonopy_S_difference_eV_per_K": [1e-8, 2e-8],
    }


@pytest.fixture
def tables(make_frame):
    rows = [
        energy_row(rank, temperature_K, method)
        for rank in range(3)
        for temperature_K in (50.0, 300.0)
        for method in METHODS
    ]
    for row in rows:
        row |= {"status": "ok", "reason": ""}
    refused = {"status": "left_basin", "reason": "In 2 of 10 runs ions moved."}
    for row in rows:
        if row["temperature_K"] == 300.0 and row["method"] != "hessian":
            row.update(refused, free_energy_eV=None, seeds_eV=None)
    return {
        "free_energies": make_frame(FREE_ENERGIES, rows),
        "noise_gate": make_frame(NOISE_GATE, list(noise_gate_rows(rows))),
        "agreement": make_frame(AGREEMENT, list(agreement_rows(rows))),
        "codes": make_frame(CODES, [code_row(rank) for rank in range(3)]),
    }


def test_the_figure_shows_every_method_and_the_gate(tables):
    figure = crosscheck_figure(tables["free_energies"])
    relative, distance, integrands = figure.axes[:3]
    points = [line for line in distance.lines if len(line.get_xdata()) == 3]
    shown = sorted(float(np.mean(np.asarray(line.get_ydata()))) for line in points)
    expected = sorted(1e3 / 192 * SHIFTS[method] for method in METHODS[1:])
    np.testing.assert_allclose(shown, expected, atol=1e-9)
    spread = [
        np.ptp(line.get_ydata()) for line in relative.lines if len(line.get_xdata()) == 3
    ]
    np.testing.assert_allclose(spread, 0.2, atol=1e-9)
    drawn = [line.get_ydata() for line in integrands.lines if len(line.get_xdata()) == 2]
    assert any(np.allclose(values, [0.2, -0.3]) for values in drawn)
    assert "9 left_basin" in figure.get_suptitle()


def test_nothing_usable_is_said_in_every_panel(tables):
    frame = tables["free_energies"].assign(status="left_basin")
    figure = crosscheck_figure(frame)
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert said == ["no free energy at 50 K"] * 3 + ["no free energy at 300 K"] * 3


def test_a_missing_column_is_named(tables):
    with pytest.raises(TableError, match="integrand_harmonic_eV"):
        crosscheck_figure(tables["free_energies"].drop(columns="integrand_harmonic_eV"))


def test_the_tables_hold_numbers_and_refusals(tables):
    text, page = crosscheck_text(tables), crosscheck_html(tables, campaign="demo")
    for shown in ("-1680.1200(40)", "left_basin", "2.4e-05", "573.000"):
        assert shown in text
    assert "12_44-00000001, 300 K, VACF: In 2 of 10 runs ions moved." in text
    # σ = 50 meV at 50 K is 11.6 k_B T: 538 times 3 ps.
    assert "1.62e+03" in text
    assert "−1680.1200 ± 0.0040" in page
    assert "campaign demo" in page


def test_the_caption_renders():
    folder = Path(__file__).resolve().parents[3] / "workflow/report"
    text = (folder / "crosscheck.rst").read_text()
    settings = {"halt_level": 1, "report_level": 5}
    body = publish_parts(text, writer="html", settings_overrides=settings)["html_body"]
    assert "meV/atom" in body
