"""Figure and table of the accuracy show errors without their mean, and the weights."""

import numpy as np
import pytest

from confvib.errors import TableError
from confvib.figures.accuracy import accuracy_figure
from confvib.figures.accuracy_table import accuracy_html, accuracy_text
from confvib.tables.accuracy_contracts import ACCURACY_CONFIGURATIONS, ACCURACY_ERRORS
from confvib.units import BOLTZMANN_EV_PER_K as KB

TEMPERATURES_K = [300.0, 900.0, 1500.0]


@pytest.fixture
def configurations(make_frame, rng):
    rows = []
    for number in range(6):
        energy, error = -1690 + rng.normal(scale=0.2), rng.normal(scale=0.03)
        rows.append(
            {
                "config_id": f"s-{number}",
                "minimum_eV": energy,
                "minimum_given_eV": energy + 0.5 + error,
                "temperatures_K": TEMPERATURES_K,
                "harmonic_eV": [4.0, -5.0, -20.0],
                "harmonic_given_eV": [4.1, -4.9, -19.9],
                "probability": [1e-30, 0.1, 0.2],
                "probability_given": [1e-20, 0.2, 0.1],
                "same_minimum": number > 0,
            }
        )
    rows.append({"config_id": "s-6", "status": "imaginary_modes", "reason": "why"})
    return make_frame(ACCURACY_CONFIGURATIONS, rows)


def errors_row(quantity="minimum+harmonic", rows="all", **changes):
    weighed = quantity != "harmonic"
    values = {
        "set": "12_44",
        "rows": rows,
        "quantity": quantity,
        "temperature_K": 300.0,
        "n_atoms": 192,
        "n_rows": 6,
        "n_other_minimum": 1,
        "n_left_out": 1,
        "left_out": "force field: 1 imaginary_modes",
        "mean_eV": 0.5,
        "rms_eV": 0.0300,
        "mae_eV": 0.0240,
        "largest_eV": 0.0900,
        "pairs_eV": 0.0424,
        "spread_eV": 0.2000,
        "rank_correlation": 0.987,
        "rms_over_kT": 1.16,
        "pairs_over_kT": 1.64,
        "overlap": 0.613 if weighed else None,
        "bhattacharyya": 0.8 if weighed else None,
        "weight_rank_correlation": 0.95 if weighed else None,
        "same_top": False if weighed else None,
        "top_weight": 0.511 if weighed else None,
        "top_weight_given": 0.222 if weighed else None,
        "ess": 3.4 if weighed else None,
        "ess_given": 5.6 if weighed else None,
        "F_error_eV": 0.48 if weighed else None,
        "F_second_order_eV": 0.47 if weighed else None,
        "F_independent_eV": 0.46 if weighed else None,
        "S_conf_kB": 9.87 if weighed else None,
        "S_conf_error_kB": -0.65 if weighed else None,
        "S_kB_per_atom": 2.111 if weighed else None,
        "S_given_kB_per_atom": 2.099 if weighed else None,
    }
    return values | changes


@pytest.fixture
def errors(make_frame):
    rows = [errors_row(q) for q in ("energy", "minimum", "harmonic", "minimum+harmonic")]
    rows.append(errors_row(rows="same_minimum", status="failed", reason="1 row(s) only"))
    return make_frame(ACCURACY_ERRORS, rows)


def test_errors_lose_their_mean_and_stand_against_kT(configurations, errors):
    figure = accuracy_figure(configurations, errors)
    assert "left out 1 of 7 rows: 1 imaginary_modes" in figure.get_suptitle().replace(
        "\n", " "
    )
    titles = [axes.get_title("left") for axes in figure.axes[:3]]
    assert titles == ["300 K", "900 K", "1500 K"]
    for axes, temperature_K in zip(figure.axes[:3], TEMPERATURES_K, strict=True):
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        assert np.abs(lines["F$_{harmonic}$"]).max() < 1e-6
        np.testing.assert_allclose(lines["E"], lines["sum"], atol=1e-6)
        assert len(lines["E"]) == 5
        band = axes.patches[0].get_height()
        assert band == pytest.approx(2e3 * KB * temperature_K)


def test_weights_are_drawn_from_a_smallest_one_up(configurations, errors):
    cold = accuracy_figure(configurations, errors).axes[3]
    assert cold.get_xscale() == cold.get_yscale() == "log"
    filled = cold.lines[0]
    np.testing.assert_allclose(filled.get_xdata(), 1e-12)
    assert cold.texts[0].get_text() == "overlap 0.61\nESS 3.4, 5.6"


def test_a_single_row_is_no_comparison(configurations, errors):
    figure = accuracy_figure(configurations.iloc[:1], errors)
    assert "fewer than two configurations" in figure.axes[0].texts[0].get_text()


def test_the_tables_hold_the_numbers(errors):
    for page in (accuracy_html(errors, campaign="made-up"), accuracy_text(errors)):
        for number in ("500.0", "30.0", "1.16", "0.987", "0.613", "0.222*", "2.099"):
            assert number in page
        assert "1 configurations not by both roads: force field: 1 imag" in page
        assert "1 row(s) only" in page


def test_a_table_without_a_column_is_refused(errors):
    with pytest.raises(TableError, match=r"lacks the columns \['overlap'\]"):
        accuracy_text(errors.drop(columns="overlap"))
