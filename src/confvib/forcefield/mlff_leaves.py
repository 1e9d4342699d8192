"""Where mlff keeps each parameter of So3krates, and parameters from its leaves."""

from collections.abc import Iterator, Mapping
from typing import Any

import flax.traverse_util
import jax
import numpy as np
from numpy.typing import NDArray

from confvib.errors import ModelError
from confvib.forcefield.model import flat_parameters, initial_parameters
from confvib.forcefield.network import norm_follows
from confvib.forcefield.settings import So3kratesSettings

_EMBEDDING = {"embedding": "feature_embeddings_0/Embed_0"}

_BASIS = {"basis": "geometry_embeddings_0/rbf_fn"}

_HEAD = {
    "energy_hidden": "observables_0/MLP_0/layers_0",
    "energy_out": "observables_0/MLP_0/layers_1",
}

_COEFFICIENTS = {
    "filter/radial_hidden": "filter_fn/VmapMLP_0/layers_0",
    "filter/radial_out": "filter_fn/VmapMLP_0/layers_1",
    "filter/angular_hidden": "filter_fn/VmapMLP_1/layers_0",
    "filter/angular_out": "filter_fn/VmapMLP_1/layers_1",
    "query": "attention_fn/VmapConvAttentionCoefficients_0/Dense_0",
    "key": "attention_fn/VmapConvAttentionCoefficients_0/Dense_1",
}

_RESIDUAL = {
    "first": "Residual_0/layers_0",
    "second": "Residual_0/layers_1",
    "out": "Dense_0",
}

_REPULSION = {
    "exponents": ("a1", "a2", "a3", "a4"),
    "coefficients": ("c1", "c2", "c3", "c4"),
    "power": ("p",),
    "inverse_length": ("d",),
}


def mlff_paths(settings: So3kratesSettings) -> dict[str, tuple[str, ...]]:
    """Name mlff's leaves for each of ours.

    Args:
        settings: Architecture.

    Returns:
        Paths below mlff's ``params`` by our path; several are to be concatenated. The
        factors of the species are no parameters in mlff and are left out.

    Raises:
        ModelError: A parameter has no counterpart, which is a mistake of this module.
    """
    modules = {**_EMBEDDING, **_HEAD}
    if settings.radial_basis == "rbf":
        modules.update(_BASIS)
    for t in range(settings.layers):
        modules.update(_layer_modules(settings, t))
    paths = {}
    for ours in _shapes(settings):
        module, _, leaf = ours.rpartition("/")
        if module == "repulsion":
            names = _REPULSION[leaf]
            paths[ours] = tuple(f"observables_0/ZBLRepulsion_0/{name}" for name in names)
        elif module in modules:
            paths[ours] = (f"{modules[module]}/{leaf}",)
        elif ours != "species_scale":
            raise ModelError(f"parameter {ours} has no counterpart in mlff")
    return paths


def parameters_from(
    leaves: Mapping[str, NDArray[Any]], settings: So3kratesSettings, source: str
) -> dict[str, Any]:
    """Build a parameter tree from mlff's leaves, each used exactly once.

    Args:
        leaves: Arrays by their path below mlff's ``params``.
        settings: Architecture.
        source: Where the leaves come from, for messages.

    Returns:
        Nested dictionary of arrays; the factors of the species, if any, are ones.

    Raises:
        ModelError: A leaf is missing, has the wrong shape, or belongs to no parameter.
    """
    paths = mlff_paths(settings)
    used = {path for names in paths.values() for path in names}
    for path in sorted(leaves.keys() - used):
        raise ModelError(
            f"{source}: parameter {path} of shape {leaves[path].shape} belongs to no "
            "part of the network that hyperparameters.json describes"
        )
    flat: dict[str, Any] = {}
    for ours, shape in _shapes(settings).items():
        if ours == "species_scale":
            flat[ours] = np.ones(shape, np.float32)
        else:
            flat[ours] = _joined(leaves, paths[ours], shape, source)
    return flax.traverse_util.unflatten_dict(flat, sep="/")


def _joined(
    leaves: Mapping[str, NDArray[Any]],
    paths: tuple[str, ...],
    shape: tuple[int, ...],
    source: str,
) -> NDArray[Any]:
    part = (shape[0] // len(paths), *shape[1:])
    found = []
    for path in paths:
        leaf = np.asarray(leaves[path]) if path in leaves else None
        # The networks of the filters are mapped over one head: a leading axis of one.
        if leaf is None or leaf.shape not in (part, (1, *part)):
            shown = "nothing" if leaf is None else leaf.shape
            raise ModelError(
                f"{source}: parameter {path} has shape {shown}, expected {part}"
            )
        found.append(leaf.reshape(part))
    return np.concatenate(found) if len(found) > 1 else found[0]


def _layer_modules(settings: So3kratesSettings, t: int) -> Iterator[tuple[str, str]]:
    """Yield our and mlff's names of the modules of layer t."""
    theirs = f"layers_{t}"
    for message, block in (
        ("feature", "FeatureBlock_0"),
        ("geometric", "GeometricBlock_0"),
    ):
        for ours, path in _COEFFICIENTS.items():
            yield f"attention_{t}/{message}/{ours}", f"{theirs}/{block}/{path}"
    aggregation = "FeatureBlock_0/attention_fn/VmapAttentionAggregation_0"
    yield f"attention_{t}/value", f"{theirs}/{aggregation}/Dense_0"
    yield f"interaction_{t}/mix", f"{theirs}/InteractionBlock_0/MLP_0/layers_0"
    # mlff numbers residual networks and norms in the order in which they occur.
    places = ("attention", "interaction")
    chosen = settings.residual_networks
    present = [place for place in places if chosen in (place, "both")]
    for index, place in enumerate(present):
        for ours, path in _RESIDUAL.items():
            yield f"residual_{place}_{t}/{ours}", f"{theirs}/ResidualMLP_{index}/{path}"
    norms = [f"norm_{place}_{t}" for place in places] * (settings.layer_norm != "none")
    norms += [f"norm_output_{t}"] * norm_follows(settings, t)
    for index, ours in enumerate(norms):
        yield ours, f"{theirs}/LayerNorm_{index}"


def _shapes(settings: So3kratesSettings) -> dict[str, tuple[int, ...]]:
    tree = jax.eval_shape(lambda: initial_parameters(settings, jax.random.key(0)))
    return {name: leaf.shape for name, leaf in flat_parameters(tree).items()}
