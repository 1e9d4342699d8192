"""Energy and forces of mlff on command, for benchmarks/inference.py.

Runs in mlff's own environment. Reads parameters, atoms and edges from a file, writes the
forces of all systems to another. For every pair of numbers on standard input, systems and
calls, it evaluates the first systems once and then as often as asked, and answers with
the mean wall and processor time of these calls in seconds.

    python inference.py systems.npz forces.npy
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from mlff.nn import So3krates, get_obs_and_force_fn
from mlff.properties import md17_property_keys as keys

stored = np.load(sys.argv[1])
degrees = stored["network_degrees"].tolist()
network = So3krates(
    prop_keys=keys,
    F=int(stored["network_F"]),
    n_layer=int(stored["network_T"]),
    geometry_embed_kwargs={
        "degrees": degrees,
        "mic": True,
        "r_cut": float(stored["network_r_cut"]),
    },
    so3krates_layer_kwargs={"degrees": degrees, "n_heads": int(stored["network_h"])},
)
names = ("R", "z", "idx_i", "idx_j", "unit_cell", "cell_offset", "node_mask")
systems = {name: jnp.asarray(stored[name]) for name in names}
first = {name: value[0] for name, value in systems.items()}


def placed(path, leaf):
    """Take a leaf of the network from the file."""
    name = "/".join(str(key.key) for key in path)
    return jnp.asarray(stored[f"leaf/{name}"].reshape(leaf.shape))


variables = network.init(jax.random.PRNGKey(0), first)
parameters = jax.tree_util.tree_map_with_path(placed, variables["params"])
evaluate = get_obs_and_force_fn(network)
single = jax.jit(lambda system: evaluate({"params": parameters}, system))
batched = jax.jit(jax.vmap(lambda system: evaluate({"params": parameters}, system)))


def run(size):
    """Evaluate the first systems, a single one without a batch axis."""
    if size == 1:
        return jax.block_until_ready(single(first))
    part = {name: value[:size] for name, value in systems.items()}
    return jax.block_until_ready(batched(part))


np.save(sys.argv[2], np.asarray(run(len(systems["z"]))["F"]))
print("ready", flush=True)
for line in sys.stdin:
    size, calls = map(int, line.split())
    run(size)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        run(size)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(wall / calls, cpu / calls, flush=True)
