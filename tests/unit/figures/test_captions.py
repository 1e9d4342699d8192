"""The captions render as Snakemake renders them: Jinja, then reStructuredText."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined
from snakemake.iocontainers import Params, Wildcards

REPORT = Path(__file__).resolve().parents[3] / "workflow" / "report"


def render(name, wildcards=(), engine="vasp"):
    snakemake = SimpleNamespace(
        wildcards=Wildcards(fromdict=dict(wildcards)),
        params=Params(fromdict={"engine": engine}),
        config={"campaign": "demo", "labels": {"engine": engine}},
    )
    template = Environment(undefined=StrictUndefined, autoescape=True).from_string(
        (REPORT / name).read_text(encoding="utf-8")
    )
    # halt_level 1: anything that docutils would remark on is an error.
    parts = publish_parts(
        template.render(snakemake=snakemake),
        writer="html",
        settings_overrides={"halt_level": 1, "report_level": 5},
    )
    return " ".join(parts["html_body"].split())


@pytest.mark.parametrize(
    ("name", "wildcards", "phrases"),
    [
        ("parity.rst", {"model": "relax"}, ["relax", "meV/atom", "eV/Å", "new"]),
        ("dataset.rst", {"potential": "md"}, ["md", "meV/atom", "eV/Å", "seen"]),
        ("history.rst", {"model": "md"}, ["md", "meV/atom", "meV/Å", "dotted"]),
        ("pdos.rst", {"set": "12_44"}, ["12_44", "modes per meV", "THz", "prints"]),
        ("gibbs_table.rst", {}, ["eV/atom", "meV/(atom K)", "n99"]),
        ("learning_curve.rst", {}, ["meV/cell", "meV/Å", "training frames"]),
        ("degrees_sweep.rst", {}, ["meV", "meV/Å", "Table 1"]),
        ("selection_gain.rst", {}, ["meV/Å", "farthest points"]),
        ("crosscheck.rst", {}, ["meV/atom", "k_B T / 2 per cell", "Frenkel–Ladd"]),
        ("surrogate.rst", {}, ["k_B T per cell", "overlap", "Horvitz–Thompson"]),
        ("sampling.rst", {}, ["meV/atom", "5–95 %", "−k_B T ln m", "per cell"]),
        ("phase_stability.rst", {"phase": "beta"}, ["meV/atom", "Helmholtz", "minus G"]),
        ("accuracy.rst", {}, ["k_B T per cell", "mean taken off", "reference itself"]),
        ("engine_comparison.rst", {}, ["meV per cell", "k_B T per cell", "Spearman"]),
    ],
)
def test_captions_state_quantity_and_unit(name, wildcards, phrases):
    html = render(name, wildcards)
    assert [phrase for phrase in phrases if phrase not in html] == []


@pytest.mark.parametrize(
    ("level", "phrase"),
    [
        ("conf", "Relaxed energies H of set <strong>12_44</strong>"),
        ("conf+harmonic", "Free energies F (level <strong>conf+harmonic</strong>)"),
        ("conf+md", "Free energies F (level <strong>conf+md</strong>)"),
    ],
)
def test_one_caption_serves_every_level(level, phrase):
    html = render("energy_distribution.rst", {"set": "12_44", "level": level})
    assert phrase in html
    assert "canonical" in html
    assert "published" in html


@pytest.mark.parametrize(("engine", "warned"), [("ionic", True), ("vasp", False)])
def test_reports_on_the_ionic_potential_say_so(engine, warned):
    for name in ("workflow.rst", "gibbs_table.rst", "phase_stability.rst"):
        assert ("not a prediction for the material" in render(name, engine=engine)) is (
            warned
        )


def test_report_text_explains_levels_conventions_and_provenance():
    html = render("workflow.rst")
    for phrase in ("demo", "conf+harmonic", "canonical", "published", "read_schema"):
        assert phrase in html


def test_every_caption_is_tested():
    assert {path.name for path in REPORT.glob("*.rst")} == {
        "parity.rst",
        "dataset.rst",
        "history.rst",
        "energy_distribution.rst",
        "pdos.rst",
        "gibbs_table.rst",
        "workflow.rst",
        "learning_curve.rst",
        "degrees_sweep.rst",
        "selection_gain.rst",
        "crosscheck.rst",
        "surrogate.rst",
        "sampling.rst",
        "phase_stability.rst",
        "accuracy.rst",
        "engine_comparison.rst",
    }
