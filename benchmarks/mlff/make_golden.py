"""Golden numbers of mlff's So3krates for the tests of confvib.forcefield.

Runs where mlff is installed (see README.md beside this file), not in confvib's own
environment, and imports nothing of confvib. Writes, for every case below, the energy, the
forces and the strain derivative that mlff computes in float64, and one small checkpoint
directory written by mlff's own training loop.

usage: python make_golden.py LLZO_CIF OUTPUT_FOLDER
"""

import json
import sys
import tarfile
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms
from ase.io import read
from ase.neighborlist import neighbor_list
from flax.traverse_util import flatten_dict, unflatten_dict
from mlff.data import DataSet, DataTuple
from mlff.io import bundle_dicts, load_params_from_ckpt_dir, save_dict
from mlff.nn import (
    So3krates,
    get_energy_force_stress_fn,
    get_obs_and_force_fn,
)
from mlff.nn.observable import Energy
from mlff.nn.stacknet import init_stack_net
from mlff.properties import md17_property_keys
from mlff.training import Coach, Optimizer, create_train_state, get_loss_fn

CUTOFF_A = 5.0
SEED = 20240917
KEYS = dict(md17_property_keys)

# Standard values of the ZBL parameters, before mlff's inverse softplus.
ZBL = dict(
    zip(
        ("a1", "a2", "a3", "a4", "c1", "c2", "c3", "c4", "p", "d"),
        (3.2, 0.9423, 0.4028, 0.2016, 0.1818, 0.5099, 0.2802, 0.02817, 0.23, 2.134),
        strict=True,
    )
)


def uniform(generator, shape):
    """Uniform numbers of unit variance from the raw bits: the same for every NumPy."""
    raw = generator.random_raw(int(np.prod(shape))) >> np.uint64(11)
    return np.sqrt(3.0) * (2.0 * raw.astype(np.float64) / 2.0**53 - 1.0).reshape(shape)


def parameters_by_rule(shapes):
    """Draw all leaves in sorted order of their paths; the tests repeat this rule."""
    generator = np.random.Philox(SEED)
    leaves = {}
    for path in sorted(shapes):
        shape, name = shapes[path], path.rsplit("/", 1)[-1]
        u = uniform(generator, shape)
        if name == "kernel":
            value = 0.8 * u / np.sqrt(shape[-2])
        elif name == "bias":
            value = 0.2 * u
        elif name == "embedding":
            value = 0.7 * u
        elif name == "scale":  # of a layer normalisation
            value = 1.0 + 0.2 * u
        elif name == "centers":
            value = np.linspace(0.0, CUTOFF_A, shape[0]) + 0.05 * u
        elif name == "widths":
            value = CUTOFF_A / (shape[0] - 1) * (1.0 + 0.1 * u)
        else:
            value = np.log(np.expm1(ZBL[name])) + 0.1 * u
        leaves[path] = value.astype(np.float32)
    return leaves


def structures(llzo_cif):
    """Two triclinic cells thinner than the cutoff sphere, one with a close pair, LLZO."""
    generator = np.random.Philox(SEED + 1)
    cell = np.array([[5.9, 0.0, 0.0], [1.3, 6.2, 0.0], [-0.9, 1.1, 6.6]])
    grid = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(4)])
    scaled = (grid[:14] + 0.5) / [2, 2, 4]
    positions = scaled @ cell + 0.1 * uniform(generator, (14, 3))
    numbers = [3, 8, 57, 8, 3, 8, 40, 8, 3, 3, 8, 57, 8, 8]
    small = Atoms(numbers, positions, cell=cell, pbc=True)
    close = small.copy()
    bond = close.positions[1] - close.positions[0]
    close.positions[1] = close.positions[0] + 0.8 * bond / np.linalg.norm(bond)
    llzo = read(llzo_cif)
    llzo = Atoms(llzo.numbers, llzo.positions, cell=llzo.cell.array, pbc=True)
    llzo.positions += 0.05 * uniform(generator, (len(llzo), 3))
    return {"triclinic": small, "close": close, "llzo": llzo}


def network(degrees, layers, features=24, geometry=None, layer=None, energy=None):
    """Describe one network the way mlff stores it."""
    geometry = {"mic": True, "r_cut": CUTOFF_A, **(geometry or {})}
    return So3krates(
        prop_keys=KEYS,
        F=features,
        n_layer=layers,
        obs=[Energy(prop_keys=KEYS, **(energy or {}))],
        geometry_embed_kwargs={"degrees": list(degrees), **geometry},
        so3krates_layer_kwargs={"degrees": list(degrees), "n_heads": 4, **(layer or {})},
    )


def cases():
    """Yield name, structure and network: paper size, degree sets, every option once."""
    for layers in (2, 3):
        for structure in ("triclinic", "llzo"):
            yield f"paper_T{layers}", structure, network((1, 2, 3), layers, 132)
        for degrees in ((0,), (0, 1), (0, 1, 2), (0, 1, 2, 3), (1, 2, 3)):
            name = f"degrees_{''.join(map(str, degrees))}_T{layers}"
            for structure in ("triclinic", "llzo"):
                yield name, structure, network(degrees, layers)
    per_species = 1.0 + np.arange(100) / 64
    last = network((1, 2), 2, layer={"layer_normalization": True}).__dict_repr__()
    last["stack_net"]["layers"][-1]["so3krates_layer"]["final_layer"] = True
    norms = {"layer_normalization": True}
    options = {
        "residual_1": {"layer": {"residual_mlp_1": True}},
        "residual_2": {"layer": {"residual_mlp_2": True}},
        "residual_both": {"layer": {"residual_mlp_1": True, "residual_mlp_2": True}},
        "norm": {"layer": norms},
        "norm_every": {"layer": {**norms, "final_layer": True}},
        "chi_from_neighbors": {"geometry": {"sphc_normalization": 17.3}},
        "bernstein": {"geometry": {"radial_basis_function": "bernstein"}},
        "rbf": {"geometry": {"radial_basis_function": "rbf", "n_rbf": 20}},
        "bessel": {"geometry": {"radial_basis_function": "bessel", "n_rbf": 12}},
        "cutoff_phys": {"geometry": {"radial_cutoff_fn": "phys_cutoff_fn"}},
        "cutoff_exponential": {"geometry": {"radial_cutoff_fn": "exponential_cutoff_fn"}},
        "radial_filters": {"layer": {"fb_filter": "radial", "gb_filter": "radial"}},
        "radial_feature_filter": {"layer": {"fb_filter": "radial"}},
        "radial_geometric_filter": {"layer": {"gb_filter": "radial"}},
        "scale_and_shift": {
            "energy": {
                "per_atom_scale": per_species.tolist(),
                "per_atom_shift": (-per_species).tolist(),
            }
        },
        "all_at_once": {
            "layer": {
                **norms,
                "final_layer": True,
                "residual_mlp_1": True,
                "residual_mlp_2": True,
            },
            "geometry": {
                "radial_basis_function": "bernstein",
                "radial_cutoff_fn": "exponential_cutoff_fn",
                "sphc_normalization": 9.0,
            },
            "energy": {"zbl_repulsion": True},
        },
    }
    for name, changes in options.items():
        yield name, "triclinic", network((1, 2), 2, **changes)
    yield "norm_last", "triclinic", init_stack_net(last)
    zbl = {"zbl_repulsion": True}
    yield "zbl", "close", network((1, 2), 2, energy=zbl)
    yield (
        "zbl_bernstein_cutoff_phys",
        "close",
        network(
            (0, 1),
            2,
            energy=zbl,
            geometry={
                "radial_basis_function": "bernstein",
                "radial_cutoff_fn": "phys_cutoff_fn",
            },
        ),
    )


def inputs_of(atoms):
    """Arrays that mlff wants, with both directions of every edge."""
    i, j, offsets = neighbor_list("ijS", atoms, CUTOFF_A)
    return {
        "R": jnp.asarray(atoms.positions),
        "z": jnp.asarray(atoms.numbers),
        "idx_i": jnp.asarray(i),
        "idx_j": jnp.asarray(j),
        "unit_cell": jnp.asarray(atoms.cell.array),
        "cell_offset": jnp.asarray(offsets, jnp.float64),
    }


def without_keys(tree):
    """Leave out mlff's names of data columns, which every module repeats."""
    if isinstance(tree, dict):
        return {k: without_keys(v) for k, v in tree.items() if k != "prop_keys"}
    return [without_keys(v) for v in tree] if isinstance(tree, list) else tree


def evaluate(net, params, atoms):
    """Energy [eV], forces [eV/Å] and dE/dstrain [eV] in float64."""
    params = {"params": jax.tree_map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)}
    out = jax.jit(get_energy_force_stress_fn(net))(params, inputs_of(atoms))
    return (np.asarray(out[key]) for key in ("E", "F", "stress"))


def evaluate_cases(frames):
    """Evaluate all cases: records of them, and arrays by name."""
    arrays, records, networks = {}, [], {}
    for name, atoms in frames.items():
        arrays[f"{name}/numbers"] = atoms.numbers
        arrays[f"{name}/cell"] = atoms.cell.array
        arrays[f"{name}/positions"] = atoms.positions
    for name, structure, net in cases():
        atoms = frames[structure]
        shapes = jax.eval_shape(net.init, jax.random.PRNGKey(0), inputs_of(atoms))
        flat = flatten_dict(shapes["params"], sep="/")
        leaves = parameters_by_rule({path: leaf.shape for path, leaf in flat.items()})
        energy, forces, strain = evaluate(net, unflatten_dict(leaves, sep="/"), atoms)
        networks[name] = {
            "hyperparameters": without_keys(net.__dict_repr__()),
            "leaves": {path: list(leaf.shape) for path, leaf in sorted(flat.items())},
        }
        records.append(
            {"name": name, "structure": structure, "energy_eV": float(energy[0])}
        )
        arrays[f"{name}/{structure}/forces_eV_per_A"] = forces
        arrays[f"{name}/{structure}/strain_derivative_eV"] = strain
        largest = np.abs(forces).max()
        print(f"{name:26s} {structure:10s} E {energy[0]:14.6f} max|F| {largest:10.4f}")
    return {"seed": SEED, "cases": records, "networks": networks}, arrays


def train_checkpoint(frame, folder):
    """Let mlff's own loop train and store a tiny network; evaluate what it stored."""
    rng = np.random.default_rng(0)
    n_frames = 7
    moved = frame.positions + 0.05 * rng.normal(size=(n_frames, len(frame), 3))
    data = {
        "R": moved,
        "z": np.tile(frame.numbers, (n_frames, 1)),
        "E": rng.normal(loc=-70.0, size=(n_frames, 1)),
        "F": rng.normal(size=moved.shape),
        "unit_cell": np.tile(frame.cell.array, (n_frames, 1, 1)),
        "pbc": np.ones((n_frames, 3), bool),
    }
    data_set = DataSet(data=data, prop_keys=KEYS)
    data_set.random_split(
        n_train=4, n_valid=2, n_test=1, r_cut=CUTOFF_A, training=True, mic=True, seed=0
    )
    data_set.shift_x_by_mean_x(x="energy")
    split = data_set.get_data_split()
    net = network((1, 2), 2, 8, layer={"residual_mlp_2": True, "n_heads": 2})
    names = ["atomic_type", "atomic_position", "idx_i", "idx_j", "node_mask"]
    names += ["unit_cell", "cell_offset"]
    targets = ["energy", "force"]
    weights = {"energy": 0.01, "force": 0.99}
    loss_fn = get_loss_fn(
        obs_fn=jax.vmap(get_obs_and_force_fn(net), in_axes=(None, 0)),
        weights=weights,
        scales=None,
        prop_keys=KEYS,
    )
    data_tuple = DataTuple(inputs=names, targets=targets, prop_keys=KEYS)
    train, valid = data_tuple(split["train"]), data_tuple(split["valid"])
    first = jax.tree_map(lambda x: jnp.array(x[0, ...]), train[0])
    params = net.init(jax.random.PRNGKey(0), first)
    optimizer = Optimizer()
    state, h_state = create_train_state(
        net,
        params,
        optimizer.get(learning_rate=1e-3),
        polyak_step_size=None,
        plateau_lr_decay=None,
        scheduled_lr_decay=None,
        lr_warmup=None,
    )
    folder.mkdir(parents=True)
    coach = Coach(
        inputs=names,
        targets=targets,
        epochs=2,
        training_batch_size=2,
        validation_batch_size=2,
        loss_weights=weights,
        ckpt_dir=str(folder),
        data_path=None,
        train_data_path=None,
        valid_data_path=None,
        net_seed=0,
        training_seed=0,
        stop_lr_min=None,
    )
    parts = [net, optimizer, coach, data_set]
    described = bundle_dicts([*(part.__dict_repr__() for part in parts), h_state])
    described["coach"]["ckpt_dir"] = "ckpt"  # no paths of this machine
    save_dict(
        path=str(folder), filename="hyperparameters.json", data=described, exists_ok=True
    )
    data_set.save_scales(str(folder), "scales.json")
    coach.run(
        train_state=state,
        train_ds=train,
        valid_ds=valid,
        loss_fn=loss_fn,
        log_every_t=1,
        use_wandb=False,
    )
    restored = load_params_from_ckpt_dir(str(folder))
    energy, forces, _ = evaluate(net, restored["params"], frame)
    scales = json.loads((folder / "scales.json").read_text())
    shift = np.asarray(scales["energy"]["per_atom_shift"])[frame.numbers].sum()
    return {
        "energy_eV": float(energy[0]),
        "shift_eV": float(shift),
        "forces_eV_per_A": forces.tolist(),
    }


def anonymous(member):
    """Same archive for every user and at every time."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    jax.config.update("jax_enable_x64", True)
    target = Path(sys.argv[2]).resolve()
    frames = structures(sys.argv[1])
    golden, arrays = evaluate_cases(frames)
    with tempfile.TemporaryDirectory() as temporary:
        checkpoint = Path(temporary) / "mlff_checkpoint"
        golden["checkpoint"] = train_checkpoint(frames["triclinic"], checkpoint)
        with tarfile.open(target / "mlff_checkpoint.tar.xz", "w:xz") as archive:
            archive.add(checkpoint, checkpoint.name, filter=anonymous)
    (target / "so3krates_mlff.json").write_text(json.dumps(golden, separators=(",", ":")))
    np.savez_compressed(target / "so3krates_mlff.npz", **arrays)
