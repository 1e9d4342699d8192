"""Screened Coulomb repulsion of nuclei at short range (Ziegler, Biersack, Littmark)."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array

from confvib.errors import ModelError
from confvib.forcefield.attention import EdgeGeometry, gather

COULOMB_EV_A = 14.399645351950548
"""Coulomb constant [eV Å] as in mlff: its last digits differ from CODATA 2018."""

SWITCH_OFF_A = 1.5
"""Distance from which on the repulsion is zero [Å]."""

ZBL_EXPONENTS = (3.2, 0.9423, 0.4028, 0.2016)
ZBL_COEFFICIENTS = (0.1818, 0.5099, 0.2802, 0.02817)
ZBL_POWER = 0.23
ZBL_INVERSE_LENGTH_PER_A = 1.0 / (0.8854 * 0.5291772105638411)
"""Universal screening function: exponents a_k, weights c_k, power p, 1/(0.8854 a_0)."""


def switch_off(distance_A: Array) -> Array:
    r"""Fall smoothly from one at zero distance to zero at :data:`SWITCH_OFF_A`.

    .. math:: w = \frac{s(1-t)}{s(1-t) + s(t)}, \quad s(t) = e^{-1/t} \text{ for } t > 0,
              \quad t = d / 1.5\,\text{Å}

    Args:
        distance_A: Distances [Å], > 0, any shape.

    Returns:
        Dimensionless weights, same shape.
    """
    reduced = distance_A / SWITCH_OFF_A
    falling = _bump(1.0 - reduced)
    return falling / (falling + _bump(reduced))


def _bump(t: Array) -> Array:
    positive = t > 0
    return jnp.where(positive, jnp.exp(-1.0 / jnp.where(positive, t, 1.0)), 0.0)


class ZblRepulsion(nn.Module):
    r"""Half of the repulsion of every pair goes to each of its atoms.

    .. math:: E_i = \frac12 \sum_j w(d)\,\phi(d)\,k_e \frac{Z_i Z_j}{d}
              \sum_k c_k \exp\left[-a_k \frac{(Z_i^p + Z_j^p)\,d}{\ell}\right]

    All constants of the screening function are learned, through softplus, and start at
    their universal values; the c_k are normalised to sum 1.

    Source: Ziegler, Biersack & Littmark (1985); Unke et al., Nat. Commun. 12, 7273
        (2021) for the learned constants.
    """

    @nn.compact
    def __call__(self, numbers: Array, edges: EdgeGeometry) -> Array:
        """Evaluate the repulsion.

        Args:
            numbers: Atomic numbers, ``(N,)`` int.
            edges: Geometry of the edges, distances included.

        Returns:
            Repulsion of each atom [eV], ``(N,)``.

        Raises:
            ModelError: The edges carry no distances.
        """
        d = edges.distance_A
        if d is None:
            raise ModelError(
                "the short-range repulsion needs edges with distances; expected "
                "edge_geometry() with settings in which short_range_repulsion is True"
            )
        a = self._learned("exponents", ZBL_EXPONENTS, d)  # (4,)
        c = self._learned("coefficients", ZBL_COEFFICIENTS, d)  # (4,)
        p = self._learned("power", (ZBL_POWER,), d)
        inverse_length_per_A = self._learned(
            "inverse_length", (ZBL_INVERSE_LENGTH_PER_A,), d
        )
        charge = numbers.astype(d.dtype)
        z_i, z_j = charge[:, None], gather(charge, edges.neighbors)
        power = charge**p
        reduced = (power[:, None] + gather(power, edges.neighbors)) * d
        reduced = reduced * inverse_length_per_A
        screening = jnp.exp(-a * reduced[..., None]) @ (c / jnp.sum(c))  # (N, K)
        pair_eV = COULOMB_EV_A * z_i * z_j / d * screening
        return 0.5 * jnp.sum(switch_off(d) * edges.cutoff * pair_eV, axis=1)

    def _learned(self, name: str, start: tuple[float, ...], like: Array) -> Array:
        raw = np.log(np.expm1(np.asarray(start))).astype(np.float32)
        value = self.param(name, lambda _key: jnp.asarray(raw))
        return nn.softplus(value.astype(like.dtype))
