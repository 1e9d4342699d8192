import numpy as np
import pytest

from confvib.errors import TableError
from confvib.figures.pdos import MEV_PER_THZ, pdos_figure


def curve(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


def test_total_is_the_mean_over_configurations_in_modes_per_meV(make_dynamics, harmonic):
    dynamics = make_dynamics(n=6)
    figure = pdos_figure(dynamics, harmonic)
    for axes, T in zip(figure.axes, (300.0, 1500.0), strict=True):
        spectra = np.stack(dynamics.loc[dynamics["temperature_K"] == T, "dos_per_THz"])
        line = curve(axes, "total")
        assert line.get_xdata() == pytest.approx(4.135667696 * np.arange(0, 40, 0.1))
        assert line.get_ydata() == pytest.approx(spectra.mean(axis=0) / MEV_PER_THZ)
        area = np.trapezoid(line.get_ydata(), line.get_xdata())
        assert area == pytest.approx(3 * 24 - 3, rel=1e-6)


def test_elements_add_up_to_the_total(make_dynamics, harmonic):
    axes = pdos_figure(make_dynamics(), harmonic).axes[0]
    parts = sum(curve(axes, name).get_ydata() for name in ("La", "Li", "O", "Zr"))
    assert parts == pytest.approx(curve(axes, "total").get_ydata())


def test_band_is_one_standard_deviation(make_dynamics, harmonic):
    dynamics = make_dynamics(n=6, temperatures_K=(300.0,))
    axes = pdos_figure(dynamics, harmonic).axes[0]
    spectra = np.stack(dynamics["dos_per_THz"]) / MEV_PER_THZ
    upper = spectra.mean(axis=0) + spectra.std(axis=0, ddof=1)
    band = axes.collections[-1].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(upper.max())
    assert len(axes.collections) == 5  # four elements and the total


def test_one_configuration_has_no_band(make_dynamics, harmonic):
    axes = pdos_figure(make_dynamics(n=1), harmonic).axes[0]
    assert len(axes.collections) == 0
    assert "; 1 configuration; measured" in axes.get_title(loc="left")


def test_titles_count_configurations_and_give_the_measured_temperature(
    make_dynamics, harmonic
):
    dynamics = make_dynamics(n=4)
    dynamics.loc[dynamics["temperature_K"] == 1500, "temperature_measured_K"] = [
        1490.0,
        1510.0,
        1490.0,
        1510.0,
    ]
    title = pdos_figure(dynamics, harmonic).axes[1].get_title(loc="left")
    assert title == "1500 K (thermalised); 4 configurations; measured 1500 ± 12 K"


def test_axes_are_in_meV_with_THz_above(make_dynamics, harmonic):
    figure = pdos_figure(make_dynamics(), harmonic)
    top, bottom = figure.axes
    assert bottom.get_xlabel() == "energy (meV)"
    assert bottom.get_ylabel() == "modes/meV per cell"
    (frequency,) = top.child_axes
    figure.draw_without_rendering()
    assert frequency.get_xlabel() == "frequency (THz)"
    assert frequency.get_xlim()[1] * MEV_PER_THZ == pytest.approx(top.get_xlim()[1])


def test_harmonic_line_has_the_area_of_its_modes_in_every_panel(make_dynamics, harmonic):
    figure = pdos_figure(make_dynamics(), harmonic, broadening_meV=2.0)
    assert figure.get_suptitle() == "harmonic: 5 Hessians, σ = 2 meV"
    for axes in figure.axes:
        line = curve(axes, "harmonic")
        area = np.trapezoid(line.get_ydata(), line.get_xdata())
        assert area == pytest.approx(3 * 24 - 3, rel=1e-3)


def test_imaginary_modes_and_failed_hessians_are_counted(make_dynamics, harmonic):
    frequencies = harmonic.loc[1, "frequencies_THz"].copy()
    frequencies[:2] = [-3.0, -1.0]
    harmonic.at[1, "frequencies_THz"] = frequencies
    harmonic.loc[4, "status"] = "imaginary_modes"
    title = pdos_figure(make_dynamics(), harmonic).get_suptitle().replace("\n", " ")
    assert title == (
        "harmonic: 4 Hessians, σ = 1 meV; 2 of 276 modes below zero not drawn; "
        "left out 1 of 5 rows: 1 imaginary_modes"
    )


def test_runs_that_left_their_basin_are_left_out_and_counted(make_dynamics, harmonic):
    dynamics = make_dynamics(n=4)
    hot = dynamics["temperature_K"] == 1500
    dynamics.loc[hot, "status"] = "left_basin"
    dynamics.loc[0, "status"] = "left_basin"
    cold_axes, hot_axes = pdos_figure(dynamics, harmonic).axes
    assert "3 configurations" in cold_axes.get_title(loc="left")
    assert "left out 1 of 4 rows: 1 left_basin" in cold_axes.get_title(loc="left")
    assert "0 configurations; left out 4 of 4" in hot_axes.get_title(loc="left")
    assert [line.get_label() for line in hot_axes.lines] == ["harmonic"]


def test_any_elements_and_no_hessians(make_dynamics, harmonic):
    figure = pdos_figure(make_dynamics(elements=("Mg", "F")), harmonic.iloc[:0])
    assert figure.get_suptitle() == "no harmonic modes to compare"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "Mg",
        "F",
        "total",
    ]


def test_no_dynamics_at_all_says_so(make_dynamics, harmonic):
    figure = pdos_figure(make_dynamics().iloc[:0], harmonic)
    assert figure.axes[0].texts[0].get_text() == "no dynamics to show"


def test_runs_on_different_grids_are_refused(make_dynamics, harmonic):
    dynamics = make_dynamics(n=2, temperatures_K=(300.0,))
    dynamics.at[1, "frequency_THz"] = np.arange(0, 20, 0.05)
    with pytest.raises(TableError, match="frequency_THz: row 1 differs from row 0"):
        pdos_figure(dynamics, harmonic)
