"""The figure of the sampling tests shows what the tables say, in meV/atom."""

import numpy as np
import pytest

from confvib.errors import TableError
from confvib.figures.sampling import sampling_figure
from confvib.figures.sampling_table import sampling_html
from confvib.tables.sampling_contracts import (
    SAMPLING_CURVES,
    SAMPLING_TESTS,
    SAMPLING_VERDICTS,
)
from confvib.units import BOLTZMANN_EV_PER_K as KB

KEYS = {"set": "12_44", "level": "conf", "temperature_K": 300.0}


def curve(estimator, size, minus_TS_eV):
    return KEYS | {
        "estimator": estimator,
        "n_rows": 100,
        "n_subset": size,
        "n_orders": 7,
        "minus_TS_median_eV_per_atom": minus_TS_eV,
        "minus_TS_p05_eV_per_atom": minus_TS_eV - 1e-3,
        "minus_TS_p95_eV_per_atom": minus_TS_eV + 1e-3,
    }


def compared(test, estimator, full_eV, error):
    return KEYS | {
        "test": test,
        "estimator": estimator,
        "n_rows": 100,
        "n_subset": 10,
        "n_repeats": 7,
        "minus_TS_full_eV_per_atom": full_eV,
        "minus_TS_eV_per_atom": full_eV * (1 + error),
        "relative_error": error,
        "relative_error_p05": error - 0.01,
        "relative_error_p95": error + 0.02,
    }


@pytest.fixture
def tables(make_frame):
    curves = [
        curve(estimator, m, value)
        for estimator, values in (
            ("canonical", (-1.5e-3, -1.4e-3)),
            ("canonical_unscaled", (-1.0e-3, -1.4e-3)),
            ("published", (-0.059, -0.119)),
        )
        for m, value in zip((10, 100), values, strict=True)
    ]
    tests = [
        compared("subset", "canonical", -1.4e-3, 0.07),
        compared("subset", "canonical_unscaled", -1.4e-3, -0.29),
        compared("subset", "published", -0.119, -0.5),
        compared("density", "canonical", -1.4e-3, -0.1),
        compared("density", "published", -0.119, 0.0),
    ]
    return make_frame(SAMPLING_CURVES, curves), make_frame(SAMPLING_TESTS, tests)


def line(axes, label):
    (found,) = [each for each in axes.lines if each.get_label() == label]
    return found.get_xdata(), found.get_ydata()


def test_curves_counts_and_words(tables):
    canonical, published = sampling_figure(*tables, "conf").axes
    x, y = line(canonical, "−TS$_{conf}$, rows stand for n/m")
    np.testing.assert_allclose(x, [10, 100])
    np.testing.assert_allclose(y, [-1.5, -1.4])
    _, y = line(published, "−k$_B$T ln m")
    np.testing.assert_allclose(y, -1e3 * KB * 300 * np.log([10, 100]))
    words = (
        canonical.get_title(loc="left")
        .replace("\n", " ")
        .replace("\N{NO-BREAK SPACE}", " ")
    )
    assert words.endswith(
        "−TS off at m = 10: n/m +7.0 %, no factor −29.0 %, density −10.0 %"
    )
    assert canonical.get_xscale() == "log"


def test_bars_of_the_density_hold_its_quantiles(tables):
    canonical, _ = sampling_figure(*tables, "conf").axes
    (bars,) = canonical.containers
    (segment,) = bars.lines[2][0].get_segments()
    np.testing.assert_allclose(
        sorted(segment[:, 1]), [-1.4 * (1 - 0.08), -1.4 * (1 - 0.11)]
    )


def test_the_page_gives_percent_and_refusals(tables, make_frame):
    _, tests = tables
    verdict = KEYS | {"status": "failed", "reason": "fewer than 2 rows"}
    html = sampling_html(tests, make_frame(SAMPLING_VERDICTS, [verdict]), campaign="x")
    assert ">−29.00</td>" in html
    assert "12_44, conf, 300 K</b>: fewer than 2 rows" in html
    assert "Campaign x" in html


def test_a_foreign_table_is_refused(tables):
    curves, tests = tables
    with pytest.raises(TableError, match="lacks the columns"):
        sampling_figure(curves.drop(columns="n_subset"), tests, "conf")
