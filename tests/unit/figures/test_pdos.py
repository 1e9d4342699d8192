import numpy as np
import pytest

from confvib.errors import TableError
from confvib.figures.pdos import MEV_PER_THZ, pdos_figure

MODES = 3 * 24 - 3


def curve(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


def band(axes, number):
    vertices = axes.collections[number].get_paths()[0].vertices
    return vertices[:, 1].min(), vertices[:, 1].max()


def change(spectra, weighting, source="md", **values):
    """Change rows of one average in place."""
    for row in spectra.index[
        (spectra["weighting"] == weighting) & (spectra["source"] == source)
    ]:
        for column, value in values.items():
            spectra.at[row, column] = value


def test_canonical_means_are_drawn_in_modes_per_meV(make_spectra):
    figure = pdos_figure(make_spectra())
    assert len(figure.axes) == 6
    for axes in (figure.axes[0], figure.axes[2]):
        line = curve(axes, "total")
        assert line.get_xdata() == pytest.approx(MEV_PER_THZ * 0.1 * np.arange(1, 401))
        area = np.trapezoid(line.get_ydata(), line.get_xdata())
        assert area == pytest.approx(MODES, rel=1e-6)
        parts = sum(curve(axes, name).get_ydata() for name in ("La", "Li", "O", "Zr"))
        assert parts == pytest.approx(line.get_ydata())
        modes = curve(axes, "Hessians, total")
        assert np.trapezoid(modes.get_ydata(), modes.get_xdata()) == pytest.approx(MODES)


def test_bands_are_the_deviations_of_the_table(make_spectra):
    left, right = pdos_figure(make_spectra(temperatures_K=(300.0,))).axes[:2]
    peak = curve(left, "total").get_ydata().max()
    assert len(left.collections) == 5  # the total and four elements
    assert band(left, 0)[1] == pytest.approx(1.1 * peak)
    labels = [each.get_label() for each in right.collections]
    assert labels == ["± σ as printed", "± standard deviation"]
    assert band(right, 0)[1] == pytest.approx(1.9 * peak)
    assert band(right, 1)[1] == pytest.approx(1.1 * peak)


def test_titles_give_rows_weight_and_the_measured_temperature(make_spectra):
    spectra = make_spectra()
    left, right = pdos_figure(spectra).axes[:2]
    assert left.get_title(loc="left").replace("\n", " ") == (
        "300 K, canonical: 8 rows (ESS 3.2); measured 299 ± 12 K; spread 10.0 % of ⟨g⟩ "
        "(Hessians 10.0 %)"
    )
    assert right.get_title(loc="left") == (
        "as printed; ESS 8.0 of 8\nσ 90.0 %, spread 10.0 % of ⟨g⟩"
    )


def test_titles_count_what_is_missing(make_spectra):
    spectra = make_spectra()
    change(spectra, "canonical", n_used=1, n_failed=3, n_unweighted=4, ess=1.0)
    left = pdos_figure(spectra).axes[0]
    assert left.get_title(loc="left").replace("\n", " ") == (
        "300 K, canonical: 1 row (ESS 1.0); measured 299 ± 12 K; 3 without spectrum; "
        "4 without weight"
    )
    assert len(left.collections) == 0


def test_the_change_between_temperatures_has_a_panel(make_spectra):
    axes = pdos_figure(make_spectra((300.0, 900.0, 1500.0))).axes[6]
    assert axes.get_title(loc="left") == "change of the mean, 1500 − 300 K"
    total = axes.lines[1]
    assert len(axes.lines) == 6
    assert np.trapezoid(total.get_ydata(), total.get_xdata()) == pytest.approx(
        0, abs=1e-6 * MODES
    )
    assert np.abs(total.get_ydata()).max() > 0.05
    assert len(pdos_figure(make_spectra((300.0,))).axes) == 2


def test_temperatures_share_the_height_of_their_panels(make_spectra):
    figure = pdos_figure(make_spectra())
    cold, hot = figure.axes[0], figure.axes[2]
    assert cold.get_ylim() == hot.get_ylim()
    assert cold.get_ylim()[0] == 0


def test_axes_are_in_meV_with_THz_above(make_spectra):
    figure = pdos_figure(make_spectra())
    top = figure.axes[0]
    assert figure.axes[4].get_xlabel() == "energy (meV)"
    assert top.get_ylabel() == "modes/meV per cell"
    (frequency,) = top.child_axes
    figure.draw_without_rendering()
    assert frequency.get_xlabel() == "frequency (THz)"
    assert frequency.get_xlim()[1] * MEV_PER_THZ == pytest.approx(top.get_xlim()[1])


def test_without_canonical_weights_each_row_counts_once_and_the_title_says_so(
    make_spectra,
):
    spectra = make_spectra()
    for source in ("md", "harmonic"):
        change(spectra, "canonical", source, status="failed", reason="no usable row")
    figure = pdos_figure(spectra)
    assert "300 K, each row once: 8 rows (ESS 8.0)" in figure.axes[0].get_title("left")
    assert curve(figure.axes[0], "Hessians, total") is not None


def test_a_temperature_without_runs_says_why_and_the_others_are_drawn(make_spectra):
    spectra = make_spectra()
    hot = spectra["temperature_K"] == 1500
    spectra.loc[hot, "status"] = "failed"
    spectra.loc[hot & (spectra["element"] == "total"), "reason"] = (
        "of 8 selected 8 failed"
    )
    figure = pdos_figure(spectra)
    assert figure.axes[2].get_title(loc="left") == "1500 K: of 8 selected 8 failed"
    assert figure.axes[3].texts[0].get_text() == "no published average"
    assert len(figure.axes) == 4
    assert curve(figure.axes[0], "total") is not None


def test_no_runs_at_all_says_so(make_spectra):
    spectra = make_spectra((300.0,))
    assert pdos_figure(spectra.iloc[:0]).axes[0].texts[0].get_text() == "no rows to show"
    spectra["status"] = "failed"
    spectra.loc[spectra["element"] == "total", "reason"] = "nothing ran"
    text = pdos_figure(spectra).axes[0].texts[0].get_text()
    assert text == "no dynamics to show; 300 K: nothing ran"


def test_any_elements(make_spectra):
    figure = pdos_figure(make_spectra(elements=("Mg", "F")))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "total",
        "Mg",
        "F",
        "Hessians, total",
        "± σ as printed",
        "± standard deviation",
    ]


def test_a_foreign_table_is_refused(make_spectra):
    with pytest.raises(TableError, match=r"lacks the columns \['ess'\]"):
        pdos_figure(make_spectra().drop(columns="ess"))
