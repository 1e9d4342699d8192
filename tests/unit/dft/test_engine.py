import math
import os

import numpy as np
import pytest
from custodian.custodian import ErrorHandler
from custodian.vasp.interpreter import VaspModder

from confvib.dft import handlers, overseer
from confvib.dft.engine import VaspEngine
from confvib.dft.settings import VaspSettings
from confvib.reference.engine import HeatingTask, RelaxationTask

RELAXATION = RelaxationTask(fmax_eV_per_A=0.05, max_steps=60)
HEATING = HeatingTask(start_K=10.0, end_K=250.0, n_steps=5, timestep_fs=1.0, seed=3)


class LowerCutoff(ErrorHandler):
    """Do what an over-eager handler would: make the run pass by changing its physics."""

    def __init__(self):
        self.done = False

    def check(self, directory="./"):
        return not self.done

    def correct(self, directory="./"):
        self.done = True
        actions = [{"dict": "INCAR", "action": {"_set": {"ENCUT": 400}}}]
        VaspModder(directory=directory).apply_actions(actions)
        return {"errors": ["too slow"], "actions": actions}


class Clumsy(ErrorHandler):
    """Fail itself, as handlers do on files they did not expect."""

    is_monitor = True

    def __init__(self, pid_file):
        self.pid_file = pid_file

    def check(self, directory="./"):
        if self.pid_file.exists():
            raise RuntimeError("handler met a file it cannot read")
        return False


def kept_folder(tmp_path, trajectory):
    (folder,) = (tmp_path / "kept").iterdir()
    assert trajectory.reason.endswith(f"Folder kept: {folder}")
    assert not any((tmp_path / "scratch").iterdir())
    return folder


def test_relaxation_frames_are_what_vasp_computed(engine, cell, truth, tmp_path):
    trajectory = engine.relaxation_frames(cell, RELAXATION)
    assert trajectory.completed, trajectory.reason
    assert trajectory.reason == ""
    frames = trajectory.frames
    np.testing.assert_allclose(frames[0].positions, cell.positions, atol=1e-6)
    for frame in frames:
        energy, forces = truth(frame)
        assert frame.energy_eV == pytest.approx(energy, abs=1e-6)
        np.testing.assert_allclose(frame.forces_eV_per_A, forces, atol=1e-5)
        np.testing.assert_array_equal(frame.numbers, cell.numbers)
        np.testing.assert_array_equal(frame.cell, cell.cell.array)
        assert math.isnan(frame.temperature_K)
        assert frame.converged
        assert frame.corrections == ""
    gains = -np.diff([frame.energy_eV for frame in frames])
    assert (gains[:-1] >= 1e-4).all()
    assert 0 <= gains[-1] < 1e-4
    assert not any((tmp_path / "scratch").iterdir())
    assert not (tmp_path / "kept").exists()


def test_relaxation_that_runs_out_of_steps_is_not_completed(engine, cell, tmp_path):
    trajectory = engine.relaxation_frames(cell, RelaxationTask(0.05, max_steps=2))
    assert not trajectory.completed
    assert len(trajectory.frames) == 2
    assert trajectory.reason.startswith("not relaxed to EDIFFG = 0.0001 in 2 of 2 steps.")
    left = {path.name for path in kept_folder(tmp_path, trajectory).iterdir()}
    assert {"INCAR", "POSCAR", "OUTCAR", "vasprun.xml", "custodian.json"} <= left
    assert not left & {"WAVECAR", "CHGCAR"}


def test_heating_frames_follow_the_ramp(engine, cell, truth):
    trajectory = engine.heating_frames(cell, HEATING)
    assert trajectory.completed, trajectory.reason
    temperatures = [frame.temperature_K for frame in trajectory.frames]
    np.testing.assert_allclose(temperatures, [50, 90, 130, 170, 210, 250], rtol=1e-5)
    np.testing.assert_allclose(trajectory.frames[0].positions, cell.positions, atol=1e-6)
    energy, forces = truth(trajectory.frames[-1])
    assert trajectory.frames[-1].energy_eV == pytest.approx(energy, abs=1e-6)
    np.testing.assert_allclose(trajectory.frames[-1].forces_eV_per_A, forces, atol=1e-5)


def test_the_seed_decides_the_initial_velocities(engine, cell):
    same = [engine.heating_frames(cell, HEATING).frames[-1] for _ in range(2)]
    other_task = HeatingTask(10.0, 250.0, n_steps=5, timestep_fs=1.0, seed=4)
    other = engine.heating_frames(cell, other_task).frames[-1]
    np.testing.assert_array_equal(same[0].positions, same[1].positions)
    moved = other.positions - same[0].positions
    assert np.abs(moved).max() > 1e-3


def test_unconverged_electrons_mark_their_frame_only(engine, cell, monkeypatch):
    monkeypatch.setenv("FAKE_VASP", "unconverged:3")
    trajectory = engine.heating_frames(cell, HEATING)
    flags = [frame.converged for frame in trajectory.frames]
    assert flags == [True, True, False, True, True, True]


def test_crash_keeps_folder_and_the_frames_before_it(
    engine, cell, truth, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_VASP", "crash:3")
    trajectory = engine.heating_frames(cell, HEATING)
    assert not trajectory.completed
    assert "Job return code is 1." in trajectory.reason
    assert "'forrtl: severe (174): SIGSEGV" in trajectory.reason
    assert len(trajectory.frames) == 2
    assert trajectory.frames[1].energy_eV == pytest.approx(truth(trajectory.frames[1])[0])
    left = {path.name for path in kept_folder(tmp_path, trajectory).iterdir()}
    assert "vasprun.xml" in left
    assert not left & {"WAVECAR", "CHGCAR"}


def test_crash_before_the_first_frame(engine, cell, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VASP", "crash:1")
    trajectory = engine.relaxation_frames(cell, RELAXATION)
    assert trajectory.frames == ()
    assert "Job return code is 1." in trajectory.reason
    assert "holds no complete ionic step" in trajectory.reason
    kept_folder(tmp_path, trajectory)


def test_numbers_that_overflow_are_refused(engine, cell, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VASP", "overflow:2")
    trajectory = engine.heating_frames(cell, HEATING)
    assert trajectory.frames == ()
    assert "ionic step 2 are not finite" in trajectory.reason
    kept_folder(tmp_path, trajectory)


def test_repair_of_the_minimiser_is_recorded_in_every_frame(engine, cell, monkeypatch):
    monkeypatch.setenv("FAKE_VASP", "say:ERROR in subspace rotation PSSYEVX")
    fast = VaspSettings.from_mapping(
        vars(engine._settings) | {"incar": {"ENCUT": 500, "ALGO": "Fast"}}
    )
    engine = VaspEngine(fast, engine._scratch_dir, engine._kept_dir)
    trajectory = engine.heating_frames(cell, HEATING)
    assert trajectory.completed, trajectory.reason
    for frame in trajectory.frames:
        assert frame.corrections == (
            "VaspErrorHandler on ['pssyevx']: "
            '[{"action": {"_set": {"ALGO": "Normal"}}, "dict": "INCAR"}]'
        )


def test_repair_that_lowers_the_cutoff_is_refused(engine, cell, tmp_path, monkeypatch):
    allowed = handlers.allowed_handlers
    monkeypatch.setattr(
        handlers,
        "allowed_handlers",
        lambda **options: [*allowed(**options), LowerCutoff()],
    )
    trajectory = engine.relaxation_frames(cell, RELAXATION)
    assert not trajectory.completed
    assert trajectory.frames == ()
    assert trajectory.reason.startswith(
        "a repair left the level of theory or the task: "
        "LowerCutoff changed ENCUT from 500.0 to 400."
    )
    folder = kept_folder(tmp_path, trajectory)
    assert "ENCUT = 400" in (folder / "INCAR").read_text()


@pytest.mark.parametrize(
    "complaint",
    [
        "WARNING: Sub-Space-Matrix is not hermitian in DAV",
        "REAL_OPTLAY: internal error",
        "BRMIX: very serious problems",
    ],
)
def test_errors_without_a_neutral_repair_end_the_run(
    engine, cell, tmp_path, monkeypatch, complaint
):
    monkeypatch.setenv("FAKE_VASP", f"say:{complaint}")
    trajectory = engine.relaxation_frames(cell, RELAXATION)
    assert trajectory.frames == ()
    assert trajectory.reason.startswith("NonRecoverableError: ")
    assert complaint in trajectory.reason
    folder = kept_folder(tmp_path, trajectory)
    assert "ENCUT = 500" in (folder / "INCAR").read_text()


def test_a_ramp_is_not_restarted_from_contcar(engine, cell, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VASP", "say:Error EDDDAV: Call to ZHEGV failed")
    heated = engine.heating_frames(cell, HEATING)
    assert heated.reason.startswith("NonRecoverableError: ")
    kept_folder(tmp_path, heated)
    relaxed = engine.relaxation_frames(cell, RELAXATION)
    assert relaxed.completed, relaxed.reason
    assert "edddav" in relaxed.frames[0].corrections


def test_vasp_does_not_outlive_a_handler_that_fails(engine, cell, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VASP", "hang:2")
    monkeypatch.setattr(overseer, "MONITOR_EVERY_S", 0.05)
    pid_file = tmp_path / "pid"
    monkeypatch.setattr(handlers, "allowed_handlers", lambda **_: [Clumsy(pid_file)])
    trajectory = engine.relaxation_frames(cell, RELAXATION)
    assert trajectory.frames == ()
    assert trajectory.reason.startswith("RuntimeError: handler met a file it cannot read")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_another_version_of_vasp_is_refused(engine, cell):
    strict = VaspSettings.from_mapping(vars(engine._settings) | {"version": "6.3.0"})
    engine = VaspEngine(strict, engine._scratch_dir, engine._kept_dir)
    trajectory = engine.relaxation_frames(cell, RELAXATION)
    assert trajectory.frames == ()
    assert trajectory.reason.startswith("VASP 6.4.2 ran, expected version 6.3.0")


def test_a_cell_vasp_cannot_take_is_an_answer_not_an_exception(engine, cell):
    cell.set_cell(cell.cell.array[[1, 0, 2]])
    trajectory = engine.relaxation_frames(cell, RELAXATION)
    assert not trajectory.completed
    assert "right-handed lattice vectors" in trajectory.reason


def test_a_single_point_is_one_frame(engine, cell, truth, tmp_path):
    trajectory = engine.single_point(cell, "point")
    assert trajectory.completed, trajectory.reason
    (frame,) = trajectory.frames
    energy_eV, forces = truth(frame)
    assert frame.energy_eV == pytest.approx(energy_eV, abs=1e-6)
    np.testing.assert_allclose(frame.forces_eV_per_A, forces, atol=1e-6)
    np.testing.assert_allclose(frame.positions, cell.positions, atol=1e-8)
    assert not list((tmp_path / "scratch").iterdir())
