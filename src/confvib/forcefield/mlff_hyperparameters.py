"""Settings of So3krates from mlff's ``hyperparameters.json``, or why they do not fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from confvib.errors import ModelError
from confvib.forcefield.network import MAX_ATOMIC_NUMBER
from confvib.forcefield.settings import (
    FilterInputs,
    ResidualPlaces,
    So3kratesSettings,
)

_FILE = "hyperparameters.json"

_CUTOFFS = {
    "cosine_cutoff_fn": "cosine",
    "phys_cutoff_fn": "phys",
    "exponential_cutoff_fn": "exponential",
}
_BASES = {name: name for name in ("phys", "bernstein", "rbf", "bessel")}
_FILTERS = {"radial_spherical": True, "radial": False}
_ANGULAR: Mapping[tuple[bool, bool], FilterInputs] = {
    (True, True): "both",
    (True, False): "feature",
    (False, True): "geometric",
    (False, False): "none",
}
_RESIDUALS: Mapping[tuple[bool, bool], ResidualPlaces] = {
    (False, False): "none",
    (True, False): "attention",
    (False, True): "interaction",
    (True, True): "both",
}

# Options that must have the one value with which confvib's network agrees.
_REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "geometry_embed": {"sphc": True, "solid_harmonic": False},
    "atom_type_embed": {"num_embeddings": MAX_ATOMIC_NUMBER + 1},
    "so3krates_layer": {
        "fb_attention": "conv_att",
        "gb_attention": "conv_att",
        "non_local_sphc": False,
        "non_local_feature": False,
        "chi_cut": None,
        "chi_cut_dynamic": False,
        "neighborhood_normalization": False,
    },
    "energy": {"zbl_repulsion_shift": 0.0},
}

# Options without any effect on the energy of a crystal whose neighbours are given.
_WITHOUT_EFFECT: Mapping[str, frozenset[str]] = {
    "geometry_embed": frozenset(("prop_keys", "mic", "input_convention")),
    "atom_type_embed": frozenset(("prop_keys",)),
    "so3krates_layer": frozenset(
        ("parity", "fast_attention_kwargs", "sphc_normalization")
    ),
    "energy": frozenset(("prop_keys", "num_embeddings", "output_convention")),
}

# Options that are read, with mlff's defaults; ... marks those without one.
_READ: Mapping[str, Mapping[str, Any]] = {
    "geometry_embed": {
        "degrees": ...,
        "radial_basis_function": ...,
        "n_rbf": ...,
        "radial_cutoff_fn": ...,
        "r_cut": ...,
        "sphc_normalization": None,
    },
    "atom_type_embed": {"features": ...},
    "so3krates_layer": {
        "degrees": ...,
        "n_heads": 4,
        "fb_filter": "radial_spherical",
        "gb_filter": "radial_spherical",
        "fb_rad_filter_features": ...,
        "gb_rad_filter_features": ...,
        "fb_sph_filter_features": ...,
        "gb_sph_filter_features": ...,
        "residual_mlp_1": False,
        "residual_mlp_2": False,
        "layer_normalization": False,
        "final_layer": False,
    },
    "energy": {"per_atom_scale": None, "per_atom_shift": None, "zbl_repulsion": False},
}


@dataclass(frozen=True)
class MlffNetwork:
    """What ``hyperparameters.json`` says.

    Attributes:
        settings: Architecture, without factors of the species.
        scale: Factor of each atomic number's energies, or None for ones.
        shift_eV: Energy of each atomic number [eV/atom], or None for zeros.
    """

    settings: So3kratesSettings
    scale: Sequence[float] | None
    shift_eV: Sequence[float] | None


def read_network(hyperparameters: Mapping[str, Any]) -> MlffNetwork:
    """Translate mlff's description of a network.

    Args:
        hyperparameters: Content of ``hyperparameters.json``.

    Returns:
        Architecture and energy scale and shift.

    Raises:
        ModelError: A module or option is unknown, or has a value that confvib's network
            does not have; it is named with its value.
    """
    stack = hyperparameters.get("stack_net")
    if not isinstance(stack, Mapping):
        raise ModelError(
            f"{_FILE} has no section stack_net, expected a checkpoint of mlff 0.3; "
            f"its sections are {', '.join(map(str, hyperparameters)) or 'none'}"
        )
    geometry = _only(stack, "geometry_embeddings", "geometry_embed")
    embedding = _only(stack, "feature_embeddings", "atom_type_embed")
    energy = _only(stack, "observables", "energy")
    layers = [
        _options(f"stack_net.layers[{t}]", entry, "so3krates_layer")
        for t, entry in enumerate(stack.get("layers") or ())
    ]
    first = _common(layers, geometry, embedding["features"])
    try:
        settings = So3kratesSettings(
            features=embedding["features"],
            heads=first["n_heads"],
            layers=len(layers),
            degrees=tuple(geometry["degrees"]),
            cutoff_A=float(geometry["r_cut"]),
            radial_functions=geometry["n_rbf"],
            radial_basis=_translated(geometry, "radial_basis_function", _BASES),
            cutoff_function=_translated(geometry, "radial_cutoff_fn", _CUTOFFS),
            angular_filters=_ANGULAR[
                _translated(first, "fb_filter", _FILTERS),
                _translated(first, "gb_filter", _FILTERS),
            ],
            residual_networks=_RESIDUALS[
                bool(first["residual_mlp_1"]), bool(first["residual_mlp_2"])
            ],
            layer_norm=_layer_norm(layers),
            chi_normalization=_in_float32(geometry["sphc_normalization"]),
            short_range_repulsion=bool(energy["zbl_repulsion"]),
        )
    except ModelError as error:
        raise ModelError(f"{_FILE}: {error}") from error
    return MlffNetwork(settings, energy["per_atom_scale"], energy["per_atom_shift"])


def _only(stack: Mapping[str, Any], section: str, module: str) -> dict[str, Any]:
    entries = stack.get(section) or ()
    if len(entries) != 1:
        names = [name for entry in entries for name in entry]
        _refuse(f"stack_net.{section}", names, f"one {module}")
    return _options(f"stack_net.{section}[0]", entries[0], module)


def _options(where: str, entry: Mapping[str, Any], module: str) -> dict[str, Any]:
    """Check one module's options and return those that are read."""
    if list(entry) != [module]:
        _refuse(where, list(entry), module)
    options, where = entry[module], f"{where}.{module}"
    for name, value in options.items():
        if name in _REQUIRED[module] and value != _REQUIRED[module][name]:
            _refuse(f"{where}.{name}", value, repr(_REQUIRED[module][name]))
        known = _REQUIRED[module].keys() | _WITHOUT_EFFECT[module] | _READ[module].keys()
        if name not in known:
            _refuse(f"{where}.{name}", value, "no such option")
    values = {**_READ[module], **options}
    for name in _READ[module]:
        if values[name] is ...:
            _refuse(f"{where}.{name}", "nothing", "a value")
    return {name: values[name] for name in _READ[module]}


def _common(
    layers: list[dict[str, Any]], geometry: Mapping[str, Any], features: int
) -> dict[str, Any]:
    """Return the options of all layers after checking that they agree."""
    if not layers:
        _refuse("stack_net.layers", [], "at least one so3krates_layer")
    angular = [int(features / 4), features]
    expected = {
        **layers[0],
        "degrees": geometry["degrees"],
        "fb_rad_filter_features": [features, features],
        "gb_rad_filter_features": [features, features],
        "fb_sph_filter_features": angular,
        "gb_sph_filter_features": angular,
    }
    for t, layer in enumerate(layers):
        for name, value in layer.items():
            if name != "final_layer" and value != expected[name]:
                where = f"stack_net.layers[{t}].so3krates_layer.{name}"
                _refuse(where, value, repr(expected[name]))
    return layers[0]


def _layer_norm(layers: list[dict[str, Any]]) -> Any:
    if not layers[0]["layer_normalization"]:
        return "none"
    final = [bool(layer["final_layer"]) for layer in layers]
    if not any(final):
        return "pre"
    if all(final):
        return "pre_and_every"
    if final == [False] * (len(final) - 1) + [True]:
        return "pre_and_last"
    return _refuse(
        "stack_net.layers[:].so3krates_layer.final_layer",
        final,
        "true in no layer, in the last or in all",
    )


def _translated(options: Mapping[str, Any], name: str, names: Mapping[str, Any]) -> Any:
    value = options[name]
    if value not in names:
        _refuse(f"option {name}", value, f"one of {', '.join(names)}")
    return names[value]


def _in_float32(value: float | None) -> float | None:
    return None if value is None else float(np.float32(value))  # as mlff divides by it


def _refuse(where: str, value: object, expected: str) -> NoReturn:
    raise ModelError(f"{_FILE}: {where} = {value!r}, expected {expected}")
