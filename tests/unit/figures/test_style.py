import re
import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from confvib.errors import CampaignError, TableError
from confvib.figures.history import history_figure
from confvib.figures.rows import usable_rows
from confvib.figures.style import new_figure, save, style
from confvib.tables import contracts


def test_saving_twice_gives_the_same_bytes_without_a_date(history, tmp_path):
    for name in ("a.svg", "b.svg"):
        save(history_figure(history, "relax"), tmp_path / name)
    first = (tmp_path / "a.svg").read_bytes()
    assert first == (tmp_path / "b.svg").read_bytes()
    assert b"<dc:date>" not in first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "b.svg"]


def test_text_is_drawn_as_outlines(history, tmp_path):
    save(history_figure(history, "relax"), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert not re.search(r"<text[ >]", svg)
    assert "<!-- epoch -->" in svg  # the words stay searchable as comments


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(CampaignError, match=r"saved as \.svg, not '\.png'"):
        save(new_figure(1, 1), tmp_path / "a.png")


def test_style_leaves_the_global_settings_alone():
    before = dict(mpl.rcParams)
    with style():
        assert mpl.rcParams["font.size"] == 8
        assert mpl.rcParams["svg.hashsalt"] == "confvib"
    assert dict(mpl.rcParams) == before


def test_style_ignores_the_settings_of_the_user():
    with mpl.rc_context({"axes.grid": True}), style():
        assert mpl.rcParams["axes.grid"] is False


def test_figures_use_agg_and_never_import_pyplot_jax_or_pymatgen():
    assert isinstance(new_figure(1, 1).canvas, FigureCanvasAgg)
    code = (
        "import sys\n"
        "import confvib.figures.parity, confvib.figures.history, confvib.figures.pdos\n"
        "import confvib.figures.distribution, confvib.figures.table\n"
        "heavy = {'matplotlib.pyplot', 'jax', 'pymatgen'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_usable_rows_counts_what_it_leaves_out_by_reason(make_frame):
    table = make_frame(
        contracts.RELAXED,
        [
            {"energy_eV": -1.0},
            {"energy_eV": None},
            {"energy_eV": -2.0, "status": "unconverged"},
            {"energy_eV": None, "status": "unconverged"},
            {"energy_eV": -3.0, "status": None},
        ],
    )
    used = usable_rows(table, ["energy_eV"])
    assert used.rows["energy_eV"].to_list() == [-1.0]
    assert used.note == (
        "left out 4 of 5 rows: 2 unconverged, 1 no energy_eV, 1 no status"
    )


def test_usable_rows_of_a_good_table_has_no_note(history):
    used = usable_rows(history, ["epoch"])
    assert (len(used.rows), used.note) == (60, "")


def test_usable_rows_names_the_missing_column(history):
    with pytest.raises(TableError, match=r"lacks the columns \['valid_loss'\]"):
        usable_rows(history.drop(columns="valid_loss"), ["valid_loss"])
