"""The figure of the surrogate shows root mean squares over repeats, in units of k_B T."""

import numpy as np
import pytest

from confvib.errors import TableError
from confvib.figures.surrogate import surrogate_figure
from confvib.tables.surrogate_contracts import SURROGATE_VALIDATION
from confvib.units import BOLTZMANN_EV_PER_K as KB


def point(selection, fraction, repeat, **other):
    sampled = selection == "random"
    return {
        "set": "12_44",
        "quantity": "energy+harmonic",
        "temperature_K": 300.0,
        "selection": selection,
        "fraction": fraction,
        "repeat": repeat,
        "n_rows": 300,
        "rmse_over_kT": 2.0 + repeat,
        "F_error_eV": (-1) ** repeat * 0.01 / fraction,
        "S_conf_error_kB": 0.5,
        "overlap": 0.6,
        "F_assisted_error_eV": 0.02 if sampled else None,
        "S_conf_assisted_error_kB": 0.4 if sampled else None,
        "F_sampled_error_eV": 0.03 if sampled else None,
        "S_conf_sampled_error_kB": 1.0 if sampled else None,
        "overlap_sampled": 0.2 if sampled else None,
    } | other


@pytest.fixture
def points():
    return [
        point(selection, fraction, repeat)
        for selection in ("random", "variance", "weight")
        for fraction in (0.05, 0.1, 0.2)
        for repeat in (0, 1)
    ]


def curve(axes, label):
    found = [line for line in axes.lines if line.get_label() == label]
    assert len(found) == 1
    return found[0].get_xdata(), found[0].get_ydata()


def test_curves_are_root_mean_squares(points, make_frame):
    row, free, entropy, overlap = surrogate_figure(
        make_frame(SURROGATE_VALIDATION, points)
    ).axes
    x, y = curve(row, "surrogate, random rows")
    np.testing.assert_allclose(x, [0.05, 0.1, 0.2])
    np.testing.assert_allclose(y, np.sqrt((4 + 9) / 2))
    _, y = curve(free, "surrogate, largest variance")
    np.testing.assert_allclose(y, np.array([0.2, 0.1, 0.05]) / (KB * 300))
    _, y = curve(entropy, "random rows alone")
    np.testing.assert_allclose(y, 1.0)
    _, y = curve(free, "random rows, assisted")
    np.testing.assert_allclose(y, 0.02 / (KB * 300))
    _, y = curve(overlap, "random rows alone")
    np.testing.assert_allclose(y, 0.2)
    assert all(line.get_label() != "random rows alone" for line in row.lines)


def test_a_line_of_panels_per_temperature_three_at_most(points, make_frame):
    rows = [
        each | {"temperature_K": T} for each in points for T in (300.0, 600, 900, 1500)
    ]
    figure = surrogate_figure(make_frame(SURROGATE_VALIDATION, rows))
    labels = [axes.get_ylabel().split("\n")[0] for axes in figure.axes[::4]]
    assert labels == ["300 K", "900 K", "1500 K"]


def test_the_highest_level_is_shown(points, make_frame):
    rows = [*points, *(each | {"quantity": "energy"} for each in points)]
    title = surrogate_figure(make_frame(SURROGATE_VALIDATION, rows)).get_suptitle()
    assert "E + F_harmonic" in title
    assert "300 computed rows" in title
    assert "2 repeats" in title


def test_an_empty_test_says_why(make_frame):
    refused = {
        "quantity": "energy",
        "temperature_K": 300.0,
        "status": "failed",
        "reason": "2 computed row(s): too few",
    }
    table = make_frame(SURROGATE_VALIDATION, [refused])
    text = surrogate_figure(table).axes[0].texts[0].get_text()
    assert text == "no surrogate to show: 2 computed row(s): too few"


def test_a_foreign_table_is_refused(points, make_frame):
    table = make_frame(SURROGATE_VALIDATION, points).drop(columns="overlap")
    with pytest.raises(TableError, match="lacks the columns"):
        surrogate_figure(table)
