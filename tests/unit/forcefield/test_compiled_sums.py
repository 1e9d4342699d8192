import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.forcefield.compiled.pair_sum import incidence, pair_sum
from confvib.forcefield.compiled.pairs import PairList

N_ATOMS, N_SLOTS, N_USED = 7, 24, 17
CAPACITY = 12


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    ends = np.zeros((2, N_SLOTS), np.int32)
    ends[:, :N_USED] = rng.integers(0, N_ATOMS, (2, N_USED))  # an atom with itself, too
    used = np.arange(N_SLOTS) < N_USED
    return PairList(
        first=jnp.asarray(ends[0]),
        second=jnp.asarray(ends[1]),
        shifts=jnp.zeros((3, N_SLOTS)),
        used=jnp.asarray(used),
        count=jnp.int32(N_USED),
    )


@pytest.fixture(scope="module")
def inputs(pairs):
    rng = np.random.default_rng(1)
    rows = {"a": rng.normal(size=(N_ATOMS, 3)), "b": rng.normal(size=(N_ATOMS, 2))}
    weight = rng.normal(size=N_SLOTS) * np.asarray(pairs.used)
    return jax.tree.map(jnp.asarray, (rows, weight))


def common(first, second, weight):
    """What depends on both ends and on the pair."""
    return jnp.cos(first["a"] * second["b"][:, :1] + weight[:, None])


def message(first, second, weight, shared):
    """Something without symmetry, with two results of different widths."""
    weight = weight[:, None]

    def one_way(sign, centre, neighbor):
        mixed = jnp.sin(centre["a"] * neighbor["a"] + sign) * neighbor["b"][:, :1]
        return (
            weight**2 * mixed * shared,
            weight * centre["b"] * jnp.cos(neighbor["b"]),
        )

    return one_way(1.0, first, second), one_way(-0.5, second, first)


def scattered(pairs, rows, weight):
    """Sum all used pairs at once, with the derivatives that JAX finds."""
    ends = np.stack([pairs.first, pairs.second])[:, :N_USED]
    picked = [jax.tree.map(lambda leaf, k=k: leaf[k], rows) for k in ends]
    known = weight[:N_USED]
    received = message(*picked, known, common(*picked, known))
    sums = jnp.zeros((N_ATOMS, 3)), jnp.zeros((N_ATOMS, 2))
    for end, parts in zip(ends, received, strict=True):
        sums = tuple(s.at[end].add(m) for s, m in zip(sums, parts, strict=True))
    return sums


def ours(rows, weight, pairs, block):
    return pair_sum(message, rows, weight, pairs, common=common, block=block)


def layouts(pairs):
    return {
        "blocks of 4": 4,
        "blocks of 8": 8,
        "one block": N_SLOTS,
        "gathered": incidence(pairs, N_ATOMS, CAPACITY),
    }


def sums_and_derivatives(evaluate, inputs, used):
    """Sums, slopes of a scalar made of them, and its curvature along a direction."""
    rng = np.random.default_rng(2)
    weights = [jnp.asarray(rng.normal(size=(N_ATOMS, width))) for width in (3, 2)]

    def energy(inputs):
        sums = evaluate(*inputs)
        return sum(jnp.vdot(w, s**2) for w, s in zip(weights, sums, strict=True))

    # What an unused slot's geometry would change has no meaning.
    rows, weight = jax.tree.map(lambda leaf: jnp.cos(3 * leaf), inputs)
    direction = rows, jnp.where(used, weight, 0)

    @jax.jit
    def both(inputs):
        slope, bend = jax.jvp(jax.grad(energy), (inputs,), (direction,))
        masked = [(rows, jnp.where(used, weight, 0)) for rows, weight in (slope, bend)]
        return evaluate(*inputs), *masked

    return both(inputs)


@pytest.fixture(scope="module")
def expected(pairs, inputs):
    return sums_and_derivatives(
        lambda rows, weight: scattered(pairs, rows, weight), inputs, pairs.used
    )


@pytest.mark.parametrize(
    "layout", ["blocks of 4", "blocks of 8", "one block", "gathered"]
)
def test_sums_and_both_derivatives_are_those_of_a_scatter(
    pairs, inputs, expected, layout
):
    block = layouts(pairs)[layout]
    found = sums_and_derivatives(
        lambda rows, weight: ours(rows, weight, pairs, block),
        inputs,
        pairs.used,
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-11), found, expected
    )


def test_reverse_list_holds_every_end_once(pairs):
    reverse = incidence(pairs, N_ATOMS, CAPACITY)
    assert not reverse.overflow
    ends = np.concatenate([pairs.first, pairs.second])
    for atom in range(N_ATOMS):
        own = np.asarray(reverse.entries[atom])[np.asarray(reverse.mask[atom])]
        used = own[own % N_SLOTS < N_USED]
        np.testing.assert_array_equal(np.sort(own), np.sort(used))
        expected = [e for e in np.flatnonzero(ends == atom) if e % N_SLOTS < N_USED]
        np.testing.assert_array_equal(np.sort(own), expected)
    widest = int(reverse.mask.sum(axis=1).max())
    assert not incidence(pairs, N_ATOMS, widest).overflow
    assert incidence(pairs, N_ATOMS, widest - 1).overflow


def test_only_blocks_with_pairs_are_evaluated(pairs, inputs):
    rows, weight = inputs
    beyond = jnp.arange(N_SLOTS) >= 20  # 17 pairs fill five blocks of four, not the sixth
    poisoned = jnp.where(beyond, jnp.nan, weight)
    sums = ours(rows, poisoned, pairs, 4)
    assert all(bool(jnp.isfinite(s).all()) for s in sums)


def test_batched_sums_equal_single_ones(pairs, inputs):
    rows, weight = inputs
    weights = jnp.stack([weight, 2 * weight, 0 * weight])
    for layout in ("blocks of 8", "gathered"):
        block = layouts(pairs)[layout]
        batched = jax.vmap(lambda w, b=block: ours(rows, w, pairs, b))(weights)
        for index, one in enumerate(weights):
            single = ours(rows, one, pairs, block)
            jax.tree.map(
                lambda a, b, index=index: np.testing.assert_allclose(
                    a[index], b, atol=1e-13
                ),
                batched,
                single,
            )
