import numpy as np
import pytest

from confvib.figures.history import history_figure


def curve(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


def test_curves_are_the_columns(history):
    loss, energy, force = history_figure(history, "md").axes
    for axes, label, column in (
        (loss, "training", "train_loss"),
        (loss, "validation", "valid_loss"),
        (energy, "validation", "valid_energy_mae_meV_per_atom"),
        (force, "validation", "valid_force_mae_meV_per_A"),
    ):
        line = curve(axes, label)
        assert np.array_equal(line.get_xdata(), np.arange(1, 61))
        assert np.array_equal(line.get_ydata(), history[column])


def test_loss_is_logarithmic_and_errors_have_units(history):
    loss, energy, force = history_figure(history, "md").axes
    assert loss.get_yscale() == "log"
    assert energy.get_ylabel() == "MAE of energy (meV/atom)"
    assert force.get_ylabel() == "MAE of force (meV/Å)"
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "training",
        "validation",
    ]


def test_best_epoch_is_the_lowest_validation_loss_in_every_panel(history):
    history.loc[history["epoch"] == 41, "valid_loss"] = 0.001
    figure = history_figure(history, "md")
    assert "lowest validation loss at epoch 41 (dotted)" in figure.get_suptitle()
    for axes in figure.axes:
        assert 41 in [line.get_xdata()[0] for line in axes.lines]


def test_epochs_without_validation_are_skipped_on_the_line(history):
    history.loc[history["epoch"] % 5 != 0, "valid_loss"] = None
    loss, *_ = history_figure(history, "md").axes
    assert curve(loss, "validation").get_xdata() == pytest.approx(np.arange(5, 61, 5))
    assert len(curve(loss, "training").get_xdata()) == 60


def test_rows_arrive_in_any_order_and_bad_ones_are_counted(history):
    history.loc[3, "status"] = "diverged"
    figure = history_figure(history.iloc[::-1], "md")
    title = figure.get_suptitle().replace("\n", " ")
    assert title.endswith("left out 1 of 60 rows: 1 diverged")
    assert (np.diff(curve(figure.axes[0], "training").get_xdata()) > 0).all()


@pytest.mark.parametrize("n_rows", [0, 1, 2])
def test_short_trainings_are_drawn(history, n_rows, tmp_path):
    figure = history_figure(history.iloc[:n_rows], "md")
    figure.savefig(tmp_path / "a.png")  # layout and ticks run only here
    assert ("dotted" in figure.get_suptitle()) == (n_rows > 0)
