"""Engines compared on a small crystal, from configurations to the page."""

import io

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from scipy import stats

from confvib.campaign.names import chunk_slice
from confvib.errors import EnumerationError, TableError
from confvib.stages.compare_engines import compare_engines
from confvib.stages.enumerate_configurations import enumerate_configurations
from confvib.stages.evaluate_engine import evaluate_engine
from confvib.stages.job import Progress
from confvib.stages.plot_engines import plot_engines
from confvib.stages.render_engines import render_engines
from confvib.tables.engine_contracts import ENGINE_ENERGIES, ENGINE_PAIRS
from confvib.tables.parquet import read_table

CIF = "tests/toy/La2O3.cif"
CRYSTAL = {
    "site_groups": {"8c": "O"},
    "supercell": None,
    "symmetry_tolerance_A": 0.01,
    "distance_rules": [],
    "equivalence": "symmetry",
    "contact_cutoff_A": 2.9,
}
SETTINGS = {
    "relax": True,
    "fmax_eV_per_A": 0.05,
    "max_steps": 200,
    "temperature_K": 300.0,
    "bootstrap_samples": 50,
}
RESOURCES = {"runtime": 60}
N = 3


def calculator(path, **kwargs):
    return {"engine": "ase", "ase": {"calculator": path, "kwargs": kwargs}}


PAIR = {"sigma": 2.1, "epsilon": 0.2, "rc": 5.0}
ENGINES = {
    "first": calculator("ase.calculators.lj.LennardJones", **PAIR),
    "again": calculator("ase.calculators.lj.LennardJones", **PAIR),
    "deeper": calculator("ase.calculators.lj.LennardJones", **PAIR | {"epsilon": 0.4}),
    "ignorant": calculator("ase.calculators.emt.EMT"),  # knows no lanthanum
}


def progress():
    return Progress("engines", io.StringIO())


@pytest.fixture(scope="module")
def configurations(tmp_path_factory):
    path = tmp_path_factory.mktemp("set") / "configurations.parquet"
    params = {
        "crystal": CRYSTAL,
        "counts": {"8c": 6},
        "draw": None,
        "imported": "",
        "seed": None,
        "config_hash": "set",
    }
    enumerate_configurations(CIF, str(path), "6_8", params, progress())
    return str(path)


def evaluate(configurations, folder, name, engine, first=(), n=N, **changes):
    path = folder / f"{name}.parquet"
    params = {
        "crystal": CRYSTAL,
        "name": name,
        "engine": engine,
        "settings": SETTINGS | changes,
        "slice": chunk_slice(n, 1, 0),
        "seed": 7,
        "scratch": str(folder / "scratch"),
        "kept": str(folder / "kept"),
        "restart": str(folder / "restart" / name),
        "code": "code",
        "config_hash": name,
        "expected": {"configurations": "set", "first": "first"},
    }
    first = [str(path) for path in first]
    evaluate_engine(CIF, configurations, first, str(path), params, RESOURCES, progress())
    return path


def compare(folder, engines):
    path = folder / "pairs.parquet"
    params = {
        "set": "6_8",
        "names": list(engines),
        "settings": SETTINGS,
        "seed": 7,
        "config_hash": "pairs",
        "expected": list(engines),
    }
    compare_engines(list(map(str, engines.values())), str(path), params, progress())
    return path


@pytest.fixture(scope="module")
def compared(configurations, tmp_path_factory):
    folder = tmp_path_factory.mktemp("engines")
    paths = {}
    for name, engine in ENGINES.items():
        first = list(paths.values())[:1]
        paths[name] = evaluate(configurations, folder, name, engine, first)
    return folder, paths, compare(folder, paths)


@pytest.fixture(scope="module")
def pairs(compared):
    rows = read_table(compared[2], ENGINE_PAIRS).to_pylist()
    return {(row["engine"], row["other"], row["geometry"]): row for row in rows}


def rows_of(path, geometry):
    table = read_table(path, ENGINE_ENERGIES).to_pylist()
    return [row for row in table if row["geometry"] == geometry]


def test_energies_and_forces_are_the_calculators_at_the_geometry_named(compared):
    _, paths, _ = compared
    for name, epsilon in (("first", 0.2), ("deeper", 0.4)):
        for geometry in ("unrelaxed", "common", "own"):
            for row in rows_of(paths[name], geometry):
                atoms = Atoms(
                    row["numbers"],
                    positions=np.reshape(row["positions"], (-1, 3)),
                    cell=np.reshape(row["cell"], (3, 3)),
                    pbc=True,
                    calculator=LennardJones(**PAIR | {"epsilon": epsilon}),
                )
                assert row["energy_eV"] == pytest.approx(atoms.get_potential_energy())
                forces = np.reshape(row["forces_eV_per_A"], (-1, 3))
                np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-9)


def test_common_geometries_are_the_first_engines_minima(compared):
    _, paths, _ = compared
    minima = [row["positions"] for row in rows_of(paths["first"], "own")]
    for name in ("first", "again", "deeper"):
        common = [row["positions"] for row in rows_of(paths[name], "common")]
        np.testing.assert_array_equal(common, minima)
    for row in rows_of(paths["first"], "own"):
        assert row["fmax_eV_per_A"] <= SETTINGS["fmax_eV_per_A"]


def test_an_engine_agrees_with_itself(pairs):
    for geometry in ("unrelaxed", "common", "own"):
        row = pairs["first", "again", geometry]
        assert (row["n_rows"], row["left_out"]) == (N, "")
        assert row["rms_eV"] == row["mean_eV"] == 0
        assert row["spearman"] == pytest.approx(1)
        assert row["kendall"] == pytest.approx(1)
        assert row["spread_ratio"] == pytest.approx(1)
    assert pairs["first", "again", "common"]["force_difference_eV_per_A"] == 0
    assert pairs["first", "again", "own"]["displacement_max_A"] == 0


def test_a_deeper_pair_potential_has_the_same_order_and_twice_the_spread(pairs):
    # Lennard-Jones energies are proportional to epsilon, so all is known in closed form.
    for geometry in ("unrelaxed", "common"):
        row = pairs["first", "deeper", geometry]
        assert row["spearman"] == pytest.approx(1)
        assert row["spread_ratio"] == pytest.approx(2)
        assert row["rms_eV"] == pytest.approx(row["spread_eV"] * np.sqrt((N - 1) / N))
        assert row["force_cosine"] == pytest.approx(1)
        assert row["force_rms_other_eV_per_A"] == pytest.approx(
            2 * row["force_rms_eV_per_A"]
        )
        assert row["rms_over_kT"] == pytest.approx(row["rms_eV"] / 0.0258520, rel=1e-5)


def test_an_engine_that_fails_is_rows_with_a_reason(compared, pairs):
    _, paths, _ = compared
    (row, *_) = rows_of(paths["ignorant"], "unrelaxed")
    assert row["status"] == "failed"
    assert "NotImplementedError" in row["reason"]
    assert len(rows_of(paths["ignorant"], "common")) == N
    pair = pairs["first", "ignorant", "own"]
    assert pair["status"] == "failed"
    assert pair["reason"] == "no configuration that both engines have"
    assert pair["left_out"] == f"{N} ignorant: failed"
    assert pair["spearman"] is None


def test_cells_that_do_not_relax_are_counted_and_give_no_common_geometry(
    configurations, tmp_path
):
    first = evaluate(configurations, tmp_path, "first", ENGINES["first"], max_steps=1)
    again = evaluate(configurations, tmp_path, "again", ENGINES["again"], [first])
    lost = [row for row in rows_of(first, "own") if row["status"] == "not_relaxed"]
    assert lost
    assert "not relaxed: largest force" in lost[0]["reason"]
    without = [row for row in rows_of(again, "common") if row["status"] != "ok"]
    assert [row["config_id"] for row in without] == [row["config_id"] for row in lost]
    assert {row["status"] for row in without} == {"no_geometry"}
    assert "the first engine has no minimum of it: not relaxed" in without[0]["reason"]
    rows = read_table(compare(tmp_path, {"first": first, "again": again}), ENGINE_PAIRS)
    own = next(row for row in rows.to_pylist() if row["geometry"] == "own")
    assert own["n_rows"] == N - len(lost)
    assert own["left_out"] == f"{len(lost)} first: not_relaxed"


def test_without_relaxation_only_the_unrelaxed_are_computed(configurations, tmp_path):
    paths = {
        name: evaluate(configurations, tmp_path, name, ENGINES[name], relax=False)
        for name in ("first", "deeper")
    }
    rows = read_table(compare(tmp_path, paths), ENGINE_PAIRS).to_pylist()
    assert [row["geometry"] for row in rows] == ["unrelaxed"]
    energies = [
        [row["energy_eV"] for row in rows_of(path, "unrelaxed")]
        for path in paths.values()
    ]
    assert rows[0]["kendall"] == pytest.approx(stats.kendalltau(*energies).statistic)


def test_more_configurations_than_there_are_and_a_stale_first_are_refused(
    configurations, compared, tmp_path
):
    engine = ENGINES["first"]
    with pytest.raises(EnumerationError, match="99"):
        evaluate(configurations, tmp_path, "many", engine, n=99)
    stale = compared[1]["deeper"]
    with pytest.raises(TableError, match=r"made from configuration 'deeper'"):
        evaluate(configurations, tmp_path, "again", engine, [stale])


def test_the_page_says_what_came_out(compared, tmp_path):
    folder, paths, pairs = compared
    plot_engines(list(map(str, paths.values())), str(pairs), str(folder / "a.svg"))
    assert (folder / "a.svg").read_text().startswith("<?xml")
    html, text = folder / "a.html", folder / "a.txt"
    render_engines(str(pairs), str(html), str(text), "toy")
    said = " ".join(text.read_text().split())
    assert (
        "first and again, minima of the first engine: of 3 configurations (of 3) the "
        "order by energy agrees with ρ = 1.00, which chance alone may give, and "
        "energies relative to one another differ by 0 meV per cell, 0.0 k_B T at 300 K."
    ) in said
    assert (
        "first and ignorant, as enumerated: no comparison, since no configuration that "
        "both engines have. Left out: 3 ignorant: failed."
    ) in said
    assert "campaign toy" in html.read_text()
