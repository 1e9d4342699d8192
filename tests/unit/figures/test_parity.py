import numpy as np
import pandas as pd
import pytest

from confvib.errors import TableError
from confvib.figures.parity import parity_figure
from confvib.figures.style import VERMILION, save

N_ATOMS = 24


def scatter(axes):
    return [line for line in axes.lines if line.get_linestyle() == "None"]


def panels(figure):
    energy, force, energy_error, force_error = figure.axes
    return energy, force, energy_error, force_error


def test_axes_name_quantity_and_unit(predictions, metrics):
    energy, force, energy_error, force_error = panels(
        parity_figure(predictions, metrics, "relax")
    )
    assert energy.get_xlabel() == "reference energy − mean reference (meV/atom)"
    assert energy.get_ylabel() == "predicted energy − mean reference (meV/atom)"
    assert force.get_xlabel() == "reference force component (eV/Å)"
    assert "error of energy (meV/atom)" in energy_error.get_xlabel()
    assert "error of force component (meV/Å)" in force_error.get_xlabel()


def test_every_frame_and_component_is_drawn_and_test_last(predictions, metrics):
    energy, force, *_ = panels(parity_figure(predictions, metrics, "relax"))
    assert [line.get_label() for line in scatter(energy)] == [
        "train, 40 frames",
        "valid, 12 frames",
        "test, 20 frames",
    ]
    lengths = [len(line.get_xdata()) for line in scatter(force)]
    assert lengths == [72 * n for n in (40, 12, 20)]
    on_top = max(scatter(energy), key=lambda line: line.get_zorder())
    assert on_top.get_label().startswith("test")
    assert on_top.get_color() == VERMILION


def test_energies_are_per_atom_relative_to_the_mean_of_all_references(
    predictions, metrics
):
    energy, *_ = panels(parity_figure(predictions, metrics, "relax"))
    reference = 1e3 * predictions["energy_reference_eV"].to_numpy() / N_ATOMS
    predicted = 1e3 * predictions["energy_predicted_eV"].to_numpy() / N_ATOMS
    test = (predictions["split"] == "test").to_numpy()
    drawn = scatter(energy)[-1]
    assert drawn.get_xdata() == pytest.approx(reference[test] - reference.mean())
    assert drawn.get_ydata() == pytest.approx(predicted[test] - reference.mean())


def test_errors_of_the_test_frames_of_this_model_stand_in_the_panels(
    predictions, metrics
):
    energy, force, *_ = panels(parity_figure(predictions, metrics, "relax"))
    assert energy.texts[0].get_text() == (
        "test, 20 frames\nMAE 0.512 meV/atom\nRMSE 0.733 meV/atom"
    )
    assert force.texts[0].get_text() == "test, 20 frames\nMAE 15.9 meV/Å\nRMSE 20.4 meV/Å"


def test_errors_on_new_configurations_stand_below(predictions, metrics):
    new = metrics.iloc[[2]].assign(
        split="test_unseen", n_frames=7, energy_mae_meV_per_atom=0.9
    )
    energy, *_ = panels(parity_figure(predictions, pd.concat([metrics, new]), "relax"))
    assert energy.texts[0].get_text().splitlines()[3:] == [
        "of which new configurations, 7 frames",
        "MAE 0.9 meV/atom",
        "RMSE 0.733 meV/atom",
    ]
    # Without such frames nothing is said of them.
    none = new.assign(n_frames=0, status="no_frames", energy_mae_meV_per_atom=np.nan)
    energy, *_ = panels(parity_figure(predictions, pd.concat([metrics, none]), "relax"))
    assert len(energy.texts[0].get_text().splitlines()) == 3


def test_missing_metrics_are_said_and_not_invented(predictions, metrics):
    energy, *_ = panels(parity_figure(predictions, metrics, "another"))
    assert energy.texts[0].get_text() == "test errors: not available"


def test_histograms_hold_the_fraction_of_each_split(predictions, metrics):
    *_, energy_error, _ = panels(parity_figure(predictions, metrics, "relax"))
    inside = [
        np.asarray(patch.get_xy())[:, 1].max() > 0 for patch in energy_error.patches
    ]
    assert inside == [True, True, True]


def test_errors_off_the_histogram_are_counted(predictions, metrics):
    predictions.loc[0, "energy_predicted_eV"] += 100.0
    *_, energy_error, _ = panels(parity_figure(predictions, metrics, "relax"))
    assert energy_error.get_xlabel() == "error of energy (meV/atom), 1 beyond"


def test_frames_that_are_not_ok_are_left_out_and_counted(predictions, metrics):
    predictions.loc[:2, "status"] = "nan"
    figure = parity_figure(predictions, metrics, "relax")
    assert figure.get_suptitle() == ("Force field relax (left out 3 of 72 rows: 3 nan)")
    assert scatter(figure.axes[0])[0].get_label() == "train, 37 frames"


def test_repeated_index_of_joined_chunks_changes_nothing(predictions, metrics):
    joined = predictions.set_index(np.zeros(len(predictions), dtype=int))
    one, two = (
        scatter(parity_figure(table, metrics, "relax").axes[0])[-1].get_xydata()
        for table in (predictions, joined)
    )
    assert np.array_equal(one, two)


def test_an_empty_table_gives_a_figure_that_says_so(predictions, metrics):
    figure = parity_figure(predictions.iloc[:0], metrics, "relax")
    assert {axes.texts[0].get_text() for axes in figure.axes} == {"no frames to compare"}


def test_an_unknown_split_is_refused(predictions, metrics):
    predictions.loc[0, "split"] = "holdout"
    with pytest.raises(TableError, match=r"split: unknown \['holdout'\]"):
        parity_figure(predictions, metrics, "relax")


def test_many_points_are_rasterised_and_the_file_stays_small(
    predictions, metrics, tmp_path
):
    many = predictions.loc[predictions.index.repeat(50)]
    figure = parity_figure(many, metrics, "relax")
    force = figure.axes[1]
    assert sum(len(line.get_xdata()) for line in scatter(force)) == 72 * 72 * 50
    assert all(line.get_rasterized() for line in scatter(force))
    save(figure, tmp_path / "parity.svg")
    assert (tmp_path / "parity.svg").stat().st_size < 1_000_000
