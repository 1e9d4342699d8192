"""One training step of mlff on command, for benchmarks/training.py.

Runs in mlff's own environment and uses its loss, optimiser and jitted step as they are.
Reads the batch from a file, then takes one step for every line on standard input and
answers with the seconds of wall and processor time that it took.

    python training_step.py batch.npz
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from mlff.nn import So3krates, get_obs_and_force_fn
from mlff.properties import md17_property_keys as keys
from mlff.training import Optimizer, create_train_state, get_loss_fn
from mlff.training.run import train_step_fn

batch = np.load(sys.argv[1])
settings = {name: batch[f"network_{name}"].tolist() for name in ("F", "T", "h", "r_cut")}
degrees = batch["network_degrees"].tolist()
network = So3krates(
    prop_keys=keys,
    F=settings["F"],
    n_layer=settings["T"],
    geometry_embed_kwargs={"degrees": degrees, "mic": True, "r_cut": settings["r_cut"]},
    so3krates_layer_kwargs={"degrees": degrees, "n_heads": settings["h"]},
)
names = ("R", "z", "idx_i", "idx_j", "unit_cell", "cell_offset", "node_mask")
inputs = {name: jnp.asarray(batch[name]) for name in names}
targets = {name: jnp.asarray(batch[name]) for name in ("E", "F")}

variables = network.init(
    jax.random.PRNGKey(0), {name: value[0] for name, value in inputs.items()}
)
evaluate = jax.vmap(get_obs_and_force_fn(network), in_axes=(None, 0))
loss_fn = get_loss_fn(evaluate, {"energy": 0.01, "force": 0.99}, prop_keys=keys)
state, _ = create_train_state(
    network,
    variables,
    Optimizer(clip_by_global_norm=1.0).get(learning_rate=1e-3),
    scheduled_lr_decay={"exponential": {"transition_steps": 10_000, "decay_factor": 0.9}},
)


def step():
    new_state, metrics, _ = train_step_fn(state, (inputs, targets), loss_fn)
    return jax.block_until_ready((new_state.params, metrics["loss"]))[1]


print("loss", float(step()), flush=True)
for _ in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
