"""Relaxation and heating through any calculator, and what a failure leaves behind."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from confvib.errors import LabelError
from confvib.reference.ase_engine import AseEngine
from confvib.reference.engine import DynamicsTask, HeatingTask, RelaxationTask
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV


class Failing(Calculator):
    """Harmonic wells that raise, or return nan, at a given call."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - ASE's form

    def __init__(self, fail_at, how):
        super().__init__()
        self.fail_at, self.how, self.calls = fail_at, how, 0

    def calculate(self, atoms, properties, system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        energy = 0.5 * float((atoms.positions**2).sum())
        if self.calls == self.fail_at and self.how == "raise":
            raise RuntimeError("electrons ran away")
        if self.calls == self.fail_at:
            energy = np.nan
        self.results = {"energy": energy, "forces": -atoms.positions}


class Smeared(Calculator):
    """Wells whose energy, unlike the free energy, is no potential of the forces."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012

    def calculate(self, atoms, properties, system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        free = 0.5 * float((atoms.positions**2).sum())
        forces = -atoms.positions
        self.results = {"energy": 1.1 * free, "free_energy": free, "forces": forces}


@pytest.fixture
def copper():
    atoms = bulk("Cu", cubic=True).repeat((2, 1, 1))
    atoms.rattle(0.1, seed=0)
    return atoms


@pytest.fixture
def engine():
    return AseEngine(EMT, "emt")


def test_relaxation_ends_in_the_minimum(copper, engine):
    before = copper.positions.copy()
    trajectory = engine.relaxation_frames(copper, RelaxationTask(1e-3, 100))
    assert trajectory.completed
    assert trajectory.reason == ""
    last = trajectory.frames[-1]
    assert np.linalg.norm(last.forces_eV_per_A, axis=1).max() <= 1e-3
    assert last.energy_eV == min(frame.energy_eV for frame in trajectory.frames)
    first = trajectory.frames[0]
    np.testing.assert_array_equal(first.positions, before)
    np.testing.assert_array_equal(copper.positions, before)
    assert np.isnan(first.temperature_K)
    assert first.converged
    reference = copper.copy()
    reference.calc = EMT()
    assert first.energy_eV == reference.get_potential_energy()
    np.testing.assert_array_equal(first.forces_eV_per_A, reference.get_forces())
    # Each frame is a geometry of its own and not a view of the moving atoms.
    assert len({frame.energy_eV for frame in trajectory.frames}) == len(trajectory.frames)


def test_relaxation_out_of_steps_says_so(copper, engine):
    trajectory = engine.relaxation_frames(copper, RelaxationTask(1e-6, 2))
    assert not trajectory.completed
    assert len(trajectory.frames) == 3
    fmax = np.linalg.norm(trajectory.frames[-1].forces_eV_per_A, axis=1).max()
    assert trajectory.reason == (
        f"not relaxed: largest force {fmax:.4g} eV/Å after 2 steps, "
        "expected <= 1e-06 eV/Å"
    )


def test_heating_follows_the_ramp_exactly(copper, engine):
    trajectory = engine.heating_frames(copper, HeatingTask(10.0, 500.0, 49, 2.0, 7))
    assert trajectory.completed
    temperatures = [frame.temperature_K for frame in trajectory.frames]
    np.testing.assert_allclose(temperatures, np.arange(10.0, 501.0, 10.0), rtol=1e-10)
    np.testing.assert_array_equal(trajectory.frames[0].positions, copper.positions)
    # Mean velocities between frames carry the kinetic energy of the ramp, no momentum.
    path = np.array([frame.positions for frame in trajectory.frames])
    velocity = np.diff(path, axis=0) / 2.0
    np.testing.assert_allclose(velocity.sum(axis=1), 0.0, atol=1e-12)
    kinetic = 0.5 * KINETIC_EV * 63.546 * (velocity**2).sum(axis=(1, 2))
    measured_K = 2 * kinetic / ((3 * len(copper) - 3) * BOLTZMANN_EV_PER_K)
    middle_K = (np.array(temperatures[1:]) + temperatures[:-1]) / 2
    assert measured_K.mean() == pytest.approx(middle_K.mean(), rel=0.1)


def test_heating_is_a_function_of_the_seed(copper, engine):
    def last(seed):
        task = HeatingTask(300.0, 300.0, 3, 1.0, seed)
        return engine.heating_frames(copper, task).frames[-1].positions

    np.testing.assert_array_equal(last(1), last(1))
    assert np.abs(last(1) - last(2)).max() > 1e-3


def test_a_raising_calculator_ends_the_trajectory_and_is_replaced(copper):
    made = []

    def factory():
        made.append(Failing(fail_at=3, how="raise") if not made else EMT())
        return made[-1]

    engine = AseEngine(factory, "failing")
    trajectory = engine.heating_frames(copper, HeatingTask(300.0, 300.0, 9, 1.0, 0))
    assert not trajectory.completed
    assert trajectory.reason == "RuntimeError after 2 frames: electrons ran away"
    assert len(trajectory.frames) == 2
    assert engine.relaxation_frames(copper, RelaxationTask(1e-2, 100)).completed
    assert len(made) == 2


def test_an_energy_that_is_not_finite_ends_the_trajectory(copper):
    engine = AseEngine(lambda: Failing(fail_at=2, how="nan"), "failing")
    trajectory = engine.relaxation_frames(copper, RelaxationTask(1e-3, 9))
    assert not trajectory.completed
    assert trajectory.reason == (
        "LabelError after 1 frames: energy nan eV with 0 non-finite force components, "
        "expected finite numbers"
    )
    assert len(trajectory.frames) == 1


def test_one_atom_has_no_temperature(engine):
    trajectory = engine.heating_frames(bulk("Cu"), HeatingTask(10.0, 20.0, 5, 1.0, 0))
    assert trajectory.frames == ()
    assert trajectory.reason == (
        "LabelError after 0 frames: 1 atom has no temperature, expected at least 2"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: RelaxationTask(0.0, 5),
            "fmax_eV_per_A is 0.0, expected a finite number > 0",
        ),
        (lambda: RelaxationTask(0.1, 0), "max_steps is 0, expected a finite number > 0"),
        (
            lambda: HeatingTask(0.0, 9.0, 5, 1.0, 0),
            "start_K is 0.0, expected a finite number > 0",
        ),
        (
            lambda: HeatingTask(1.0, np.inf, 5, 1.0, 0),
            "end_K is inf, expected a finite number > 0",
        ),
        (
            lambda: HeatingTask(1.0, 9.0, 5, 1.0, -1),
            "seed is -1, expected an integer >= 0",
        ),
    ],
)
def test_wrong_tasks_are_refused(make, message):
    with pytest.raises(LabelError) as error:
        make()
    assert str(error.value) == message


def test_dynamics_conserve_the_energy_and_share_the_heat_of_a_relaxed_cell(engine):
    """NVE from a minimum at 2T ends near T: half becomes potential energy."""
    relaxed = bulk("Cu", cubic=True).repeat((3, 3, 3))
    task = DynamicsTask(300.0, 600.0, n_steps=300, timestep_fs=1.0, seed=3)
    trajectory = engine.dynamics_frames(relaxed, task)
    assert trajectory.completed
    assert len(trajectory.frames) == 301
    freedom = 3 * len(relaxed) - 3
    temperatures_K = np.array([frame.temperature_K for frame in trajectory.frames])
    assert temperatures_K[0] == pytest.approx(600.0)
    assert temperatures_K[100:].mean() == pytest.approx(300.0, rel=0.05)
    total_eV = 0.5 * freedom * BOLTZMANN_EV_PER_K * temperatures_K + [
        frame.energy_eV for frame in trajectory.frames
    ]
    assert np.ptp(total_eV) < 1e-3 * freedom * BOLTZMANN_EV_PER_K * 300


def test_collisions_bring_a_cell_to_the_temperature_of_the_bath(engine):
    relaxed = bulk("Cu", cubic=True).repeat((3, 3, 3))
    task = DynamicsTask(
        320.0, 10.0, n_steps=300, timestep_fs=2.0, seed=3, collision_probability=0.5
    )
    frames = engine.dynamics_frames(relaxed, task).frames
    assert frames[0].temperature_K == pytest.approx(10.0)
    reached_K = np.mean([frame.temperature_K for frame in frames[100:]])
    assert reached_K == pytest.approx(320.0, rel=0.03)
    again = engine.dynamics_frames(relaxed, task).frames
    np.testing.assert_array_equal(frames[-1].positions, again[-1].positions)


def test_dynamics_refuse_what_is_no_probability():
    with pytest.raises(LabelError, match=r"collision_probability is 1.5, expected"):
        DynamicsTask(300.0, 300.0, 10, 1.0, 0, collision_probability=1.5)


def test_the_energy_is_that_which_the_forces_are_the_derivative_of(copper):
    engine, step_A, energies_eV = AseEngine(Smeared, "smeared"), 1e-4, []
    for sign in (1, -1):
        moved = copper.copy()
        moved.positions[3, 1] += sign * step_A
        frames = engine.relaxation_frames(moved, RelaxationTask(1e3, 1)).frames
        energies_eV.append(frames[0].energy_eV)
    slope = (energies_eV[0] - energies_eV[1]) / (2 * step_A)
    (frame,) = engine.relaxation_frames(copper, RelaxationTask(1e3, 1)).frames
    assert frame.forces_eV_per_A[3, 1] == pytest.approx(-slope, rel=1e-6)


def test_a_single_point_moves_nothing(copper, engine):
    trajectory = engine.single_point(copper)
    (frame,) = trajectory.frames
    assert trajectory.completed
    np.testing.assert_array_equal(frame.positions, copper.positions)
    copper.calc = EMT()
    assert frame.energy_eV == copper.get_potential_energy()
    failed = AseEngine(lambda: Failing(1, "raise"), "x").single_point(copper)
    assert not failed.completed
    assert failed.reason == "RuntimeError after 0 frames: electrons ran away"
