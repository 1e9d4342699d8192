"""Figure and table of phase stability: sign, scales, crossings, what a reader is told."""

import numpy as np
import pytest

from confvib.errors import TableError
from confvib.figures.phase_stability import phase_stability_figure
from confvib.figures.phase_table import TEXT_WIDTH, phase_table_html, phase_table_text
from confvib.tables.phase_contracts import PHASE_CROSSINGS, PHASE_STABILITY

REPORTED = {300.0: -106.0, 1500.0: -973.0}


def difference(convention, level, T, delta, **other):
    return {
        "phase": "tetragonal",
        "set": "all",
        "phase_set": "ordered",
        "convention": convention,
        "level": level,
        "phase_level": level,
        "temperature_K": T,
        "G_eV_per_atom": -8.0 + 1e-3 * delta,
        "G_stderr_eV_per_atom": 3e-4,
        "phase_G_eV_per_atom": -8.0,
        "phase_G_stderr_eV_per_atom": 4e-4,
        "delta_G_meV_per_atom": delta,
        "delta_G_stderr_meV_per_atom": 0.5,
        "delta_G_eV_per_formula": 0.024 * delta,
        "delta_average_meV_per_atom": delta + 2.0,
        "delta_minus_TS_meV_per_atom": -2.0,
        "force_fields": "own",
    } | other


@pytest.fixture
def stability(make_frame):
    rows = [
        difference("canonical", "conf+harmonic", T, 3.0 - T / 300) for T in (300, 1500)
    ]
    rows += [
        difference("published", "conf+md", T, value + 4, reported_meV_per_atom=value)
        for T, value in REPORTED.items()
    ]
    mixed = {"phase_level": "conf+md", "status": "left_basin", "reason": "ions left"}
    rows.append(difference("published", "conf", 300.0, 150.0, **mixed))
    return make_frame(PHASE_STABILITY, rows)


@pytest.fixture
def crossings(make_frame):
    about = {"phase": "tetragonal", "level": "conf+harmonic", "n_points": 2}
    found = about | {
        "convention": "canonical",
        "phase_level": "conf+harmonic",
        "temperature_K": 900.0,
        "temperature_stderr_K": 150.0,
        "slope_meV_per_atom_K": -1 / 300,
        "stable_below": "phase",
    }
    none = about | {
        "convention": "published",
        "level": "conf+md",
        "phase_level": "conf+md",
        "status": "no_crossing",
        "reason": "the campaign's crystal is the stable one from 300 to 1500 K",
    }
    return make_frame(PHASE_CROSSINGS, [found, none])


def drawn(stability, crossings, engine="vasp"):
    return phase_stability_figure(stability, crossings, phase="tetragonal", engine=engine)


def line(axes, label):
    found = [each for each in axes.containers if each.get_label() == label]
    assert len(found) == 1
    return found[0].lines[0].get_xydata()


def test_each_convention_has_a_panel_and_a_scale(stability, crossings):
    canonical, published = drawn(stability, crossings).axes
    np.testing.assert_allclose(
        line(canonical, "conf+harmonic"), [[300, 2], [1500, -2]], atol=1e-12
    )
    np.testing.assert_allclose(line(published, "conf+md"), [[300, -102], [1500, -969]])
    assert max(np.abs(canonical.get_ylim())) < 5
    assert max(np.abs(published.get_ylim())) > 900
    assert canonical.get_title("left").startswith("canonical")
    assert "meV/atom" in canonical.get_ylabel()


def test_the_crossing_is_marked_and_reported_values_are_stars(stability, crossings):
    canonical, published = drawn(stability, crossings).axes
    vertical = [each for each in canonical.lines if each.get_linestyle() == ":"]
    assert [each.get_xdata()[0] for each in vertical] == [900.0]
    (stars,) = [each for each in published.lines if each.get_label() == "reported"]
    assert dict(stars.get_xydata().tolist()) == REPORTED
    assert not [each for each in canonical.lines if each.get_label() == "reported"]


def test_rows_with_an_objection_are_hollow(stability, crossings):
    _, published = drawn(stability, crossings).axes
    hollow = [each for each in published.lines if each.get_markerfacecolor() == "white"]
    points = np.concatenate([each.get_xydata() for each in hollow])
    assert points.tolist() == [[300.0, 150.0]]


def test_the_ionic_potential_is_named(stability, crossings):
    title = drawn(stability, crossings, "ionic").get_suptitle()
    assert "not a prediction" in title.replace("\n", " ")
    assert "not a prediction" not in drawn(stability, crossings).get_suptitle()


def test_a_convention_without_a_number_says_so(stability, crossings):
    rows = stability[stability["convention"] == "canonical"]
    _, published = drawn(rows, crossings).axes
    assert published.texts[0].get_text() == "no difference to show"


def test_the_table_says_sign_conventions_lattice_and_force_fields(stability, crossings):
    page = phase_table_html(stability, crossings, engine="vasp", campaign="llzo")
    for phrase in (
        "Phase stability, campaign llzo",
        "G of the campaign&#x27;s crystal minus G of the other phase",
        "k_B ln Σg per cell",
        "fixed lattice",
        "Two independent errors of training",
        "Transition at 900 ± 150 K: tetragonal is the stable one below it",
        "No transition: the campaign&#x27;s crystal is the stable one from 300 to 1500 K",
        "it is no difference of free energies",
        "left_basin: ions left",
        "−973",
    ):
        assert phrase in page, phrase
    assert "One force field serves both" not in page
    assert "orders cubic below tetragonal" not in page


def test_the_text_fits_the_terminal(stability, crossings):
    text = phase_table_text(stability, crossings, engine="ionic")
    assert max(map(len, text.splitlines())) <= TEXT_WIDTH
    assert "orders cubic below tetragonal LLZO" in text.replace("\n", " ")
    (row,) = [each for each in text.splitlines() if each.startswith("  1500  -8.969")]
    assert row.split() == ["1500", "-8.96900(30)", "-8.00000(40)", "-969.00(50)", "-973"]


def test_a_foreign_table_is_refused(stability, crossings):
    with pytest.raises(TableError, match="lacks the columns"):
        phase_table_html(stability.drop(columns="G_eV_per_atom"), crossings, engine="ase")
    with pytest.raises(TableError, match="lacks the columns"):
        drawn(stability.drop(columns="convention"), crossings)
