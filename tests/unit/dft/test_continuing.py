"""Calculations that are cut, by whatever, and go on."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from pymatgen.io.vasp.inputs import Incar

from confvib.dft import overseer
from confvib.dft.deadline import Deadline
from confvib.errors import Interrupted, LabelError
from confvib.reference.engine import DynamicsTask, HeatingTask, RelaxationTask

NVE = DynamicsTask(300.0, 300.0, n_steps=14, timestep_fs=2.0, seed=4)
ANDERSEN = DynamicsTask(300.0, 300.0, 14, 2.0, 4, collision_probability=0.4)
HEATING = HeatingTask(start_K=10.0, end_K=800.0, n_steps=14, timestep_fs=2.0, seed=3)
RELAXATION = RelaxationTask(fmax_eV_per_A=0.05, max_steps=60)


class AfterSteps:
    """Ask a job to end once VASP has written so many ionic steps, as SIGTERM would."""

    def __init__(self, log, n_steps):
        self.log, self.n_steps = log, n_steps

    def __call__(self):
        return self.log.is_file() and steps_in(self.log) >= self.n_steps


def steps_in(log):
    return sum(line.startswith("step") for line in log.read_text().splitlines())


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Return the file where VASP notes its starts and ionic steps."""
    path = tmp_path / "steps.log"
    monkeypatch.setenv("FAKE_VASP_LOG", str(path))
    return path


@pytest.fixture
def run_folder(tmp_path):
    return tmp_path / "scratch" / "cfg-7"


@pytest.fixture
def label(cell):
    """Carry out a task of any kind under a name."""
    methods = {
        HeatingTask: "heating_frames",
        DynamicsTask: "dynamics_frames",
        RelaxationTask: "relaxation_frames",
    }

    def carry_out(engine, task, run="cfg-7"):
        return getattr(engine, methods[type(task)])(cell, task, run)

    return carry_out


def energies_eV(trajectory):
    return [frame.energy_eV for frame in trajectory.frames]


def temperatures_K(trajectory):
    return [frame.temperature_K for frame in trajectory.frames]


def cut_after(n_steps, label, make_engine, task, log, monkeypatch):
    """Ask the job to end after so many further steps; return what it says."""
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0.08")
    before = steps_in(log) if log.is_file() else 0
    deadline = Deadline(AfterSteps(log, before + n_steps))
    with pytest.raises(Interrupted) as caught:
        label(make_engine(deadline, poll_s=0.02), task)
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0")
    return str(caught.value)


@pytest.mark.parametrize("task", [NVE, ANDERSEN, HEATING])
def test_dynamics_cut_twice_equal_the_undisturbed_run(
    make_engine, label, log, run_folder, monkeypatch, task
):
    whole = label(make_engine(), task, "whole")
    said = [cut_after(n, label, make_engine, task, log, monkeypatch) for n in (3, 4)]
    assert "of 15 ionic steps of cfg-7 done; the next attempt goes on" in said[0]
    assert sorted(path.name for path in run_folder.glob("segment-*")) == [
        "segment-001",
        "segment-002",
    ]
    joined = label(make_engine(), task)
    assert joined.completed, joined.reason
    assert len(joined.frames) == 15
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-6)
    np.testing.assert_allclose(temperatures_K(joined), temperatures_K(whole), rtol=1e-5)
    assert not run_folder.exists()


def test_a_ramp_goes_on_at_the_temperature_it_had_reached(
    make_engine, label, log, run_folder, monkeypatch
):
    said = cut_after(4, label, make_engine, HEATING, log, monkeypatch)
    n_done = int(said.split()[4])
    assert 4 <= n_done < 12
    joined = label(make_engine(keep=("INCAR",)), HEATING)
    assert joined.completed, joined.reason
    wanted_K = 10 + 790 * np.arange(1, 16) / 15
    np.testing.assert_allclose(temperatures_K(joined), wanted_K, rtol=1e-5)
    incar = Incar.from_file(run_folder.parents[1] / "kept" / "cfg-7" / "INCAR")
    assert incar["NSW"] == 15 - n_done
    assert incar["TEBEG"] == pytest.approx(wanted_K[n_done - 1])
    assert incar["TEEND"] == 800.0


def test_a_relaxation_goes_on_to_the_same_minimum(make_engine, label, log, monkeypatch):
    whole = label(make_engine(), RELAXATION, "whole")
    cut_after(3, label, make_engine, RELAXATION, log, monkeypatch)
    joined = label(make_engine(), RELAXATION)
    assert joined.completed, joined.reason
    assert len(joined.frames) > 3
    np.testing.assert_allclose(energies_eV(joined)[:3], energies_eV(whole)[:3], atol=1e-6)
    assert energies_eV(joined)[-1] == pytest.approx(energies_eV(whole)[-1], abs=1e-3)


def test_vasp_that_is_killed_goes_on_in_the_same_attempt(
    make_engine, label, tmp_path, monkeypatch, caplog
):
    whole = label(make_engine(), NVE, "whole")
    monkeypatch.setenv("FAKE_VASP", "kill:6")
    monkeypatch.setenv("FAKE_VASP_ONCE", str(tmp_path / "struck"))
    joined = label(make_engine(), NVE)
    assert joined.completed, joined.reason
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-6)
    assert "cfg-7 goes on: VASP was killed (Job return code is -9" in caplog.text


def test_vasp_that_is_killed_at_the_same_step_again_is_given_up(
    make_engine, label, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_VASP", "kill:1")
    trajectory = label(make_engine(), NVE)
    assert not trajectory.completed
    assert trajectory.reason.startswith("VASP was killed (Job return code is -9")
    (kept,) = (tmp_path / "kept").iterdir()
    assert (kept / "discarded-001" / "OUTCAR").is_file()


def test_vasp_that_hangs_is_ended_and_goes_on(make_engine, label, tmp_path, monkeypatch):
    whole = label(make_engine(), HEATING, "whole")
    monkeypatch.setattr(overseer, "MONITOR_EVERY_S", 0.05)
    monkeypatch.setenv("FAKE_VASP", "hang:5")
    monkeypatch.setenv("FAKE_VASP_ONCE", str(tmp_path / "struck"))
    started = time.monotonic()
    joined = label(make_engine(frozen_after_s=1.0), HEATING)
    assert time.monotonic() - started < 30
    assert joined.completed, joined.reason
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-6)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_vasp_is_stopped_before_the_walltime_ends(
    make_engine, label, log, run_folder, monkeypatch
):
    whole = label(make_engine(), NVE, "whole")
    log.unlink()
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0.3")
    ends_at_s = time.monotonic() + 4.0
    engine = make_engine(Deadline(ends_at_s=ends_at_s), poll_s=0.05, stop_margin_s=1.0)
    with pytest.raises(Interrupted, match="of 15 ionic steps of cfg-7 done"):
        label(engine, NVE)
    assert time.monotonic() < ends_at_s
    outcar = (run_folder / "segment-001" / "OUTCAR").read_text()
    assert "soft stop encountered!" in outcar
    n_written = steps_in(log)
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0")
    joined = label(make_engine(), NVE)
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-6)
    assert steps_in(log) - n_written == 15 - n_written


def test_long_steps_are_aborted_and_their_electrons_not_believed(
    make_engine, label, log, run_folder, monkeypatch
):
    whole = label(make_engine(), NVE, "whole")
    log.unlink()
    monkeypatch.setenv("FAKE_VASP_STEP_S", "1.0")
    deadline = Deadline(AfterSteps(log, 2))
    with pytest.raises(Interrupted, match=r"asked to stop with [12] of 15 ionic steps"):
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
    deadline = Deadline(AfterSteps(log, 2))
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
    assert not log.exists()


def test_a_calculation_without_a_name_leaves_no_folder(
    make_engine, label, log, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0.1")
    with pytest.raises(Interrupted):
        label(make_engine(Deadline(AfterSteps(log, 2))), NVE, run="")
    assert not any((tmp_path / "scratch").iterdir())


def runs(pid):
    """Return whether a process runs; nobody may be there to bury an orphan."""
    status = Path(f"/proc/{pid}/status")
    return status.is_file() and "State:\tZ" not in status.read_text()


JOB = """
    import json, sys
    from pathlib import Path
    import numpy as np
    from ase import Atoms
    from confvib.dft.engine import VaspEngine
    from confvib.dft.settings import VaspSettings
    from confvib.reference.engine import DynamicsTask
    given = json.loads(Path(sys.argv[1]).read_text())
    engine = VaspEngine(
        VaspSettings.from_mapping(given["settings"]), *map(Path, given["folders"])
    )
    atoms = Atoms(**given["atoms"], pbc=True)
    engine.dynamics_frames(atoms, DynamicsTask(**given["task"]), "cfg-7")
"""


@pytest.mark.slow
def test_a_job_that_is_killed_leaves_a_calculation_to_go_on_with(
    values, make_engine, label, cell, log, tmp_path, monkeypatch
):
    whole = label(make_engine(), NVE, "whole")
    log.unlink()
    given = tmp_path / "job.json"
    given.write_text(
        json.dumps(
            {
                "settings": values,
                "folders": [str(tmp_path / "scratch"), str(tmp_path / "kept")],
                "atoms": {
                    "numbers": cell.numbers.tolist(),
                    "positions": cell.positions.tolist(),
                    "cell": cell.cell.tolist(),
                },
                "task": vars(NVE),
            }
        )
    )
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0.4")
    job = subprocess.Popen([sys.executable, "-c", textwrap.dedent(JOB), str(given)])
    while not (log.is_file() and steps_in(log) >= 3):
        assert job.poll() is None
        time.sleep(0.02)
    job.send_signal(signal.SIGKILL)
    job.wait()
    vasp = int(log.read_text().split()[1])
    assert runs(vasp)
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0")
    joined = label(make_engine(), NVE)
    assert not runs(vasp)
    assert joined.completed, joined.reason
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-6)
    assert steps_in(log) == 15


def test_another_calculation_under_the_name_is_discarded(
    make_engine, label, log, run_folder, monkeypatch, caplog
):
    cut_after(3, label, make_engine, NVE, log, monkeypatch)
    warmer = DynamicsTask(300.0, 600.0, n_steps=14, timestep_fs=2.0, seed=4)
    whole = label(make_engine(), warmer, "whole")
    other = label(make_engine(), warmer)
    assert f"{run_folder} is discarded: it holds another calculation" in caplog.text
    assert energies_eV(other) == energies_eV(whole)


def test_keys_of_the_minimiser_may_change_between_attempts(
    make_engine, settings, label, log, monkeypatch, caplog
):
    cut_after(3, label, make_engine, NVE, log, monkeypatch)
    n_written = steps_in(log)
    faster = dict(settings.incar) | {"ALGO": "Fast", "NCORE": 4}
    joined = label(make_engine(incar=faster), NVE)
    assert joined.completed, joined.reason
    assert "discarded" not in caplog.text
    assert steps_in(log) <= 15 + 1
    assert n_written >= 3


def test_large_files_are_kept_only_where_asked_for(make_engine, label, tmp_path):
    label(make_engine(), NVE)
    assert not (tmp_path / "kept").exists()
    for _ in range(2):
        label(make_engine(keep=("WAVECAR", "vasprun.xml")), NVE)
    kept = tmp_path / "kept"
    assert sorted(str(p.relative_to(kept)) for p in kept.rglob("*") if p.is_file()) == [
        "cfg-7-2/WAVECAR",
        "cfg-7-2/vasprun.xml",
        "cfg-7/WAVECAR",
        "cfg-7/vasprun.xml",
    ]


def test_a_wave_function_waits_for_the_next_attempt(
    make_engine, label, log, run_folder, monkeypatch
):
    cut_after(3, label, make_engine, NVE, log, monkeypatch)
    assert (run_folder / "WAVECAR").is_file()


def test_folders_of_failed_calculations_are_never_overwritten(
    make_engine, label, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_VASP", "crash:2")
    said = [label(make_engine(), NVE).reason for _ in range(3)]
    for reason, name in zip(said, ["cfg-7", "cfg-7-2", "cfg-7-3"], strict=True):
        assert reason.endswith(f"Folder kept: {tmp_path / 'kept' / name}")
        left = {path.name for path in (tmp_path / "kept" / name).iterdir()}
        assert "vasprun.xml" in left
        assert not left & {"WAVECAR", "CHGCAR"}


@pytest.mark.parametrize("run", ["../elsewhere", "a/b", ".", " "])
def test_names_that_are_no_folder_are_refused(make_engine, label, run):
    with pytest.raises(LabelError, match="expected letters, digits"):
        label(make_engine(), NVE, run)


def test_a_complaint_that_nobody_saw_is_not_built_upon(
    make_engine, label, log, run_folder, monkeypatch, caplog
):
    whole = label(make_engine(), NVE, "whole")
    cut_after(3, label, make_engine, NVE, log, monkeypatch)
    printed = run_folder / "segment-001" / "vasp.out"
    printed.write_text(printed.read_text() + "BRMIX: very serious problems\n")
    joined = label(make_engine(), NVE)
    assert "VASP complained there of brmix" in caplog.text
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-9)


def test_a_refused_repair_is_not_forgotten_over_a_cut(
    make_engine, label, log, run_folder, monkeypatch
):
    cut_after(3, label, make_engine, NVE, log, monkeypatch)
    path = run_folder / "segment-001" / "custodian.json"
    actions = [{"dict": "INCAR", "action": {"_set": {"ENCUT": 400}}}]
    entry = {"handler": "TooHasty", "errors": ["slow"], "actions": actions}
    path.write_text(json.dumps([{"corrections": [entry]}]))
    trajectory = label(make_engine(), NVE)
    assert trajectory.reason.startswith(
        "a repair left the level of theory or the task: "
        "TooHasty changed ENCUT from 500.0 to 400."
    )


def test_a_repair_before_a_cut_holds_after_it(
    make_engine, label, log, run_folder, monkeypatch
):
    cut_after(3, label, make_engine, NVE, log, monkeypatch)
    path = run_folder / "segment-001" / "custodian.json"
    actions = [{"dict": "INCAR", "action": {"_set": {"ALGO": "Normal"}}}]
    entry = {"handler": "Mender", "errors": ["edddav"], "actions": actions}
    path.write_text(json.dumps([{"corrections": [entry]}]))
    trajectory = label(make_engine(keep=("INCAR",)), NVE)
    assert trajectory.completed, trajectory.reason
    assert {frame.corrections for frame in trajectory.frames} == {
        f"Mender on ['edddav']: {json.dumps(actions, sort_keys=True)}"
    }
    kept = run_folder.parents[1] / "kept" / "cfg-7"
    assert Incar.from_file(kept / "INCAR")["ALGO"] == "Normal"
    assert "ALGO" not in Incar.from_file(kept / "segment-001" / "INCAR")
