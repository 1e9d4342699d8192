"""One self-describing file per force field: JSON header plus parameter leaves."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.serialization
import flax.traverse_util
import jax
import numpy as np

import confvib
from confvib.errors import ModelError
from confvib.forcefield.model import TrainedModel, flat_parameters, initial_parameters
from confvib.forcefield.settings import So3kratesSettings, describe, settings_from
from confvib.tables.atomic import write_atomically

FORMAT = "confvib-force-field"
"""First entry of every header."""

FORMAT_VERSION = 1
"""Raised when an older reader could misread a newer file."""

UNITS = {"length": "Å", "energy": "eV per cell", "force": "eV/Å"}
"""Units of everything in the file."""


def save_model(model: TrainedModel, path: str | Path) -> None:
    """Write a model atomically: temporary file in the same folder, fsync, rename.

    Args:
        model: The force field.
        path: Target, conventionally ``*.msgpack``.
    """
    target = Path(path)
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "confvib_version": confvib.__version__,
        "role": model.role,
        "data_hash": model.data_hash,
        "config_hash": model.config_hash,
        "units": UNITS,
        "species": list(model.species),
        "settings": describe(model.settings),
        "fingerprint": fingerprint(model),
    }
    leaves = flat_parameters(model.parameters)
    payload = {
        "header": json.dumps(header, sort_keys=True),
        "shifts_eV": np.asarray(model.shifts_eV, np.float64),
        "parameters": {name: np.asarray(leaf) for name, leaf in leaves.items()},
    }
    content = flax.serialization.msgpack_serialize(payload)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, lambda temporary: temporary.write_bytes(content))


def load_model(path: str | Path) -> TrainedModel:
    """Read a model and check it leaf by leaf against its own settings.

    Args:
        path: File of :func:`save_model`.

    Returns:
        The model, bitwise as saved.

    Raises:
        ModelError: The file is missing, of another format or version, a parameter is
            missing, unknown or has the wrong shape, a setting is unknown, or the content
            does not match the fingerprint in its header.
    """
    source = Path(path)
    payload = _read_payload(source)
    header = json.loads(payload["header"])
    if header.get("format") != FORMAT or header.get("format_version") != FORMAT_VERSION:
        found = f"{header.get('format')} version {header.get('format_version')}"
        raise ModelError(
            f"{source} holds {found}, expected {FORMAT} version {FORMAT_VERSION}"
        )
    settings = settings_from(header["settings"])
    leaves = payload["parameters"]
    _require_leaves(source, leaves, settings)
    model = TrainedModel(
        settings=settings,
        parameters=flax.traverse_util.unflatten_dict(leaves, sep="/"),
        shifts_eV=payload["shifts_eV"],
        species=tuple(header["species"]),
        role=header["role"],
        data_hash=header["data_hash"],
        config_hash=header["config_hash"],
    )
    if fingerprint(model) != header["fingerprint"]:
        raise ModelError(
            f"{source} has fingerprint {fingerprint(model)}, its header says "
            f"{header['fingerprint']}: the file was changed after it was written"
        )
    return model


def fingerprint(model: TrainedModel) -> str:
    """Identify what a model computes, independent of its role and of who wrote it.

    Args:
        model: The force field.

    Returns:
        SHA-256 in hexadecimal over settings, shifts and parameters.
    """
    described = json.dumps(describe(model.settings), sort_keys=True)
    digest = hashlib.sha256(described.encode())
    arrays = {"shifts_eV": model.shifts_eV, **flat_parameters(model.parameters)}
    for name, value in arrays.items():
        array = np.ascontiguousarray(value)
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _read_payload(source: Path) -> dict[str, Any]:
    if not source.is_file():
        raise ModelError(f"no force field at {source}")
    try:
        payload = flax.serialization.msgpack_restore(source.read_bytes())
    except ValueError as error:  # msgpack's own errors are ValueErrors
        raise ModelError(f"{source} is not a force-field file: {error}") from error
    if not isinstance(payload, dict) or "header" not in payload:
        raise ModelError(f"{source} is not a force-field file: it has no header")
    return payload


def _require_leaves(
    source: Path, leaves: Mapping[str, Any], settings: So3kratesSettings
) -> None:
    shapes = jax.eval_shape(lambda: initial_parameters(settings, jax.random.key(0)))
    expected = {name: leaf.shape for name, leaf in flat_parameters(shapes).items()}
    for name in sorted(expected.keys() | leaves.keys()):
        found = leaves[name].shape if name in leaves else "nothing"
        wanted = expected.get(name, "nothing")
        if found != wanted:
            raise ModelError(
                f"{source}: parameter {name} has shape {found}, expected {wanted}"
            )
