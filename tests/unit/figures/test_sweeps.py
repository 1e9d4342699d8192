"""Figures and table of the sweeps show the columns they were given."""

import numpy as np
import pandas as pd
import pytest

from confvib.errors import TableError
from confvib.figures.degrees_table import degrees_table_html, degrees_table_text
from confvib.figures.sweeps import learning_curve_figure, selection_gain_figure
from confvib.tables.training_contracts import SWEEP

SIZES = (25, 50, 100, 200)
N_ATOMS = 24


def point(split, n_train, scale, **other):
    energy, force = 1000.0 * scale / n_train, 900.0 * scale / np.sqrt(n_train)
    return {
        "n_train": n_train,
        "degrees": [1, 2, 3],
        "selection": "random",
        "repeat": 0,
        "split": split,
        "n_frames": 40,
        "energy_mae_meV": energy,
        "energy_rmse_meV": 1.3 * energy,
        "energy_mae_meV_per_atom": energy / N_ATOMS,
        "energy_max_meV_per_atom": 4 * energy / N_ATOMS,
        "force_mae_meV_per_A": force,
        "force_rmse_meV_per_A": 1.5 * force,
        "force_max_meV_per_A": 9 * force,
    } | other


@pytest.fixture
def curve(make_frame):
    splits = (("train", 0.5), ("valid", 0.9), ("test", 1.0))
    return make_frame(
        SWEEP, [point(split, size, scale) for size in SIZES for split, scale in splits]
    )


def line(axes, label):
    found = [each for each in axes.containers if each.get_label() == label]
    assert len(found) == 1
    return found[0].lines[0]


def test_the_learning_curve_shows_test_errors_and_the_gap(curve):
    energy, force = learning_curve_figure(curve).axes[:2]
    test = curve[curve["split"] == "test"]
    train = curve[curve["split"] == "train"]
    for axes, kind, unit in ((energy, "energy", "meV"), (force, "force", "meV_per_A")):
        for label, rows, measure in (
            ("test, MAE", test, "mae"),
            ("test, RMSE", test, "rmse"),
            ("training, MAE", train, "mae"),
        ):
            drawn = line(axes, label)
            assert drawn.get_xdata() == pytest.approx(SIZES)
            assert drawn.get_ydata() == pytest.approx(rows[f"{kind}_{measure}_{unit}"])
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_errors_over_some_of_the_test_frames_are_left_alone(curve):
    part = curve[curve["split"] == "test"].assign(
        split="test_unseen", status="no_frames", energy_mae_meV=np.nan
    )
    figure = learning_curve_figure(pd.concat([curve, part]))
    assert figure.get_suptitle() == learning_curve_figure(curve).get_suptitle()
    drawn = line(figure.axes[0], "test, MAE")
    assert drawn.get_xdata() == pytest.approx(SIZES)


def test_the_right_axis_is_per_atom(curve):
    axes = learning_curve_figure(curve).axes[0]
    (right,) = axes.child_axes
    assert right.get_ylabel() == "(meV/atom)"
    assert right._functions[0](24.0) == pytest.approx(1.0)


def test_repeats_become_a_mean_with_a_range(make_frame):
    rows = [point("test", 50, scale, repeat=n) for n, scale in enumerate((1.0, 2.0, 6.0))]
    figure = learning_curve_figure(make_frame(SWEEP, rows))
    assert "mean and range of 3 trainings" in figure.get_suptitle()
    container = figure.axes[0].containers[0]
    assert container.lines[0].get_ydata() == pytest.approx([60.0])
    (segment,) = container.lines[2][0].get_segments()
    assert segment[:, 1] == pytest.approx([20.0, 120.0])


def test_a_failed_training_is_counted_and_not_drawn(curve):
    curve.loc[curve.index[-1], "status"] = "failed"
    figure = learning_curve_figure(curve)
    assert "left out 1 of 12 rows" in figure.get_suptitle().replace("\n", " ")
    drawn = line(figure.axes[0], "test, MAE")
    assert drawn.get_xdata() == pytest.approx(SIZES[:-1])


def test_selections_are_compared_at_equal_number(make_frame):
    rows = [
        point("test", size, scale, selection=selection)
        for size in SIZES
        for selection, scale in (("random", 1.0), ("farthest_point", 0.5))
    ]
    panels = selection_gain_figure(make_frame(SWEEP, rows)).axes
    assert len(panels) == 4
    for axes in panels:
        random, chosen = line(axes, "drawn at random"), line(axes, "farthest points")
        assert chosen.get_ydata() == pytest.approx(0.5 * np.array(random.get_ydata()))


@pytest.mark.parametrize("draw", [learning_curve_figure, selection_gain_figure])
def test_a_sweep_without_test_frames_says_so(draw, make_frame, tmp_path):
    figure = draw(make_frame(SWEEP, [point("train", 25, 1.0)]))
    figure.savefig(tmp_path / "a.png")
    assert "no test frames" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("draw", [learning_curve_figure, degrees_table_text])
def test_another_table_is_refused(draw, curve):
    with pytest.raises(TableError, match="energy_mae_meV"):
        draw(curve.drop(columns="energy_mae_meV"))


def test_the_degrees_table_has_the_shape_of_table_1(make_frame):
    rows = [
        point("test", 100, scale, degrees=degrees, repeat=repeat)
        for degrees, scales in (([0], (2.0, 4.0)), ([1, 2, 3], (1.0, 1.0)))
        for repeat, scale in enumerate(scales)
    ]
    sweep = make_frame(SWEEP, [*rows, point("train", 100, 0.1, degrees=[0])])
    text = degrees_table_text(sweep).splitlines()
    assert text[0] == "40 test frames, mean of 2 trainings each"
    assert text[3].split() == ["{0}", "30.0", "39.0", "270.", "405."]
    assert text[4].split() == ["{1,2,3}", "10.0", "13.0", "90.0", "135."]
    page = degrees_table_html(sweep, campaign="demo")
    assert "<h1>Degrees of the harmonics, campaign demo</h1>" in page
    assert page.count("<tr>") == 4
    assert "{1,2,3}" in page
