"""Maxwell-Boltzmann velocities, their temperature, and the random keys they come from."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np

from confvib.dynamics.state import as_masses
from confvib.errors import DynamicsError
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV


def configuration_key(
    campaign_seed: int, config_id: str, temperature_K: float, purpose: str
) -> jax.Array:
    """Return the random key of one configuration at one temperature for one purpose.

    It knows nothing of chunks, batches or slots, so neither does a result. Two 32-bit
    words of a hash are folded in: one would collide among 70,000 configurations.

    Args:
        campaign_seed: Seed of the whole campaign.
        config_id: Stable name of the configuration.
        temperature_K: Temperature [K].
        purpose: What the numbers are for, for example "md".

    Returns:
        A typed threefry key, scalar.
    """
    name = f"{config_id}\n{float(temperature_K)!r}\n{purpose}".encode()
    digest = hashlib.sha256(name).digest()
    key = jax.random.key(campaign_seed, impl="threefry2x32")
    for word in (digest[:4], digest[4:8]):
        key = jax.random.fold_in(key, int.from_bytes(word, "little"))
    return key


def degrees_of_freedom(n_atoms: int) -> int:
    """Return 3N - 3, what is left when the momentum of the cell is zero."""
    if n_atoms < 2:
        raise DynamicsError(f"{n_atoms} atoms have no vibration; expected at least 2")
    return 3 * n_atoms - 3


def maxwell_boltzmann(
    key: jax.Array,
    masses_amu: np.ndarray | jax.Array,
    temperature_K: float | jax.Array,
    *,
    like: jax.Array,
    exact: bool = False,
) -> jax.Array:
    r"""Draw velocities of zero total momentum.

    .. math:: p(v) \propto \exp(-m v^2 / 2 k_B T)

    Args:
        key: Random key of this cell.
        masses_amu: Masses [amu], shape (N,).
        temperature_K: Temperature [K], >= 0.
        like: Array (N, 3) whose dtype to take.
        exact: Rescale to exactly this kinetic temperature with 3N - 3 degrees of freedom;
            otherwise it scatters by sqrt(2 / (3N - 3)) as it should.

    Returns:
        Velocities [Å/fs], shape (N, 3).
    """
    masses = as_masses(masses_amu, like)
    spread = jnp.sqrt(BOLTZMANN_EV_PER_K * temperature_K / (KINETIC_EV * masses))
    drawn = spread * jax.random.normal(key, like.shape, like.dtype)
    drawn = without_momentum(drawn.astype(like.dtype), masses_amu)
    if not exact:
        return drawn
    ratio = temperature_K / kinetic_temperature_K(drawn, masses_amu)
    return (drawn * jnp.sqrt(ratio)).astype(like.dtype)


def without_momentum(
    velocities: jax.Array, masses_amu: np.ndarray | jax.Array
) -> jax.Array:
    """Return the velocities in the frame of the centre of mass.

    Args:
        velocities: Velocities [Å/fs], shape (N, 3).
        masses_amu: Masses [amu], shape (N,).

    Returns:
        Velocities [Å/fs], shape (N, 3), with Σ m v = 0.
    """
    masses = as_masses(masses_amu, velocities)
    return velocities - (masses * velocities).sum(0) / masses.sum()


def kinetic_energy_eV(
    velocities: jax.Array, masses_amu: np.ndarray | jax.Array
) -> jax.Array:
    """Return the kinetic energy Σ m v² / 2 of one cell.

    Args:
        velocities: Velocities [Å/fs], shape (N, 3).
        masses_amu: Masses [amu], shape (N,).

    Returns:
        Kinetic energy [eV per cell], scalar.
    """
    masses = as_masses(masses_amu, velocities)
    return 0.5 * KINETIC_EV * (masses * velocities * velocities).sum()


def kinetic_temperature_K(
    velocities: jax.Array, masses_amu: np.ndarray | jax.Array
) -> jax.Array:
    r"""Return the temperature of the motion, T = 2 E_{kin} / ((3N - 3) k_B).

    Args:
        velocities: Velocities [Å/fs], shape (N, 3), of zero total momentum.
        masses_amu: Masses [amu], shape (N,).

    Returns:
        Temperature [K], scalar.
    """
    kinetic = kinetic_energy_eV(velocities, masses_amu)
    return 2 * kinetic / (degrees_of_freedom(len(velocities)) * BOLTZMANN_EV_PER_K)
