"""The sampling stages on a made-up convergence table."""

import io
import time

import numpy as np
import pytest

from confvib.errors import TableError, ThermodynamicsError
from confvib.stages.job import Progress
from confvib.stages.plot_sampling import plot_sampling
from confvib.stages.render_sampling import render_sampling
from confvib.stages.sampling_statement import statement
from confvib.stages.sampling_subject import rows_of
from confvib.stages.validate_sampling import validate_sampling
from confvib.tables.contracts import RELAXED
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect
from confvib.tables.sampling_contracts import (
    SAMPLING_CURVES,
    SAMPLING_TESTS,
    SAMPLING_VERDICTS,
)
from confvib.tables.thermodynamics_contracts import CONVERGENCE
from confvib.thermo.convergence import canonical_convergence, published_convergence
from confvib.thermo.sparseness import Sparseness
from confvib.units import BOLTZMANN_EV_PER_K as KB

N, N_ATOMS = 300, 192
RNG = np.random.default_rng(0)
ENERGY = -1505 + 0.1 * RNG.normal(size=N)
WEIGHTS = RNG.choice([48.0, 96.0], size=N)
SETTINGS = {
    "levels": ["conf", "conf+harmonic"],
    "temperatures_K": {"conf": [100.0, 1500.0], "conf+harmonic": [1500.0]},
    "points": 6,
    "orders": 50,
    "subset": 200,
    "subset_fraction": 0.293,
    "densities": 10,
    "max_share": 0.5,
    "tolerance_kT": 0.5,
}


def blank(schema, **values):
    row = dict.fromkeys((column.name for column in schema.columns), None)
    return row | {"status": "ok", "reason": ""} | values


def curve_rows(T, energy=ENERGY, weights=WEIGHTS, n_published=N):
    curves = {
        "canonical": (canonical_convergence(energy, weights, T, n_atoms=N_ATOMS), weights)
    }
    if n_published:
        kept = energy[:n_published]
        curve = published_convergence(kept, T, n_atoms=N_ATOMS)
        curves["published"] = curve, np.ones(n_published)
    for convention, (curve, weight) in curves.items():
        for k, row in enumerate(curve.order):
            yield blank(
                CONVERGENCE,
                set="12_44",
                convention=convention,
                level="conf",
                temperature_K=T,
                rank=k + 1,
                energy_eV_per_atom=curve.energy_eV[k] / N_ATOMS,
                weight=weight[row],
                minus_TS_eV_per_atom=curve.minus_TS_conf_eV_per_atom[k],
                G_eV_per_atom=curve.G_eV_per_atom[k],
            )


def run(folder, rows, n_atoms=N_ATOMS, **changes):
    provenance = collect("hash", started=time.monotonic())
    paths = {name: str(folder / f"{name}.parquet") for name in ("c", "r")}
    write_table(paths["c"], CONVERGENCE, rows, provenance)
    cells = [blank(RELAXED, config_id="12_44-0", n_atoms=n_atoms)]
    write_table(paths["r"], RELAXED, cells, provenance)
    names = ("curves", "tests", "verdicts")
    outputs = {name: str(folder / f"{name}.parquet") for name in names}
    params = {
        "settings": SETTINGS | changes,
        "seed": 3,
        "config_hash": "sampling",
        "expected": {"convergence": "hash", "relaxed": "hash"},
    }
    progress = Progress("test", io.StringIO())
    validate_sampling(paths["c"], paths["r"], outputs, "12_44", params, progress)
    return outputs


@pytest.fixture
def outputs(tmp_path):
    return run(tmp_path, [*curve_rows(100.0), *curve_rows(1500.0)])


def frame(path, schema):
    return read_table(path, schema, "sampling").to_pandas()


def test_curves_end_at_the_whole_set(outputs):
    curves = frame(outputs["curves"], SAMPLING_CURVES)
    ends = curves[curves["n_subset"] == N]
    assert len(ends) == 6  # three estimators, two temperatures
    exact = canonical_convergence(ENERGY, WEIGHTS, 1500.0, n_atoms=N_ATOMS)
    for estimator in ("canonical", "canonical_unscaled"):
        mask = (ends["estimator"] == estimator) & (ends["temperature_K"] == 1500)
        row = ends[mask].iloc[0]
        for name in ("mean", "median", "p05", "p95"):
            assert row[f"minus_TS_{name}_eV_per_atom"] == pytest.approx(
                exact.minus_TS_conf_eV_per_atom[-1], rel=1e-9
            )
            assert row[f"G_{name}_eV_per_atom"] == pytest.approx(exact.G_eV_per_atom[-1])
    assert {1, 150, 200, N} <= set(curves["n_subset"])


def test_a_subset_is_off_by_what_the_closed_forms_say(outputs):
    tests = frame(outputs["tests"], SAMPLING_TESTS)
    hot = tests[(tests["temperature_K"] == 1500) & (tests["test"] == "subset")]
    rows = {row["estimator"]: row for row in hot.to_dict("records")}
    assert {row["n_subset"] for row in rows.values()} == {200}
    published = rows["published"]
    assert published["relative_error_expected"] == pytest.approx(
        np.log(200) / np.log(300) - 1
    )
    for row in rows.values():
        assert row["relative_error"] == pytest.approx(
            row["relative_error_expected"], abs=3e-3
        )
    # The published deficit per cell is worth dozens of k_BT, the factor's absence one.
    assert published["G_error_over_kT"] == pytest.approx(192 * np.log(1.5), rel=0.01)
    assert rows["canonical_unscaled"]["G_error_over_kT"] == pytest.approx(
        np.log(1.5), abs=0.05
    )
    assert abs(rows["canonical"]["G_error_over_kT"]) < 0.05


def test_a_density_brings_the_published_entropy_back_and_raises_Z(outputs):
    tests = frame(outputs["tests"], SAMPLING_TESTS)
    hot = tests[(tests["temperature_K"] == 1500) & (tests["test"] == "density")]
    rows = {row["estimator"]: row for row in hot.to_dict("records")}
    assert abs(rows["published"]["relative_error"]) < 5e-3
    found = rows["canonical"]
    assert found["log_Z_shift_expected"] == pytest.approx(
        0.5 * (0.1 * 200**-0.2 / (KB * 1500)) ** 2, rel=0.15
    )
    assert found["log_Z_shift"] == pytest.approx(found["log_Z_shift_expected"], abs=0.02)
    assert found["relative_error_expected"] < 0


def test_the_verdict_depends_on_temperature(outputs):
    verdicts = frame(outputs["verdicts"], SAMPLING_VERDICTS)
    cold, hot, missing = verdicts.to_dict("records")
    assert cold["sparse"]
    assert cold["statement"].startswith("too sparse for 100 K: the heaviest of 300 rows")
    assert "more than the allowed 0.5" in cold["statement"]
    assert not hot["sparse"]
    assert hot["statement"].startswith("dense enough for 1500 K: ")
    assert "within the allowed 0.5" in hot["statement"]
    assert (missing["status"], missing["reason"]) == (
        "failed",
        "fewer than 2 rows of level conf+harmonic at 1500 K in the convergence table, "
        "expected at least 2",
    )


def test_statement_names_the_row_that_decides():
    found = Sparseness(4493, 0.72, 9, 1.9, -0.69, 1.25, -0.1, 0.4, True, True)
    assert statement(found, 300.0, 0.5) == (
        "too sparse for 300 K: the heaviest of 4,493 rows carries 72.0 % of the weight, "
        "9 carry 99 %; a random half of them puts F between −0.69 and +1.2 k_BT and "
        "S_conf between −0.1 and +0.4 k_B per cell from what all give (5–95 %), more "
        "than the allowed 0.5"
    )


def test_figure_and_page(outputs, tmp_path):
    figure, page = tmp_path / "f.svg", tmp_path / "t.html"
    plot_sampling(outputs["curves"], outputs["tests"], str(figure), "conf")
    assert "Set 12_44, level conf: n = 300 rows" in figure.read_text()
    render_sampling([outputs["tests"]] * 2, [outputs["verdicts"]] * 2, str(page), "demo")
    html = page.read_text()
    assert html.count("too sparse for 100 K") == 2
    assert "n draws from the density of m" in html
    plot_sampling(outputs["curves"], outputs["tests"], str(figure), "conf+harmonic")
    assert "no rows of level conf+harmonic to draw" in figure.read_text()


def test_merged_neighbours_are_as_many_equal_rows(tmp_path):
    pairs = np.repeat(ENERGY[: N // 2], 2)
    single = [*curve_rows(1500.0, pairs, np.full(N, 96.0))]
    merged = [
        row | {"weight": row["weight"] * 2} for row in single if row["rank"] % 2 == 0
    ]
    for folder, rows in (("one", single), ("two", merged)):
        (tmp_path / folder).mkdir()
        run(tmp_path / folder, rows, levels=["conf"])
    one, two = (
        frame(tmp_path / name / "tests.parquet", SAMPLING_TESTS)
        for name in ("one", "two")
    )
    assert len(one) == len(two) == 5
    for name in ("n_rows", "minus_TS_eV_per_atom", "G_eV_per_atom", "relative_error"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-9)


def test_a_wrong_cell_size_is_noticed(tmp_path):
    outputs = run(tmp_path, [*curve_rows(1500.0)], n_atoms=96, levels=["conf"])
    reasons = frame(outputs["verdicts"], SAMPLING_VERDICTS)["reason"]
    assert "with 96 atoms per cell, expected its last G" in reasons[1]
    table = read_table(tmp_path / "c.parquet", CONVERGENCE).to_pandas()
    assert rows_of(table, "published", "conf", 300.0, 192) is None
    table["G_eV_per_atom"] += 1e-3
    with pytest.raises(ThermodynamicsError, match="the published rows of the conv"):
        rows_of(table, "published", "conf", 1500.0, 192)


def test_rows_without_representatives_have_no_published_part(tmp_path):
    rows = [*curve_rows(1500.0, n_published=1)]
    outputs = run(tmp_path, rows, levels=["conf"], temperatures_K={"conf": [1500.0]})
    curves = frame(outputs["curves"], SAMPLING_CURVES)
    assert set(curves["estimator"]) == {"canonical", "canonical_unscaled"}
    plot_sampling(outputs["curves"], outputs["tests"], str(tmp_path / "f.svg"), "conf")
    assert "published: fewer than two rows" in (tmp_path / "f.svg").read_text()


def test_equal_energies_have_no_density_and_the_page_says_so(tmp_path):
    rows = [*curve_rows(1500.0, np.full(40, -1505.0), np.full(40, 96.0), 40)]
    outputs = run(tmp_path, rows, levels=["conf"], temperatures_K={"conf": [1500.0]})
    tests = frame(outputs["tests"], SAMPLING_TESTS)
    failed = tests[tests["status"] == "failed"]
    assert list(failed["estimator"]) == ["canonical", "published"]
    assert "11 row(s) of one energy, -1505 eV" in failed["reason"].iloc[0]
    page = tmp_path / "t.html"
    render_sampling([outputs["tests"]], [outputs["verdicts"]], str(page), "demo")
    assert "density (canonical): 11 row(s) of one energy" in page.read_text()


def test_a_foreign_table_is_refused(tmp_path):
    outputs = run(tmp_path, [*curve_rows(1500.0)], levels=["conf"])
    with pytest.raises(TableError, match="has schema 'sampling_tests/1', expected"):
        plot_sampling(outputs["tests"], outputs["tests"], str(tmp_path / "f.svg"), "conf")
