"""The page of a data set counts what its table says."""

import pytest

from confvib.stages.render_dataset import render_dataset

SPLIT = {"n_train": 6, "n_valid": 4, "n_test": 5, "seed": 3}


@pytest.fixture
def render(labels):
    def run(bounds, split):
        pages = {name: str(labels.folder / f"page.{name}") for name in ("html", "text")}
        everything = {"max_force_eV_per_A": None, "min_distance_A": None}
        params = {
            "bounds": everything | {"duplicates": "keep"} | bounds,
            "split": split,
            "expected": "dataset",
            "campaign": "toy",
        }
        dataset = labels.assemble(**bounds)
        render_dataset(dataset, **pages, role="relax", params=params)
        text = (labels.folder / "page.text").read_text(encoding="utf-8")
        return text, (labels.folder / "page.html").read_text(encoding="utf-8")

    return run


def cells(text, label):
    line = next(line for line in text.splitlines() if line.startswith(label))
    return line[len(label) :].split()


def test_counts_reasons_and_both_splits(labels, render):
    again = labels.row("s:0", 1)
    bad = {"status": "unconverged", "reason": "the calculation did not converge"}
    labels.write([labels.row("s:0", 0), again, again, labels.row("s:0", 2, **bad)])
    labels.write(
        [
            labels.row(f"s:{k}", frame, task="heating")
            for k in (1, 2, 3)
            for frame in range(6)
        ]
    )
    text, html = render({"min_distance_A": 2.0}, SPLIT)
    assert text.startswith(
        "Data set of force field relax, campaign toy\n"
        "22 frames of 4 configurations from 2 label tables; cells Li4O4.\n"
    )
    assert cells(text, "task") == [
        *("frames", "configurations", "ok", "unconverged", "equal", "frames")
    ]
    assert cells(text, "relaxation") == ["4", "1", "3", "1", "1"]
    assert cells(text, "heating") == ["18", "3", "18", "0", "0"]
    assert cells(text, "all") == ["22", "4", "21", "1", "1"]
    assert cells(text, "split by") == ["frame", "(used)", "configuration"]
    assert cells(text, "training frames") == ["6", "6"]
    assert cells(text, "test frames of seen configurations")[1] == "0"
    assert cells(text, "frames held back")[1:] != []
    assert "left out: 0 frames below dataset.min_distance_A = 2" in text
    assert "left out: 1 frames: the calculation did not converge" in text
    for cell in ("<td>heating</td>", "<td>22</td>", "configuration</th>"):
        assert cell in html


def test_quantiles_are_those_of_the_frames(labels, render):
    labels.write([labels.row("s:0", k, energy_eV=0.8 * k) for k in range(17)])
    text, _ = render({}, SPLIT)
    # 0, 100, ... 1600 meV/atom above the lowest.
    assert cells(text, "energy above the lowest (meV/atom)") == [
        *("0.0", "16.0", "400.0", "800.0", "1,200.0", "1,584.0", "1,600.0")
    ]


def test_a_split_that_cannot_be_is_said_and_stops_nothing(labels, render):
    labels.write([labels.row("s:0", frame) for frame in range(15)])
    text, _ = render({}, SPLIT)
    assert cells(text, "test frames of seen configurations") == ["5", "–"]
    assert (
        "not possible: split by configuration: training, validation and test frames need "
        "a configuration each, but all 15 labelled frames are of 1" in text
    )
