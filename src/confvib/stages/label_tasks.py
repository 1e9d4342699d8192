"""What is done to one configuration for the sake of labels."""

from collections.abc import Callable, Mapping
from typing import Any

from ase import Atoms

from confvib.reference.engine import (
    DynamicsTask,
    HeatingTask,
    LabelEngine,
    RelaxationTask,
    Trajectory,
)
from confvib.reference.perturb import perturbed

Settings = Mapping[str, Any]
Once = Callable[[str, Callable[[str], Trajectory]], Trajectory]
"""Carries out a calculation of a name, unless an earlier attempt has finished it."""


def labelled(
    engine: LabelEngine,
    task: str,
    settings: Settings,
    atoms: Atoms,
    seed: int,
    once: Once,
) -> Trajectory:
    """Carry out a label task on one configuration.

    Args:
        engine: What computes energies and forces.
        task: ``relaxation``, ``heating``, ``nve`` or ``nvt``.
        settings: What ``confvib.campaign.names.label_task`` returned.
        atoms: The ions on their sites.
        seed: Seed of displacements or velocities.
        once: Keeps finished calculations.

    Returns:
        The frames.

    Source: paper, sections 3.2, 5.1 and 5.2.
    """
    if task == "relaxation":
        start = perturbed(atoms, settings["perturbation_A"], seed)
        relaxation = RelaxationTask(settings["fmax_eV_per_A"], settings["max_steps"])
        return once("", lambda run: engine.relaxation_frames(start, relaxation, run))
    if task == "heating":
        heating = HeatingTask(
            settings["start_K"],
            settings["end_K"],
            settings["n_steps"],
            settings["timestep_fs"],
            seed,
        )
        return once("", lambda run: engine.heating_frames(atoms, heating, run))
    if task == "nvt":
        bath = _dynamics(settings, seed, settings["temperature_K"])
        return once("", lambda run: engine.dynamics_frames(atoms, bath, run))
    return _from_the_minimum(engine, settings, atoms, seed, once)


def _from_the_minimum(
    engine: LabelEngine, settings: Settings, atoms: Atoms, seed: int, once: Once
) -> Trajectory:
    """Relax, then let it move at constant energy.

    The ions on their sites are far above their minimum: without the relaxation that
    energy becomes heat. The published protocol gives velocities of the temperature, half
    of which then turns into potential energy; the thermalised one gives twice as much.
    """
    relaxation = RelaxationTask(**settings["relaxation"])
    relaxed = once(
        "relaxed", lambda run: engine.relaxation_frames(atoms, relaxation, run)
    )
    if not relaxed.completed:
        reason = f"no minimum to start from: {relaxed.reason}"
        return Trajectory((), completed=False, reason=reason)
    minimum = atoms.copy()
    minimum.set_positions(relaxed.frames[-1].positions)
    factor = 1.0 if settings["protocol"] == "published_2025" else 2.0
    free = _dynamics(settings, seed, factor * settings["temperature_K"])
    return once("", lambda run: engine.dynamics_frames(minimum, free, run))


def _dynamics(settings: Settings, seed: int, start_K: float) -> DynamicsTask:
    return DynamicsTask(
        temperature_K=settings["temperature_K"],
        start_K=start_K,
        n_steps=settings["n_steps"],
        timestep_fs=settings["timestep_fs"],
        seed=seed,
        collision_probability=settings.get("collision_probability", 0.0),
    )
