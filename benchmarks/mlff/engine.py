"""Steps of mlff's calculator in ASE on command, for benchmarks/engine.py.

Runs in mlff's own environment, with glp. Reads parameters and atoms from a file, lets
mlff load the parameters as a checkpoint, and writes its forces and where a short run of
dynamics ends. For every line on standard input, a task and two numbers of steps, it takes
the steps and answers with wall time [s], processor time [s] and page faults of one of the
last ones, and the wall time [s] of neighbour list and of force field alone. Tasks are
dynamics and relaxation in ASE, and compiled: mlff's own dynamics in one program, where
all steps count.

    python engine.py system.npz found.npz CHECK_STEPS float32|float64
"""

import sys
import tempfile
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from ase import units
from ase_steps import AseSteps, used
from glp import System
from mlff.io import save_dict
from mlff.md.calculator import mlffCalculator
from mlff.mdx import AtomsX, CalculatorX, MLFFPotential, SimulatorX, VelocityVerletX
from mlff.nn import So3krates
from mlff.nn.observable import Energy
from mlff.properties import md17_property_keys
from orbax.checkpoint import (
    AsyncCheckpointer,
    CheckpointManager,
    CheckpointManagerOptions,
    PyTreeCheckpointHandler,
)

EVALUATIONS = 3


def network_of(stored):
    """Return the network, described the way a training of mlff does."""
    keys = dict(md17_property_keys)
    degrees = stored["network_degrees"].tolist()
    return So3krates(
        prop_keys=keys,
        F=int(stored["network_F"]),
        n_layer=int(stored["network_T"]),
        obs=[Energy(prop_keys=keys)],
        geometry_embed_kwargs={
            "degrees": degrees,
            "mic": True,
            "r_cut": float(stored["network_r_cut"]),
        },
        so3krates_layer_kwargs={"degrees": degrees, "n_heads": int(stored["network_h"])},
    )


def parameters_of(network, stored):
    """Return the parameters the way mlff nests and shapes them."""
    pair = {
        "R": jnp.eye(2, 3),
        "z": jnp.array([3, 8]),
        "idx_i": jnp.array([0, 1]),
        "idx_j": jnp.array([1, 0]),
        "unit_cell": 20 * jnp.eye(3),
        "cell_offset": jnp.zeros((2, 3)),
    }

    def placed(path, leaf):
        name = "/".join(str(key.key) for key in path)
        return stored[f"leaf/{name}"].reshape(leaf.shape)

    shapes = jax.eval_shape(network.init, jax.random.PRNGKey(0), pair)["params"]
    return {"params": jax.tree_util.tree_map_with_path(placed, shapes)}


def write_checkpoint(stored, folder):
    """Write what mlff's training loop leaves: settings, scales and parameters."""
    network = network_of(stored)
    parameters = parameters_of(network, stored)
    settings = network.__dict_repr__()
    save_dict(folder, "hyperparameters.json", settings, exists_ok=True)
    shift = {"scale": 1.0, "per_atom_shift": [0.0] * 100}
    save_dict(folder, "scales.json", {"energy": shift}, exists_ok=True)
    manager = CheckpointManager(
        folder,
        {"state": AsyncCheckpointer(PyTreeCheckpointHandler())},
        options=CheckpointManagerOptions(step_prefix="ckpt"),
    )
    manager.save(1, {"state": {"valid_params": parameters}})
    manager.wait_until_finished()


def evaluation_s(steps, dtype):
    """Return the wall time of neighbour list and of energy and forces alone [s]."""
    calculator = steps.atoms.calc
    positions = jnp.asarray(steps.system["positions"], dtype)
    numbers = jnp.asarray(steps.system["numbers"], jnp.int16)
    cell = jnp.asarray(steps.system["cell"].T, dtype)
    system = System(R=positions, Z=numbers, cell=cell)
    neighbors = calculator.neighbors
    parts = (
        lambda: calculator.spatial_partitioning.update_fn(positions, neighbors),
        lambda: calculator.calculate_fn(system, neighbors=neighbors),
    )
    seconds = []
    for part in parts:
        jax.block_until_ready(part())
        before = used()
        for _ in range(EVALUATIONS):
            jax.block_until_ready(part())
        seconds.append(((used() - before) / EVALUATIONS)[0])
    return seconds


def compiled_dynamics(steps, dtype, n_steps, folder):
    """Return a function that takes so many steps with mlff's compiled dynamics."""
    steps.started("dynamics")
    potential = MLFFPotential.create_from_ckpt_dir(folder, dtype=dtype)
    atoms = AtomsX.create(steps.atoms, dtype=dtype)
    atoms = atoms.init_spatial_partitioning(potential.cutoff, 0.0)
    simulator = SimulatorX(len(steps.atoms), folder, run_interval=n_steps)
    integrator = VelocityVerletX.create(units.fs, CalculatorX.create(potential))

    def take():
        return jax.block_until_ready(simulator.step((integrator, atoms)))[0][1]

    take()
    return take


def main():
    """Prepare, say so, and answer."""
    file, found, check_steps, dtype = sys.argv[1:]
    jax.config.update("jax_enable_x64", dtype == "float64")
    stored = np.load(file)
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(stored, folder)
        calculator = mlffCalculator.create_from_ckpt_dir(folder, dtype=np.dtype(dtype))
        steps = AseSteps(calculator, stored)
        forces, end = steps.forces(), steps.end(int(check_steps))
        np.savez(found, forces=forces, end=end)
        print("ready", flush=True)
        compiled = cache(partial(compiled_dynamics, steps, dtype, folder=folder))
        for line in sys.stdin:
            task, untimed, n_steps = line.split()
            if task == "compiled":
                take = compiled(n_steps=int(n_steps))
                before = used()
                take()
                answer = (used() - before) / int(n_steps)
            else:
                answer = steps.time(task, int(untimed), int(n_steps))
            print(*answer, *evaluation_s(steps, dtype), flush=True)


if __name__ == "__main__":
    main()
