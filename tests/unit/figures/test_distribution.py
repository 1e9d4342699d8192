import numpy as np
import pytest

from confvib.errors import TableError
from confvib.figures.density import kernel_density
from confvib.figures.distribution import (
    distribution_figure,
    energy_distribution_figure,
    free_energy_distribution_figure,
)


def left_axes(figure):
    return [axes for axes in figure.axes if axes.get_title(loc="left") or axes.texts]


def right_axes(figure):
    return [axes for axes in figure.axes if "−TS" in axes.get_ylabel()]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def rows_of(convergence, convention, temperature_K, level="conf"):
    chosen = convergence[
        (convergence["convention"] == convention)
        & (convergence["temperature_K"] == temperature_K)
        & (convergence["level"] == level)
    ]
    return chosen.sort_values("rank")


def test_titles_say_which_convention_is_which_and_n(make_convergence):
    convergence = make_convergence(n=60)
    canonical, published = left_axes(energy_distribution_figure(convergence))
    weight = rows_of(convergence, "canonical", 300.0)["weight"].sum()
    assert canonical.get_title(loc="left") == (
        f"canonical: energies per cell, weights g\nn = 60, Σ weights = {weight:,.6g}"
    )
    assert published.get_title(loc="left") == (
        "published: energies per atom, no weights\nn = 60"
    )


def test_dashed_lines_are_the_table_in_meV_per_atom(make_convergence):
    convergence = make_convergence(n=60)
    figure = energy_distribution_figure(convergence)
    for axes, convention in zip(
        right_axes(figure), ("canonical", "published"), strict=True
    ):
        assert axes.get_ylabel() == "−TS so far (meV/atom)"
        for line, temperature_K in zip(axes.lines, (300.0, 1500.0), strict=True):
            rows = rows_of(convergence, convention, temperature_K)
            energy = rows["energy_eV_per_atom"].to_numpy()
            assert line.get_linestyle() == "--"
            assert line.get_xdata() == pytest.approx(1e3 * (energy - energy[0]))
            assert line.get_ydata() == pytest.approx(1e3 * rows["minus_TS_eV_per_atom"])
    assert legend(figure) == ["p(H)", "configurations", "−TS, 300 K", "−TS, 1500 K"]


@pytest.mark.parametrize("convention", ["canonical", "published"])
def test_density_is_weighted_only_in_the_canonical_panel(make_convergence, convention):
    convergence = make_convergence(n=60)
    # A published table with weights must not change the published density.
    convergence["weight"] = np.where(convergence["rank"] < 10, 96.0, 24.0)
    axes = left_axes(energy_distribution_figure(convergence))[convention == "published"]
    energy = rows_of(convergence, convention, 300.0)["energy_eV_per_atom"].to_numpy()
    weights = np.where(np.arange(1, 61) < 10, 96.0, 24.0)
    if convention == "published":
        weights = np.ones(60)
    expected = kernel_density(1e3 * (energy - energy[0]), weights)
    drawn = axes.lines[0]
    assert drawn.get_label() == "p(H)"
    assert axes.get_ylabel() == "p(H) (per meV/atom)"
    assert drawn.get_xdata() == pytest.approx(expected[0])
    assert drawn.get_ydata() == pytest.approx(expected[1])


def test_axis_gives_unit_and_zero(make_convergence):
    convergence = make_convergence(n=60)
    lowest = convergence.loc[convergence["level"] == "conf", "energy_eV_per_atom"].min()
    label = left_axes(energy_distribution_figure(convergence))[0].get_xlabel()
    assert "(meV/atom)" in label
    assert f"= −{-lowest:.4f} eV/atom" in label


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_configurations_get_marks_and_no_density(make_convergence, n, tmp_path):
    figure = energy_distribution_figure(make_convergence(n=n))
    figure.savefig(tmp_path / "a.png")
    for axes in left_axes(figure):
        assert axes.get_ylabel() == "too few rows for p(H)"
        (marks,) = axes.collections
        assert len(marks.get_segments()) == n
        assert f"n = {n}" in axes.get_title(loc="left")
    assert "p(H)" not in legend(figure)


def test_large_sets_have_no_marks(make_convergence):
    figure = energy_distribution_figure(make_convergence(n=400, levels=("conf",)))
    assert legend(figure) == ["p(H)", "−TS, 300 K", "−TS, 1500 K"]


def test_configurations_that_did_not_relax_are_counted(make_convergence, relaxed):
    figure = distribution_figure(make_convergence(), "conf", relaxed=relaxed)
    assert figure.get_suptitle() == (
        "Set s, level conf; left out 1 of 7 rows: 1 unconverged"
    )


def test_convergence_rows_that_are_not_ok_are_left_out_and_counted(make_convergence):
    convergence = make_convergence(n=60)
    bad = (convergence["convention"] == "canonical") & (convergence["rank"] > 55)
    convergence.loc[bad, "status"] = "nan"
    canonical, published = left_axes(energy_distribution_figure(convergence))
    # Five rows at each of the two temperatures that the panel shows.
    title = canonical.get_title(loc="left").replace("\n", " ")
    assert "n = 55" in title
    assert "left out 10 of 120 rows: 10 nan" in title
    assert "left out" not in published.get_title(loc="left")


def test_free_energies_have_one_row_of_panels_per_temperature(make_convergence):
    convergence = make_convergence(n=60)
    figure = free_energy_distribution_figure(convergence, "conf+harmonic")
    titles = [axes.get_title(loc="left") for axes in left_axes(figure)]
    assert [title.split("\n")[1].split(";")[0] for title in titles] == [
        "300 K",
        "300 K",
        "1500 K",
        "1500 K",
    ]
    canonical_1500 = right_axes(figure)[2]
    rows = rows_of(convergence, "canonical", 1500.0, "conf+harmonic")
    (line,) = canonical_1500.lines
    assert line.get_ydata() == pytest.approx(1e3 * rows["minus_TS_eV_per_atom"])
    assert legend(figure)[-2:] == ["−TS, 300 K", "−TS, 1500 K"]


def test_level_without_rows_says_so(make_convergence):
    figure = distribution_figure(make_convergence(), "conf+md")
    assert [axes.texts[0].get_text() for axes in left_axes(figure)] == [
        "canonical: no rows of level conf+md",
        "published: no rows of level conf+md",
    ]


def test_an_empty_table_says_so(make_convergence):
    figure = distribution_figure(make_convergence().iloc[:0], "conf")
    assert figure.get_suptitle() == "Set (empty), level conf"
    assert all("no rows" in axes.texts[0].get_text() for axes in left_axes(figure))


def test_a_convention_without_entropy_says_so(make_convergence):
    convergence = make_convergence()
    refused = convergence["convention"] == "canonical"
    convergence.loc[refused, "minus_TS_eV_per_atom"] = None
    canonical, published = right_axes(energy_distribution_figure(convergence))
    assert canonical.get_ylabel() == "no −TS in the table"
    assert len(canonical.lines) == 0
    assert len(published.lines) == 2


def test_temperatures_can_be_chosen(make_convergence):
    figure = distribution_figure(make_convergence(), "conf", temperatures_K=[1500])
    assert legend(figure)[-1] == "−TS, 1500 K"
    assert "−TS, 300 K" not in legend(figure)


def test_a_thinned_table_is_refused(make_convergence):
    with pytest.raises(TableError, match=r"6 rows have 6 different ranks up to 51"):
        energy_distribution_figure(make_convergence(n=60).query("rank % 10 == 1"))


def test_two_sets_in_one_table_are_refused(make_convergence):
    convergence = make_convergence()
    convergence.loc[0, "set"] = "other"
    with pytest.raises(
        TableError, match=r"shows one set, the table has \['other', 's'\]"
    ):
        energy_distribution_figure(convergence)
