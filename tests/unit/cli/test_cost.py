"""``confvib cost``: predictions are sums of measured steps."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from confvib.cli import cost as command
from confvib.cli.cost import _time
from confvib.cli.loading import load
from confvib.dynamics.state import Status
from confvib.errors import DynamicsError
from confvib.stages import calibration as measured
from confvib.stages.calibration import Calibration
from confvib.stages.cost import Assumed, StageCost, predicted
from confvib.tables.contracts import IMPORTS, RELAXED
from confvib.tables.parquet import write_table
from confvib.tables.provenance import Provenance

MEASURED = Calibration("test device", 0.01, 0.02, 5.0, 0.001)


@pytest.fixture(scope="module")
def default_campaign():
    return load(Path(__file__).parents[3] / "config/config.yaml", None).campaign


@pytest.fixture
def stages(default_campaign, tmp_path):
    def predict(**assumed):
        cells = {"12_44": 4_493, "11_45": 66_090}
        return list(
            predicted(default_campaign, cells, MEASURED, Assumed(**assumed), tmp_path)
        )

    return predict


def test_each_stage_of_each_set_costs_its_steps(stages, default_campaign):
    found = {(each.set_name, each.stage): each for each in stages(tight_steps=50)}
    dynamics = default_campaign.dynamics
    steps = (dynamics.equilibration_fs + dynamics.production_fs) / dynamics.timestep_fs
    assert found["12_44", "relaxed"].seconds_per_cell == pytest.approx(60 * 0.01)
    assert found["12_44", "harmonic"].seconds_per_cell == pytest.approx(50 * 0.02 + 5)
    for temperature_K in dynamics.temperatures_K:
        runs = found["11_45", f"dynamics {temperature_K:g} K"]
        assert runs.seconds_per_cell == pytest.approx(steps * 0.001)
        assert runs.total_s == pytest.approx(66_090 * steps * 0.001)
        assert runs.n_jobs == default_campaign.sets["11_45"].chunks


def test_finished_jobs_are_recorded(stages, tmp_path):
    folder = tmp_path / "relaxed/12_44"
    folder.mkdir(parents=True)
    for chunk, wall_time_s in enumerate((10.0, 30.0)):
        provenance = Provenance("hash", wall_time_s=wall_time_s)
        blank = dict.fromkeys(column.name for column in RELAXED.columns)
        rows = [{**blank, "config_id": f"{chunk}-{n}", "status": "ok"} for n in range(5)]
        write_table(folder / f"{chunk:04d}.parquet", RELAXED, rows, provenance)
    found = {(each.set_name, each.stage): each for each in stages()}
    relaxed = found.pop(("12_44", "relaxed"))
    assert (relaxed.recorded_s, relaxed.recorded_cells) == ((10.0, 30.0), 10)
    assert command._row(relaxed)[-1] == "4 s (2 jobs)"
    assert {(each.recorded_s, each.recorded_cells) for each in found.values()} == {
        ((), 0)
    }


def test_a_step_costs_what_it_adds_to_a_run(monkeypatch):
    """Whatever a run costs before its first step, and whatever compiling costs."""
    clock = SimpleNamespace(now=0.0, perf_counter=lambda: clock.now)
    monkeypatch.setattr(measured, "time", clock)
    compiled = set()

    def run(n_steps):
        clock.now += 0.05 + 0.002 * n_steps + (0.0 if n_steps in compiled else 9.0)
        compiled.add(n_steps)
        return 4 * n_steps  # of four cells together

    assert measured._per_step(run) == pytest.approx(0.0005)


def test_what_goes_on_of_a_set():
    loaded = load(Path(__file__).parents[3] / "config/config.yaml", None)

    def cells(**settings):
        sets = loaded.campaign.sets
        chosen = {"12_44": sets["12_44"].model_copy(update=settings)}
        campaign = loaded.campaign.model_copy(update={"sets": chosen})
        return command._n_cells(replace(loaded, campaign=campaign))["12_44"]

    assert cells() == 4_493
    assert cells(sample=7) == 7
    assert cells(draw=300) == 300
    assert cells(draw=10_000) == 4_493
    assert cells(draw=300, sample=7) == 7


def test_an_imported_set_goes_on_with_what_it_names(tmp_path):
    found = dict.fromkeys(column.name for column in IMPORTS.columns)
    names = ["6_8/1", "6_8/2", "6_8/1", None]
    rows = [{**found, "source": "a.cif", "config_id": n, "status": "ok"} for n in names]
    write_table(tmp_path / "set.parquet", IMPORTS, rows, Provenance("hash"))
    assert command._n_imported(tmp_path / "set.parquet") == 2


def test_the_table_and_its_total(confvib, monkeypatch):
    monkeypatch.setattr(command, "_calibrated", lambda _: MEASURED)
    code, out, _ = confvib("cost", "--relaxation-steps", "100")
    assert code == 0
    assert "test device, per cell: relaxation step 10 ms" in out
    assert "4,493" in out
    assert "66,090" in out
    code, out, _ = confvib("cost", "--json", "--relaxation-steps", "100")
    report = json.loads(out)
    assert report["total_s"] == pytest.approx(
        sum(each["n_cells"] * each["seconds_per_cell"] for each in report["stages"])
    )
    relaxed = next(each for each in report["stages"] if each["stage"] == "relaxed")
    assert relaxed["seconds_per_cell"] == pytest.approx(1.0)


def test_times_are_readable():
    assert [_time(value) for value in (0.0123, 3.0, 200.0, 9000.0, 3e6)] == [
        "12.3 ms",
        "3 s",
        "3.33 min",
        "2.5 h",
        "34.7 d",
    ]
    assert StageCost("a", "b", 2, 3, 4.0).total_s == 12.0


def test_cells_that_fail_are_not_timed():
    ok, failed = (np.int8(status.code) for status in (Status.OK, Status.OVERFLOW))
    measured._require(Status.OK, np.array([ok, ok]))
    with pytest.raises(DynamicsError, match="ended as 'overflow', expected 'ok'"):
        measured._require(Status.OK, np.array([ok, failed]))


@pytest.mark.slow
def test_the_toy_is_measured(confvib):
    code, out, _ = confvib("cost", "--configfile", "tests/toy/toy.yaml", "--json")
    report = json.loads(out)
    assert code == 0
    for name in ("relaxation_step_s", "tight_step_s", "hessian_s", "md_step_s"):
        assert 0 < report[name] < 10
    assert report["hessian_s"] > report["md_step_s"]
    assert [each["n_cells"] for each in report["stages"]] == [2, 2, 2]
