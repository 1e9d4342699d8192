"""VASP is ended in time, by a word in STOPCAR where that is enough."""

import os
import time

import numpy as np
import pytest

from confvib.dft import overseer
from confvib.dft.deadline import Deadline
from confvib.errors import Interrupted
from confvib.reference.engine import DynamicsTask, HeatingTask

NVE = DynamicsTask(300.0, 300.0, n_steps=14, timestep_fs=2.0, seed=4)
HEATING = HeatingTask(start_K=10.0, end_K=800.0, n_steps=14, timestep_fs=2.0, seed=3)


def energies_eV(trajectory):
    return [frame.energy_eV for frame in trajectory.frames]


def test_vasp_that_hangs_is_ended_and_goes_on(make_engine, label, tmp_path, monkeypatch):
    whole = label(make_engine(), HEATING, "whole")
    monkeypatch.setattr(overseer, "MONITOR_EVERY_S", 0.05)
    monkeypatch.setenv("FAKE_VASP", "hang:5")
    monkeypatch.setenv("FAKE_VASP_ONCE", str(tmp_path / "struck"))
    started = time.monotonic()
    joined = label(make_engine(frozen_after_s=3.0), HEATING)
    assert time.monotonic() - started < 30
    assert joined.completed, joined.reason
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-6)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_vasp_is_stopped_before_the_walltime_ends(
    make_engine, label, log, run_folder, monkeypatch
):
    whole = label(make_engine(), NVE, "whole")
    log.path.unlink()
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0.6")
    ends_at_s = time.monotonic() + 6.0
    engine = make_engine(Deadline(ends_at_s=ends_at_s), poll_s=0.05, stop_margin_s=1.0)
    with pytest.raises(Interrupted, match="of 15 ionic steps of cfg-7 done"):
        label(engine, NVE)
    assert time.monotonic() < ends_at_s
    outcar = (run_folder / "segment-001" / "OUTCAR").read_text()
    assert "soft stop encountered!" in outcar
    n_written = log.n_steps()
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0")
    joined = label(make_engine(), NVE)
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-6)
    assert log.n_steps() - n_written == 15 - n_written


def test_long_steps_are_aborted_and_their_electrons_not_believed(
    make_engine, label, log, run_folder, monkeypatch
):
    whole = label(make_engine(), NVE, "whole")
    log.path.unlink()
    monkeypatch.setenv("FAKE_VASP_STEP_S", "1.0")
    deadline = log.reached(2)
    with pytest.raises(Interrupted, match=r"asked to stop with [123] of 15 ionic steps"):
        label(make_engine(deadline, poll_s=0.02, grace_s=1.5), NVE)
    outcar = (run_folder / "segment-001" / "OUTCAR").read_text()
    assert "because hard stop was set" in outcar
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0")
    joined = label(make_engine(), NVE)
    assert joined.completed, joined.reason
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-6)


def test_vasp_that_ignores_the_order_is_terminated(
    make_engine, label, log, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_VASP", "hang:3")
    deadline = log.reached(2)
    started = time.monotonic()
    with pytest.raises(Interrupted, match="asked to stop with 2 of 15 ionic steps"):
        label(make_engine(deadline, grace_s=0.5), NVE)
    assert time.monotonic() - started < 20
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_nothing_is_started_in_a_job_that_must_end(make_engine, label, log):
    with pytest.raises(Interrupted, match="asked to stop with 0 of 15 ionic steps"):
        label(make_engine(Deadline(lambda: True)), NVE)
    with pytest.raises(Interrupted):
        label(make_engine(Deadline(ends_at_s=time.monotonic() - 1.0)), NVE)
    assert not log.path.exists()


def test_a_calculation_without_a_name_leaves_no_folder(
    make_engine, label, log, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0.1")
    with pytest.raises(Interrupted):
        label(make_engine(log.reached(2)), NVE, run="")
    assert not any((tmp_path / "scratch").iterdir())
