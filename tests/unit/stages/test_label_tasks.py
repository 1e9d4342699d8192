"""What each task does to a configuration, and what a second attempt does again."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from confvib.reference.ase_engine import AseEngine
from confvib.reference.engine import Trajectory
from confvib.stages.finished_trajectories import FinishedTrajectories
from confvib.stages.label_rows import label_rows, trajectory_of
from confvib.stages.label_tasks import labelled

SHARED = {
    "config_id": "x-0",
    "task": "nve",
    "copy": 0,
    "target_temperature_K": 300.0,
    "level_of_theory": "emt",
}
NVE = {
    "relaxation": {"fmax_eV_per_A": 1e-3, "max_steps": 100},
    "temperature_K": 300.0,
    "n_steps": 300,
    "timestep_fs": 2.0,
}


@pytest.fixture
def displaced():
    """Copper far above its minimum: 0.03 eV per atom, heat for 200 K."""
    atoms = bulk("Cu", cubic=True).repeat((3, 3, 3))
    atoms.rattle(0.1, seed=0)
    return atoms


@pytest.fixture
def engine():
    return AseEngine(EMT, "emt")


def at_once(name, run):
    return run(name)


@pytest.mark.parametrize(
    ("protocol", "reached_K"), [("thermalised", 300.0), ("published_2025", 150.0)]
)
def test_nve_runs_start_at_the_minimum(displaced, engine, protocol, reached_K):
    """The published protocol ends at half its temperature, the other one at it."""
    settings = NVE | {"protocol": protocol}
    trajectory = labelled(engine, "nve", settings, displaced, 5, at_once)
    assert trajectory.completed
    first, *frames = trajectory.frames
    assert np.linalg.norm(first.forces_eV_per_A, axis=1).max() <= 1e-3
    mean_K = np.mean([frame.temperature_K for frame in frames[100:]])
    assert mean_K == pytest.approx(reached_K, rel=0.06)


def test_without_a_minimum_there_is_no_nve_run(displaced, engine):
    settings = NVE | {
        "protocol": "thermalised",
        "relaxation": {"fmax_eV_per_A": 1e-3, "max_steps": 1},
    }
    trajectory = labelled(engine, "nve", settings, displaced, 5, at_once)
    assert not trajectory.completed
    assert trajectory.reason.startswith("no minimum to start from: not relaxed: largest")


def test_a_second_attempt_repeats_nothing(displaced, engine, tmp_path):
    settings = NVE | {"protocol": "thermalised", "n_steps": 20}
    ran = []

    def attempt():
        finished = FinishedTrajectories(tmp_path / "restart", "key")

        def once(part, run):
            def noted(name):
                ran.append(name)
                return run(name)

            return finished.once("x-0", SHARED, part, noted)

        trajectory = labelled(engine, "nve", settings, displaced, 5, once)
        return list(label_rows(trajectory, SHARED)), finished

    first, _ = attempt()
    second, finished = attempt()
    assert ran == ["x-0-relaxed", "x-0"]
    assert second == first
    finished.remove()
    assert finished.count() == 0


def test_what_failed_or_belongs_to_another_key_is_run_again(tmp_path):
    failed = Trajectory((), completed=False, reason="the node was lost")
    finished = FinishedTrajectories(tmp_path, "key")
    for _ in range(2):
        assert finished.once("x", SHARED, "", lambda _: failed) is failed
    assert finished.count() == 0
    finished.once("x", SHARED, "", lambda _: Trajectory((), completed=True))
    other = FinishedTrajectories(tmp_path, "another key")
    assert other.once("x", SHARED, "", lambda _: failed) is failed


def test_rows_give_the_trajectory_back(displaced, engine):
    settings = {"perturbation_A": 0.1, "fmax_eV_per_A": 0.05, "max_steps": 40}
    trajectory = labelled(engine, "relaxation", settings, displaced, 5, at_once)
    again = trajectory_of(list(label_rows(trajectory, SHARED)))
    for frame, other in zip(trajectory.frames, again.frames, strict=True):
        np.testing.assert_array_equal(frame.positions, other.positions)
        np.testing.assert_array_equal(frame.forces_eV_per_A, other.forces_eV_per_A)
        assert frame.energy_eV == other.energy_eV
        assert np.isnan(other.temperature_K)
