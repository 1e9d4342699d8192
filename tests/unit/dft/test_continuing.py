"""Calculations that are cut, by whatever, and go on."""

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from pymatgen.io.vasp.inputs import Incar

from confvib.errors import LabelError
from confvib.reference.engine import DynamicsTask, HeatingTask, RelaxationTask

NVE = DynamicsTask(300.0, 300.0, n_steps=14, timestep_fs=2.0, seed=4)
ANDERSEN = DynamicsTask(300.0, 300.0, 14, 2.0, 4, collision_probability=0.4)
HEATING = HeatingTask(start_K=10.0, end_K=800.0, n_steps=14, timestep_fs=2.0, seed=3)
RELAXATION = RelaxationTask(fmax_eV_per_A=0.05, max_steps=60)


def energies_eV(trajectory):
    return [frame.energy_eV for frame in trajectory.frames]


def temperatures_K(trajectory):
    return [frame.temperature_K for frame in trajectory.frames]


@pytest.mark.parametrize("task", [NVE, ANDERSEN, HEATING])
def test_dynamics_cut_twice_equal_the_undisturbed_run(
    cut_after, make_engine, label, run_folder, task
):
    whole = label(make_engine(), task, "whole")
    said = [cut_after(n, task) for n in (3, 4)]
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
    cut_after, make_engine, label, run_folder
):
    said = cut_after(4, HEATING)
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


def test_a_relaxation_goes_on_to_the_same_minimum(cut_after, make_engine, label):
    whole = label(make_engine(), RELAXATION, "whole")
    cut_after(3, RELAXATION)
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
    log.path.unlink()
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
    while not (log.path.is_file() and log.n_steps() >= 3):
        assert job.poll() is None
        time.sleep(0.02)
    job.send_signal(signal.SIGKILL)
    job.wait()
    vasp = int(log.path.read_text().split()[1])
    assert runs(vasp)
    monkeypatch.setenv("FAKE_VASP_STEP_S", "0")
    joined = label(make_engine(), NVE)
    assert not runs(vasp)
    assert joined.completed, joined.reason
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-6)
    assert log.n_steps() == 15


def test_another_calculation_under_the_name_is_discarded(
    cut_after, make_engine, label, run_folder, caplog
):
    cut_after(3, NVE)
    warmer = DynamicsTask(300.0, 600.0, n_steps=14, timestep_fs=2.0, seed=4)
    whole = label(make_engine(), warmer, "whole")
    other = label(make_engine(), warmer)
    assert f"{run_folder} is discarded: it holds another calculation" in caplog.text
    assert energies_eV(other) == energies_eV(whole)


def test_keys_of_the_minimiser_may_change_between_attempts(
    cut_after, make_engine, settings, label, log, caplog
):
    cut_after(3, NVE)
    n_written = log.n_steps()
    faster = dict(settings.incar) | {"ALGO": "Fast", "NCORE": 4}
    joined = label(make_engine(incar=faster), NVE)
    assert joined.completed, joined.reason
    assert "discarded" not in caplog.text
    assert log.n_steps() <= 15 + 1
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


def test_a_wave_function_waits_for_the_next_attempt(cut_after, run_folder):
    cut_after(3, NVE)
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
    cut_after, make_engine, label, run_folder, caplog
):
    whole = label(make_engine(), NVE, "whole")
    cut_after(3, NVE)
    printed = run_folder / "segment-001" / "vasp.out"
    printed.write_text(printed.read_text() + "BRMIX: very serious problems\n")
    joined = label(make_engine(), NVE)
    assert "VASP complained there of brmix" in caplog.text
    np.testing.assert_allclose(energies_eV(joined), energies_eV(whole), atol=1e-9)


def test_a_refused_repair_is_not_forgotten_over_a_cut(
    cut_after, make_engine, label, run_folder
):
    cut_after(3, NVE)
    path = run_folder / "segment-001" / "custodian.json"
    actions = [{"dict": "INCAR", "action": {"_set": {"ENCUT": 400}}}]
    entry = {"handler": "TooHasty", "errors": ["slow"], "actions": actions}
    path.write_text(json.dumps([{"corrections": [entry]}]))
    trajectory = label(make_engine(), NVE)
    assert trajectory.reason.startswith(
        "a repair left the level of theory or the task: "
        "TooHasty changed ENCUT from 500.0 to 400."
    )


def test_a_repair_before_a_cut_holds_after_it(cut_after, make_engine, label, run_folder):
    cut_after(3, NVE)
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
