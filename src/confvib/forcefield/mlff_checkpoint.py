"""Import of a So3krates that was trained with mlff."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import flax.traverse_util
import jax
import numpy as np
from numpy.typing import NDArray

from confvib.errors import ModelError
from confvib.forcefield.mlff_hyperparameters import MlffNetwork, read_network
from confvib.forcefield.mlff_leaves import parameters_from
from confvib.forcefield.model import TrainedModel
from confvib.forcefield.network import MAX_ATOMIC_NUMBER


def import_mlff_checkpoint(
    directory: str | Path,
    *,
    species: Sequence[int] | None = None,
    add_shift: bool = True,
    role: str = "mlff",
) -> TrainedModel:
    """Turn a checkpoint folder of mlff into a force field.

    Read are ``hyperparameters.json``, ``scales.json`` and ``valid_params``, the best
    parameters on the validation frames, of the folder ``ckpt_<highest number>``. What
    mlff recorded on the way (``record``) is ignored.

    Args:
        directory: The checkpoint folder, ``--ckpt_dir`` of mlff's training.
        species: Atomic numbers that the training data held. mlff does not store them;
            None accepts every number for which the checkpoint has a shift.
        add_shift: Add the energy per atom that mlff took off the training energies. mlff
            itself leaves it out by default.
        role: What the model is for, stored with it.

    Returns:
        The force field, float32 as trained.

    Raises:
        ModelError: A file is missing or unreadable, the checkpoint has a module or an
            option that confvib's So3krates does not have, or the parameters do not fit.

    Source: mlff 0.3.0; the mapping was checked against its energies and forces.
    """
    folder = Path(directory)
    network = read_network(_read_json(folder / "hyperparameters.json"))
    scales = _read_json(folder / "scales.json").get("energy", {})
    state = _newest(folder) / "state"
    factors, shifts_eV, known = _per_species(network, scales, add_shift=add_shift)
    settings = replace(network.settings, species_scale=bool(np.any(factors != 1.0)))
    parameters = parameters_from(_restore(state), settings, str(state))
    if settings.species_scale:
        parameters["species_scale"] = factors.astype(np.float32)
    return TrainedModel(
        settings=settings,
        parameters=parameters,
        shifts_eV=shifts_eV,
        species=_require_species(species, known),
        role=role,
        data_hash=f"mlff:{folder.resolve().name}/{state.parent.name}",
    )


def _per_species(
    network: MlffNetwork, scales: dict[str, Any], *, add_shift: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Merge both scales and shifts, E = a (b e + c) + d, and say how far they reach."""
    overall = float(scales.get("scale", 1.0))
    if overall != 1.0 and network.settings.short_range_repulsion:
        raise ModelError(
            f"scales.json: energy.scale = {overall} would scale the short-range "
            "repulsion too, expected 1.0 where zbl_repulsion is true"
        )
    outer = scales.get("per_atom_shift") if add_shift else None
    if add_shift and outer is None:
        raise ModelError(
            "scales.json has no energy.per_atom_shift, expected one entry per atomic "
            "number, or an import without shift"
        )
    tables = [table for table in (network.scale, network.shift_eV, outer) if table]
    known = min([MAX_ATOMIC_NUMBER + 1, *map(len, tables)])
    factors = overall * _by_number(network.scale, 1.0)
    shifts_eV = overall * _by_number(network.shift_eV, 0.0) + _by_number(outer, 0.0)
    return factors, shifts_eV, known


def _by_number(values: Sequence[float] | None, fill: float) -> NDArray[np.float64]:
    """Fit a table to atomic numbers 0 to 99; mlff's may be shorter, or one longer."""
    table = np.full(MAX_ATOMIC_NUMBER + 1, fill)
    if values is not None:
        part = np.asarray(values, np.float64)[: len(table)]
        table[: len(part)] = part
    return table


def _require_species(species: Sequence[int] | None, known: int) -> tuple[int, ...]:
    if species is None:
        return tuple(range(1, known))
    wanted = sorted({int(number) for number in species})
    beyond = [number for number in wanted if not 0 < number < known]
    if beyond or not wanted:
        raise ModelError(
            f"species {beyond or wanted} are not among those of the checkpoint, expected "
            f"atomic numbers between 1 and {known - 1}"
        )
    return tuple(wanted)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"no {path.name} in {path.parent}, expected an mlff checkpoint")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no mapping, expected an mlff checkpoint")
    return content


def _newest(folder: Path) -> Path:
    numbered = {
        int(path.name.removeprefix("ckpt_")): path
        for path in folder.glob("ckpt_*")
        if path.is_dir() and path.name.removeprefix("ckpt_").isdecimal()
    }
    if not numbered:
        raise ModelError(f"no folder ckpt_<number> in {folder}, expected at least one")
    return numbered[max(numbered)]


def _restore(state: Path) -> dict[str, NDArray[Any]]:
    """Read the leaves of ``valid_params/params`` alone, as NumPy arrays by path."""
    import orbax.checkpoint as orbax  # takes most of a second: only where it is needed

    if not state.is_dir():
        raise ModelError(f"no folder {state}, expected orbax's PyTree of the training")
    try:
        anything: Any = orbax.PyTreeCheckpointHandler()  # typed for etils' paths alone
        with closing(anything) as handler:
            stored = handler.metadata(state.resolve()).tree
            if "params" not in stored.get("valid_params", {}):
                raise ModelError(
                    f"{state} has no valid_params/params, it holds {sorted(stored)}"
                )
            wanted = {"valid_params": {"params": stored["valid_params"]["params"]}}
            # As plain arrays: the devices of the training need not exist here.
            plain = orbax.RestoreArgs(restore_type=np.ndarray)
            restored = handler.restore(
                state.resolve(),
                args=orbax.args.PyTreeRestore(
                    item=wanted,
                    restore_args=jax.tree.map(lambda _: plain, wanted),
                    partial_restore=True,
                ),
            )
    except (OSError, ValueError, KeyError) as error:
        first = str(error).splitlines()[0][:200]
        raise ModelError(f"{state} cannot be read by orbax: {first}") from error
    leaves = flax.traverse_util.flatten_dict(restored["valid_params"]["params"], sep="/")
    return {str(path): np.asarray(leaf) for path, leaf in leaves.items()}
