"""The compiled parts of a training: one epoch, and the errors after it."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from confvib.training.dataset import Batch, slices
from confvib.training.evaluation import batch_energy_and_forces
from confvib.training.loss import energy_force_loss
from confvib.training.settings import TrainingSettings


def _schedule(settings: TrainingSettings) -> optax.Schedule:
    return optax.exponential_decay(
        settings.learning_rate,
        transition_steps=settings.decay_steps,
        decay_rate=settings.decay_factor,
        staircase=True,
    )


def learning_rate_at(settings: TrainingSettings, step: int) -> float:
    """Look up the learning rate of an optimiser step, counted from zero.

    Args:
        settings: How to fit.
        step: Optimiser steps done before.

    Returns:
        Learning rate.
    """
    return float(np.asarray(_schedule(settings)(step)))


def optimizer_of(settings: TrainingSettings) -> optax.GradientTransformation:
    """Build Adam with its staircase and its limit on the gradient.

    Args:
        settings: How to fit.

    Returns:
        The optimiser.
    """
    adam = optax.adam(_schedule(settings))
    if math.isinf(settings.clip_norm):
        return adam
    return optax.chain(optax.clip_by_global_norm(settings.clip_norm), adam)


@partial(jax.jit, static_argnums=0)
def run_epoch(
    settings: TrainingSettings,
    parameters: Any,
    moments: Any,
    frames: Batch,
    index: Array,
) -> tuple[Any, Any, Array]:
    """Take one optimiser step per batch, all in one compiled loop.

    Args:
        settings: How to fit; static.
        parameters: Parameters before the epoch.
        moments: State of :func:`optimizer_of`.
        frames: All training frames.
        index: Frame indices of each batch, ``(S, B)``.

    Returns:
        Parameters, optimiser state and the loss of every batch, ``(S,)``.
    """
    optimizer = optimizer_of(settings)

    def loss(parameters: Any, batch: Batch) -> Array:
        energies, forces = batch_energy_and_forces(settings.network, parameters, batch)
        return energy_force_loss(
            energies - batch.energies_eV,
            forces - batch.forces_eV_per_A,
            beta=settings.beta,
        )

    def step(carry: tuple[Any, Any], picked: Array) -> tuple[tuple[Any, Any], Array]:
        parameters, moments = carry
        batch = _pick(frames, picked)
        value, gradient = jax.value_and_grad(loss)(parameters, batch)
        updates, moments = optimizer.update(gradient, moments, parameters)
        return (optax.apply_updates(parameters, updates), moments), value

    (parameters, moments), losses = jax.lax.scan(step, (parameters, moments), index)
    return parameters, moments, losses


def _pick(frames: Batch, index: Array | slice) -> Batch:
    return jax.tree.map(lambda leaf: leaf[index], frames)


_evaluate = jax.jit(batch_energy_and_forces, static_argnums=0)


def energy_and_force_errors(
    settings: TrainingSettings, parameters: Any, frames: Batch
) -> tuple[Array, Array]:
    """Evaluate all frames, a batch at a time.

    Args:
        settings: How to fit.
        parameters: Parameters.
        frames: Labelled frames.

    Returns:
        Errors of the energies [eV/cell], ``(B,)``, and forces [eV/Å], ``(B, N, 3)``.
    """
    parts = [
        _evaluate(settings.network, parameters, _pick(frames, part))
        for part in slices(len(frames.energies_eV), settings.batch_size)
    ]
    energies, forces = (jnp.concatenate(values) for values in zip(*parts, strict=True))
    return energies - frames.energies_eV, forces - frames.forces_eV_per_A


def validation_errors(
    settings: TrainingSettings, parameters: Any, frames: Batch
) -> dict[str, float]:
    """Summarise the errors of the validation frames for the history.

    Args:
        settings: How to fit.
        parameters: Parameters.
        frames: Validation frames.

    Returns:
        The fields of a history row that begin with ``valid_``.
    """
    energy_error, force_error = energy_and_force_errors(settings, parameters, frames)
    loss = energy_force_loss(energy_error, force_error, beta=settings.beta)
    n_atoms = frames.numbers.shape[1]
    return {
        "valid_loss": float(loss),
        "valid_energy_mae_meV_per_atom": 1e3
        * float(jnp.mean(jnp.abs(energy_error)))
        / n_atoms,
        "valid_force_mae_meV_per_A": 1e3 * float(jnp.mean(jnp.abs(force_error))),
    }
