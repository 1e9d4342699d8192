"""A force field at rest: architecture, parameters, energy shifts and their origin."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from jax import Array
from jax.typing import DTypeLike
from numpy.typing import ArrayLike, NDArray

from confvib.errors import ModelError
from confvib.forcefield.attention import EdgeGeometry
from confvib.forcefield.harmonics import n_components
from confvib.forcefield.network import MAX_ATOMIC_NUMBER, So3krates, So3kratesSettings


@dataclass(frozen=True)
class TrainedModel:
    """Everything that defines the energies of a force field.

    Attributes:
        settings: Architecture.
        parameters: Nested dictionary of parameter arrays, float32 as trained.
        shifts_eV: Energy added per atom of each atomic number [eV/atom], ``(100,)``.
        species: Atomic numbers present in the training data, increasing.
        role: What the model is for, for example ``relax`` or ``md``.
        data_hash: Hash of the data it was trained on.
        config_hash: Hash of the configuration that determined it; '' outside campaigns.

    Raises:
        ModelError: The shifts have the wrong shape or are not finite.
    """

    settings: So3kratesSettings
    parameters: Mapping[str, Any]
    shifts_eV: NDArray[np.float64]
    species: tuple[int, ...]
    role: str
    data_hash: str
    config_hash: str = ""

    def __post_init__(self) -> None:
        shape = np.shape(self.shifts_eV)
        if shape != (MAX_ATOMIC_NUMBER + 1,) or not np.isfinite(self.shifts_eV).all():
            raise ModelError(
                f"shifts_eV must be finite with shape ({MAX_ATOMIC_NUMBER + 1},), "
                f"got shape {shape}"
            )


def initial_parameters(settings: So3kratesSettings, key: Array) -> dict[str, Any]:
    """Draw untrained parameters.

    Args:
        settings: Architecture.
        key: PRNG key.

    Returns:
        Nested dictionary of float32 arrays.
    """
    basis_width = 1 if settings.radial_basis == "rbf" else settings.radial_functions
    one_edge = EdgeGeometry(
        neighbors=jnp.zeros((1, 1), jnp.int32),
        cutoff=jnp.zeros((1, 1), jnp.float32),
        basis=jnp.zeros((1, 1, basis_width), jnp.float32),
        harmonics=jnp.zeros((1, 1, n_components(settings.degrees)), jnp.float32),
        distance_A=jnp.ones((1, 1), jnp.float32),
    )
    # Compiled as one program: op by op it takes ten times as long.
    draw = jax.jit(So3krates(settings).init)
    variables = draw(key, jnp.ones((1,), jnp.int32), one_edge)
    return dict(variables["params"])


def flat_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten a parameter tree.

    Args:
        parameters: Nested dictionary.

    Returns:
        Leaves by path, for example ``attention_0/value/kernel``, in sorted order.
    """
    flat = flax.traverse_util.flatten_dict(dict(parameters), sep="/")
    return {str(path): flat[path] for path in sorted(flat)}


def cast_parameters(parameters: Mapping[str, Any], dtype: DTypeLike) -> dict[str, Any]:
    """Copy a parameter tree in another floating-point type.

    Args:
        parameters: Nested dictionary.
        dtype: Type of the copies.

    Returns:
        Nested dictionary of JAX arrays.
    """
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), dict(parameters))


def energy_shifts_eV(
    energies_eV: ArrayLike, numbers: ArrayLike, own_eV: Mapping[str, float]
) -> NDArray[np.float64]:
    r"""Choose what each atom's energy is counted from, mlff's convention ``mean``.

    .. math:: s_Z = e_Z + \Big\langle E - \sum_i e_{Z_i} \Big\rangle / N

    At one fixed composition a linear regression on the species counts is singular, so the
    data cannot say more than a mean; the energies e of the species, zero by default, are
    a matter of choice.

    Args:
        energies_eV: Energies of the training configurations [eV/cell], ``(B,)``.
        numbers: Their atomic numbers, ``(B, N)``.
        own_eV: Energy e of each species [eV/atom] by symbol: all, or none.

    Returns:
        Shift of each atomic number [eV/atom], ``(100,)``; zero for number 0.

    Raises:
        ModelError: Species of the configurations have no energy while others have.
    """
    species = np.asarray(numbers)
    own = np.zeros(MAX_ATOMIC_NUMBER + 1)
    for symbol, energy_eV in own_eV.items():
        own[atomic_numbers[symbol]] = energy_eV
    missing = {chemical_symbols[z] for z in np.unique(species)} - own_eV.keys()
    if own_eV and missing:
        raise ModelError(
            f"energy_shifts_eV has {', '.join(own_eV)}, but the training frames also "
            f"have {', '.join(sorted(missing))}: expected every species, or none"
        )
    rest_eV = np.asarray(energies_eV) - np.sum(own[species], axis=1)
    shifts = own + rest_eV.mean() / species.shape[1]
    shifts[0] = 0.0
    return shifts


def require_known_species(model: TrainedModel, numbers: ArrayLike) -> NDArray[np.int32]:
    """Check that a model was trained on every species of a crystal.

    Args:
        model: The force field.
        numbers: Atomic numbers, ``(N,)``.

    Returns:
        The numbers as int32.

    Raises:
        ModelError: A species was not in the training data.
    """
    wanted = np.asarray(numbers, dtype=np.int32)
    unknown = sorted({int(number) for number in wanted.ravel()} - set(model.species))
    if unknown:
        raise ModelError(
            f"atomic numbers {unknown} are not among those the model was trained on, "
            f"{list(model.species)}"
        )
    return wanted
