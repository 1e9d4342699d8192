"""The compiled parts of a training: optimiser steps, and the errors after an epoch."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import NamedSharding

from confvib.training.dataset import Batch, slices
from confvib.training.devices import constrain, on_host, scattered
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


@partial(jax.jit, static_argnums=(0, 1))
def run_steps(
    settings: TrainingSettings,
    sharding: NamedSharding | None,
    carry: tuple[Any, Any, Array],
    frames: Batch,
    index: Array,
    start: Array,
    stop: Array,
) -> tuple[Any, Any, Array]:
    """Take the optimiser steps ``start`` to ``stop`` of an epoch in one compiled loop.

    The bounds are arguments of one program, so that an epoch cut into parts gives bit
    for bit what it gives in one.

    Args:
        settings: How to fit; static.
        sharding: Layout of :func:`~confvib.training.devices.frame_sharding`; static.
        carry: Parameters, state of :func:`optimizer_of` and the loss of every batch of
            the epoch so far, ``(S,)``.
        frames: All training frames.
        index: Frame indices of each batch of the epoch, ``(S, B)``.
        start: First step, from 0.
        stop: Step after the last.

    Returns:
        The same after the steps.
    """
    optimizer = optimizer_of(settings)

    def step(number: Array, carry: tuple[Any, Any, Array]) -> tuple[Any, Any, Array]:
        parameters, moments, losses = carry
        value, gradient = _loss_and_gradient(
            settings, sharding, parameters, _pick(frames, index[number])
        )
        updates, moments = optimizer.update(gradient, moments, parameters)
        parameters = optax.apply_updates(parameters, updates)
        return parameters, moments, losses.at[number].set(value)

    return constrain(jax.lax.fori_loop(start, stop, step, carry), sharding, whole=True)


def _loss_and_gradient(
    settings: TrainingSettings,
    sharding: NamedSharding | None,
    parameters: Any,
    batch: Batch,
) -> tuple[Array, Any]:
    """Evaluate the mean loss of a batch, ``microbatch`` frames in memory at a time."""

    def loss(parameters: Any, batch: Batch) -> Array:
        batch = constrain(batch, sharding)
        energies, forces = batch_energy_and_forces(settings.network, parameters, batch)
        return energy_force_loss(
            energies - batch.energies_eV,
            forces - batch.forces_eV_per_A,
            beta=settings.beta,
        )

    evaluate = jax.value_and_grad(loss)
    n_parts = settings.batch_size // settings.frames_at_once
    if n_parts == 1:
        return evaluate(parameters, batch)
    parts = jax.tree.map(
        lambda leaf: leaf.reshape(n_parts, settings.frames_at_once, *leaf.shape[1:]),
        batch,
    )

    def add(total: tuple[Array, Any], part: Batch) -> tuple[tuple[Array, Any], None]:
        return jax.tree.map(jnp.add, total, evaluate(parameters, part)), None

    shapes = jax.eval_shape(evaluate, parameters, batch)
    zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    total, _ = jax.lax.scan(add, zero, parts)
    return jax.tree.map(lambda leaf: leaf / n_parts, total)


def _pick(frames: Batch, index: Array | slice) -> Batch:
    return jax.tree.map(lambda leaf: leaf[index], frames)


_evaluate = jax.jit(batch_energy_and_forces, static_argnums=0)


def energy_and_force_errors(
    settings: TrainingSettings, parameters: Any, frames: Batch
) -> tuple[Array, Array]:
    """Evaluate all frames, ``frames_at_once`` of them at a time.

    Args:
        settings: How to fit.
        parameters: Parameters.
        frames: Labelled frames.

    Returns:
        Errors of the energies [eV/cell], ``(B,)``, and forces [eV/Å], ``(B, N, 3)``.
    """
    parameters = on_host(parameters)
    parts = []
    for part in slices(len(frames.energies_eV), settings.frames_at_once):
        batch = scattered(_pick(frames, part))
        parts.append(on_host(_evaluate(settings.network, parameters, batch)))
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
