"""The short-range repulsion against its formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.errors import ModelError
from confvib.forcefield.attention import EdgeGeometry
from confvib.forcefield.repulsion import ZblRepulsion, switch_off


def pair_edges(distance_A, cutoff=1.0):
    """Two atoms that see each other once."""
    ones = jnp.ones((2, 1))
    return EdgeGeometry(
        neighbors=jnp.array([[1], [0]]),
        cutoff=cutoff * ones,
        basis=ones[..., None],
        harmonics=ones[..., None],
        distance_A=distance_A * ones,
    )


@pytest.fixture(scope="module")
def parameters():
    network = ZblRepulsion()
    return network.init(jax.random.key(0), jnp.array([40, 8]), pair_edges(1.0))


def universal_eV(z_i, z_j, d):
    """Ziegler, Biersack and Littmark as printed, times the switch."""
    length_A = 0.8854 * 0.529177 / (z_i**0.23 + z_j**0.23)
    weights = np.array([0.1818, 0.5099, 0.2802, 0.02817])
    decays = np.array([3.2, 0.9423, 0.4028, 0.2016])
    screening = np.sum(weights / weights.sum() * np.exp(-decays * d / length_A))
    near, far = np.exp(-1 / (1 - d / 1.5)), np.exp(-1.5 / d)
    return 14.399645 * z_i * z_j / d * screening * near / (near + far)


@pytest.mark.parametrize("distance_A", [0.3, 0.8, 1.2])
def test_it_starts_as_the_universal_potential(parameters, distance_A):
    edges = pair_edges(distance_A, cutoff=0.7)
    energies = ZblRepulsion().apply(parameters, jnp.array([40, 8]), edges)
    expected = 0.7 * universal_eV(40, 8, distance_A)
    assert energies[0] == energies[1]  # half of the pair each
    np.testing.assert_allclose(np.sum(energies), expected, rtol=1e-5)


def test_it_ends_smoothly():
    w = jax.vmap(switch_off)(jnp.array([1e-3, 0.75, 1.5, 3.0]))
    np.testing.assert_allclose(w, [1.0, 0.5, 0.0, 0.0], atol=1e-12)
    distances = jnp.array([0.3, 1.0, 1.4999, 1.5, 1.6, 5.0])
    for derivative in (jax.grad(switch_off), jax.grad(jax.grad(switch_off))):
        values = jax.vmap(derivative)(distances)
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values[2:], 0.0, atol=1e-12)


def test_edges_without_distances_are_an_error(parameters):
    edges = pair_edges(1.0)
    bare = EdgeGeometry(edges.neighbors, edges.cutoff, edges.basis, edges.harmonics)
    with pytest.raises(ModelError, match=r"needs edges with distances"):
        ZblRepulsion().apply(parameters, jnp.array([40, 8]), bare)
