"""The figure of the engines shows energies relative to their means, per cell."""

import numpy as np
import pytest

from confvib.errors import TableError
from confvib.figures.engines import engines_figure
from confvib.figures.engines_table import engines_text
from confvib.tables.engine_contracts import ENGINE_ENERGIES, ENGINE_PAIRS
from confvib.units import BOLTZMANN_EV_PER_K

ENERGIES = {"labels": [-10.0, -10.1, -10.3, -9.6], "other": [5.0, 4.9, 4.8, 5.3]}


@pytest.fixture
def tables(make_frame):
    energies = [
        {
            "config_id": f"s-{number}",
            "engine": name,
            "geometry": "common",
            "energy_eV": energy,
        }
        for name, values in ENERGIES.items()
        for number, energy in enumerate(values)
    ]
    energies[-1] |= {"status": "failed", "energy_eV": None}
    pair = {
        "set": "12_44",
        "engine": "labels",
        "other": "other",
        "geometry": "common",
        "temperature_K": 300.0,
        "n_selected": 4,
        "n_rows": 3,
        "left_out": "1 other: failed",
        "rms_eV": 0.0517,
        "rms_over_kT": 2.0,
        "spearman": -0.5,
        "kendall": -1 / 3,
        "kendall_p": 0.04,
        **dict.fromkeys(("spread_eV", "spread_other_eV", "spread_ratio"), 1.0),
        **dict.fromkeys(("spearman_low", "kendall_low"), -1.0),
        **dict.fromkeys(("spearman_high", "kendall_high"), 0.5),
    }
    failed = {
        **{key: pair[key] for key in ("set", "engine", "other", "temperature_K")},
        "geometry": "own",
        "n_selected": 4,
        "n_rows": 0,
        "left_out": "4 other: failed",
        "status": "failed",
        "reason": "no configuration that both engines have",
    }
    return make_frame(ENGINE_ENERGIES, energies), make_frame(ENGINE_PAIRS, [pair, failed])


def test_points_are_the_rows_of_both_with_their_means_taken_off(tables):
    figure = engines_figure(*tables)
    axes = figure.axes[0]
    (points,) = [line for line in axes.lines if line.get_marker() == "o"]
    x, y = points.get_data()
    np.testing.assert_allclose(x, [133.333, 33.333, -166.667], atol=1e-3)
    np.testing.assert_allclose(y, [100, 0, -100], atol=1e-9)
    band = axes.collections[0].get_paths()[0].vertices
    widths = np.unique(np.round(np.abs(band[:, 1] - band[:, 0]), 3))
    assert widths == pytest.approx([1e3 * BOLTZMANN_EV_PER_K * 300], abs=1e-3)
    title = axes.get_title(loc="left")
    assert "common, 3 of 4" in title
    assert "ρ −0.50" in title
    assert "left out 1 of 8 rows: 1 failed" in figure.get_suptitle()


def test_a_pair_without_rows_says_why(tables):
    (text,) = engines_figure(*tables).axes[1].texts
    said = " ".join(text.get_text().split())
    assert said == "own: no configuration that both engines have"


def test_the_sentence_weighs_the_order_against_chance(tables):
    said = " ".join(engines_text(tables[1]).split())
    assert (
        "labels and other, minima of the first engine: of 3 configurations (of 4) the "
        "order by energy agrees with ρ = −0.50, more than chance alone gives, and "
        "energies relative to one another differ by 52 meV per cell, 2.0 k_B T at 300 K. "
        "Left out: 1 other: failed."
    ) in said


def test_a_table_without_a_column_is_refused(tables):
    energies, pairs = tables
    with pytest.raises(TableError, match="kendall"):
        engines_figure(energies, pairs.drop(columns="kendall"))
    with pytest.raises(TableError, match="energy_eV"):
        engines_figure(energies.drop(columns="energy_eV"), pairs)
