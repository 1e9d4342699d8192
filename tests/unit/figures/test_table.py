import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from confvib.errors import TableError
from confvib.figures.conventions import WHY_TWO_CONVENTIONS
from confvib.figures.measured import concise, plain, plus_minus
from confvib.figures.table import TEXT_WIDTH, gibbs_table_html, gibbs_table_text
from confvib.figures.verdict import flags_in_words


class Page(HTMLParser):
    """Cells of every table, and proof that the tags are balanced."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tables, self.text = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag not in {"script", "link", "img"}
        if tag == "meta":
            return
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in {"td", "th"}:
            self.tables[-1][-1].append(data)


@pytest.mark.parametrize(
    ("value", "stderr", "expected"),
    [
        (-8.781503, 0.000124, "−8.78150 ± 0.00012"),
        (0.00521, 0.00013, "0.00521 ± 0.00013"),
        (1.0, 0.0996, "1.00 ± 0.10"),
        (152.3, 12.4, "152 ± 12"),
        (5.31, 1.23, "5.3 ± 1.2"),
        (-8.7815, 0.0, "−8.78150 ± 0"),
        (-8.7815, None, "−8.78150"),
        (-8.7815, float("nan"), "−8.78150"),
        (None, 0.1, "–"),
        (np.nan, np.nan, "–"),
    ],
)
def test_plus_minus_has_two_digits_of_the_error(value, stderr, expected):
    assert plus_minus(value, stderr) == expected


@pytest.mark.parametrize(
    ("value", "stderr", "expected"),
    [
        (-8.781503, 0.000124, "-8.78150(12)"),
        (1.0, 0.0996, "1.00(10)"),
        (5.31, 1.23, "5.3(1.2)"),
        (152.3, 12.4, "152(12)"),
        (-8.7815, 0.0, "-8.78150(0)"),
        (-8.7815, None, "-8.78150"),
        (np.nan, 0.1, "-"),
    ],
)
def test_concise_writes_the_error_of_the_last_digits(value, stderr, expected):
    assert concise(value, stderr) == expected


def test_plain_numbers():
    assert plain(4493.0, ",.0f") == "4,493"
    assert plain(None, ".1f") == "–"


def test_page_needs_no_network_and_holds_both_conventions(thermodynamics):
    html = gibbs_table_html(thermodynamics, engine="vasp", campaign="llzo")
    assert "http" not in html
    assert "<h1>Free energies of campaign llzo</h1>" in html
    for sentence in WHY_TWO_CONVENTIONS:
        assert sentence in "".join(Page(html).text)


def test_a_row_puts_canonical_and_published_side_by_side(thermodynamics):
    numbers = Page(gibbs_table_html(thermodynamics, engine="vasp")).tables[0]
    assert numbers[0][-2:] == ["canonical", "published"]
    assert numbers[1] == ["T (K)", *["⟨H⟩", "S", "−TS", "G"] * 2]
    assert numbers[2] == [
        "300",
        "−8.78150 ± 0.00012",
        "0.00521 ± 0.00013",
        "−0.001560 ± 0.000039",  # T times the error of S
        "−8.78307 ± 0.00015",
        "−8.78150 ± 0.00012",
        "0.71680 ± 0.00013",
        "−0.215000 ± 0.000039",
        "−8.99650 ± 0.00015",
    ]
    assert [row[0] for row in numbers[2:]] == ["300", "1500"]


def test_levels_are_in_order_and_use_their_symbol(thermodynamics):
    page = Page(gibbs_table_html(thermodynamics.iloc[::-1], engine="vasp"))
    symbols = [table[1][1] for table in page.tables if "published" in table[0]]
    assert symbols == ["⟨H⟩", "⟨F⟩", "⟨F⟩"]


def test_sample_and_vibrations_have_their_tables(thermodynamics):
    tables = Page(gibbs_table_html(thermodynamics, engine="vasp")).tables
    sample = tables[1][2]
    assert sample == (
        ["300", "canonical", "58 / 60 / 4,493", "96.7%", "1.29%", "11.3", "3", "0.620"]
    )
    static = tables[2]
    assert static[1] == [
        *("T (K)", "S", "S of equal energies", "C", "U"),
        *("σ per cell (eV)", "ln Z", "ln Z, second order"),
    ]
    assert static[2][1:4] == ["0.00521", "0.00663", "0.00087"]
    vibrating = dict(zip(tables[5][1], tables[5][2], strict=True))
    assert vibrating["⟨S_vib⟩"] == "0.19830"
    assert vibrating["S + ⟨S_vib⟩"] == "0.20350"
    assert vibrating["shift of F by vibration"] == "−0.00012"
    assert "spread of G" not in vibrating


def test_a_committee_and_noise_have_their_columns(thermodynamics):
    thermodynamics["n_members"] = 4
    thermodynamics["G_spread_eV_per_atom"] = 0.0012
    thermodynamics["noise_bias_eV_per_atom"] = 0.0301
    tables = Page(gibbs_table_html(thermodynamics, engine="vasp")).tables
    noisy = dict(zip(tables[8][1], tables[8][2], strict=True))
    assert (noisy["committee"], noisy["spread of G"]) == ("4", "0.00120")
    assert noisy["noise bias of G"] == "0.03010"
    assert "noise bias of G" not in tables[5][1]


def test_a_union_says_what_each_set_carries(thermodynamics):
    shares = pd.DataFrame(
        {
            "set": "all",
            "member": member,
            "convention": convention,
            "level": "conf",
            "temperature_K": 300.0,
            "n_used": 12,
            "share": share,
            "share_stderr": stderr,
            "G_eV_per_atom": -8.0,
            "status": "ok",
            "reason": "",
        }
        for convention, member, share, stderr in (
            ("canonical", "12_44", 0.7512, 0.031),
            ("canonical", "11_45", 0.2488, 0.031),
            ("published", "12_44", 0.06, None),
            ("published", "11_45", 0.94, None),
        )
    )
    union = Page(gibbs_table_html(thermodynamics, engine="vasp", shares=shares)).tables[
        -1
    ]
    assert union[2] == [
        *("conf", "300", "0.751 ± 0.031", "0.249 ± 0.031", "0.06000", "0.94000")
    ]
    alone = shares.assign(member="all")
    html = gibbs_table_html(thermodynamics, engine="vasp", shares=alone)
    assert "Shares of the sets" not in html


def test_missing_values_are_dashes(thermodynamics):
    tables = Page(gibbs_table_html(thermodynamics, engine="vasp")).tables
    canonical = tables[6][2][1:5]
    assert canonical == ["−8.78150 ± 0.00012", "–", "–", "–"]


def test_a_level_without_one_convention_keeps_its_columns(thermodynamics):
    one_sided = thermodynamics[thermodynamics["convention"] == "canonical"]
    numbers = Page(gibbs_table_html(one_sided, engine="vasp")).tables[0]
    assert len(numbers[2]) == 9
    assert numbers[2][5:] == ["–"] * 4


def test_flags_are_words(thermodynamics):
    html = gibbs_table_html(thermodynamics, engine="vasp")
    assert (
        "<b>300 K canonical</b>: frozen: too cold for this sample, few configurations "
        "decide (3 configurations carry 99 % of the weight, the heaviest 62%)"
    ) in html
    assert (
        "<b>300 K canonical</b>: noise gate refused: the free energies are too uncertain "
        "to serve as Boltzmann weights; the rms error of a free energy is 5.2 k_B T"
    ) in html
    assert "<b>300 K published</b>: incomplete: Coverage 0.50 is below 0.98." in html
    assert "<b>all rows</b>: 2 selected configurations failed and are missing" in html


def test_refusal_quotes_the_reason_of_the_table_once(thermodynamics):
    row = dict(thermodynamics.iloc[-2])
    row |= {"status": "noise_gate", "reason": "quote conf+harmonic", "n_failed": 0}
    (sentence,) = flags_in_words(row)
    assert sentence == (
        "noise gate refused: quote conf+harmonic; the rms error of a free energy is "
        "5.2 k_B T per cell"
    )


def test_a_good_row_has_no_flags_and_unknown_ones_say_nothing(thermodynamics):
    row = dict(thermodynamics.iloc[1]) | {"n_failed": 0}
    assert flags_in_words(row) == []
    assert flags_in_words(row | {"frozen": None, "n_failed": np.nan}) == []
    assert flags_in_words(row | {"frozen": np.bool_(True), "n99": None})[0].startswith(
        "frozen"
    )


@pytest.mark.parametrize(("engine", "warned"), [("ionic", True), ("vasp", False)])
def test_labels_of_the_ionic_potential_are_announced(thermodynamics, engine, warned):
    html = gibbs_table_html(thermodynamics, engine=engine)
    text = gibbs_table_text(thermodynamics, engine=engine)
    sentence = "not a prediction for the material"
    assert (sentence in html) is warned
    assert (sentence in text.replace("\n", " ")) is warned


def test_text_is_aligned_and_narrow(thermodynamics):
    lines = gibbs_table_text(thermodynamics, engine="ionic").splitlines()
    assert max(map(len, lines)) <= TEXT_WIDTH
    head = next(line for line in lines if line.lstrip().startswith("T/K"))
    rows = [line for line in lines if re.match(r" +\d+  (canonical|published) ", line)]
    assert len(rows) == len(thermodynamics)
    assert {len(line) for line in rows} == {len(head)}
    assert rows[0].split() == [
        "300",
        "canonical",
        "-8.78150(12)",
        "0.00521(13)",
        "-0.001560(39)",
        "-8.78307(15)",
        "96.7%",
        "11.3",
        "3",
    ]
    assert "frozen: too cold" in "\n".join(lines)


def test_names_from_the_configuration_are_escaped(thermodynamics):
    thermodynamics["set"] = "<b>&"
    html = gibbs_table_html(thermodynamics, engine="vasp", campaign="a<b")
    assert "Set &lt;b&gt;&amp; (distinct by symmetry), level conf" in html
    Page(html)


def test_an_empty_table_says_so(thermodynamics):
    html = gibbs_table_html(thermodynamics.iloc[:0], engine="vasp")
    assert "The table has no rows." in html


def test_a_row_that_occurs_twice_is_refused(thermodynamics):
    twice = thermodynamics.iloc[[0, 0]]
    with pytest.raises(TableError, match="set 12_44, level conf, 300 K, canonical: two"):
        gibbs_table_html(twice, engine="vasp")


def test_unknown_levels_are_refused(thermodynamics):
    thermodynamics.loc[0, "level"] = "anharmonic"
    with pytest.raises(TableError, match=r"level: unknown \['anharmonic'\]"):
        gibbs_table_text(thermodynamics)
