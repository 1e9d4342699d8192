"""The loss of eq 16."""

import jax.numpy as jnp
from jax import Array


def energy_force_loss(
    energy_error_eV: Array, force_error_eV_per_A: Array, *, beta: float
) -> Array:
    r"""Weigh squared errors of energy and forces, averaged over a batch.

    .. math:: \mathcal{L} = (1-\beta)(E - E^{ref})^2
              + \frac{\beta}{3N}\sum_{k,i} (F_k^i - F_k^{i,ref})^2

    As printed, the energy is the total of the cell [eV], not per atom, so that the
    energy term grows with N^2 where the force term does not grow. The two units are
    added as plain numbers; beta is tied to eV and Å.

    Args:
        energy_error_eV: Errors of the total energy [eV/cell], ``(B,)``.
        force_error_eV_per_A: Errors of the forces [eV/Å], ``(B, N, 3)``.
        beta: Weight of the forces, 0 to 1; 0.99 in the paper.

    Returns:
        Mean loss of the batch, scalar.

    Source: paper eq 16.
    """
    energy_term = jnp.square(energy_error_eV)
    force_term = jnp.mean(jnp.square(force_error_eV_per_A), axis=(1, 2))
    return jnp.mean((1.0 - beta) * energy_term + beta * force_term)
