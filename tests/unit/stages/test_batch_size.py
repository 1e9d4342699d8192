"""As much at once as a card holds, known before it is tried."""

import jax.numpy as jnp
import numpy as np
import pytest

from confvib.forcefield.potential import without_table
from confvib.stages import batch_size
from confvib.stages.batch_size import bytes_of_cells, bytes_of_columns, that_fits

SHAPE = (60, 3)


def energy_fn():
    """A network with one layer that is much wider than its input."""
    inward = jnp.asarray(np.random.default_rng(0).normal(size=(180, 4000)))

    def energy_eV(positions):
        hidden = jnp.tanh(positions.reshape(-1) @ inward.astype(positions.dtype))
        return jnp.sum(jnp.tanh(hidden @ inward.astype(positions.dtype).T))

    return without_table(energy_eV)


@pytest.mark.parametrize(
    ("needed", "largest"),
    [
        (bytes_of_cells(energy_fn(), SHAPE, "float32"), 32),
        (bytes_of_columns(energy_fn(), SHAPE), 180),
    ],
    ids=["cells", "columns"],
)
def test_the_largest_batch_that_fits(needed, largest):
    said = []
    for limit_bytes in (2 * needed(3), 2 * needed(6)):
        found = that_fits(needed, largest, limit_bytes, said.append)
        assert 3 <= found < largest
        assert needed(found) <= 0.8 * limit_bytes
        assert said.pop().startswith(f"{found} instead of {largest} at once")
    assert that_fits(needed, largest, 10 * needed(largest), said.append) == largest
    assert said == []


def test_one_is_tried_in_any_case():
    assert that_fits(lambda n: 100 * n, 64, 10, lambda _: None) == 1


def test_without_a_limit_nothing_is_compiled():
    def needed(_):
        pytest.fail("compiled")

    assert that_fits(needed, 64, None, lambda _: None) == 64


def test_a_processor_has_no_limit():
    assert batch_size.memory_limit() is None
