"""Sums of pair messages over the neighbours of every atom, forwards and backwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from confvib.forcefield.compiled.pairs import PairList

Tree: TypeAlias = Any
"""A pytree of arrays with one common leading axis."""

PairMessage: TypeAlias = Callable[[Tree, Tree, Tree, Tree], tuple[Tree, Tree]]
"""Rows of the first and of the second atoms, geometry and common part of some pairs, to
what the first and what the second atoms receive; row by row, for any number of pairs."""

CommonPart: TypeAlias = Callable[[Tree, Tree, Tree], Tree]
"""Rows of the first and of the second atoms and geometry of some pairs, to what both
directions of a message have in common."""

_BlockFn: TypeAlias = Callable[[Array, Array, Tree], tuple[tuple[Tree, Tree], Tree]]
"""First atoms, second atoms and geometry of a block to what the two kinds of atoms
receive, and to something for each pair."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Incidence:
    """The pairs that each atom is part of: the reverse of a pair list.

    Attributes:
        entries: Entry p for pair p as its first atom, P + p as its second, ``(N, K)``.
        mask: True in used slots, ``(N, K)``.
        overflow: True when an atom is part of more than K pairs.
    """

    entries: Array
    mask: Array
    overflow: Array


def incidence(pairs: PairList, n_atoms: int, capacity: int) -> Incidence:
    """Sort the entries of a pair list by atom.

    Args:
        pairs: The pairs.
        n_atoms: Number N of atoms.
        capacity: Slots K per atom.

    Returns:
        The reverse list; check its ``overflow``.
    """
    atoms = jnp.concatenate([pairs.first, pairs.second])
    used = jnp.concatenate([pairs.used, pairs.used])
    keys = jnp.where(used, atoms, n_atoms)
    order = jnp.argsort(keys, stable=True).astype(jnp.int32)
    ends = jnp.searchsorted(keys[order], jnp.arange(n_atoms + 1))
    slots = ends[:-1, None] + jnp.arange(capacity)
    mask = slots < ends[1:, None]
    return Incidence(
        entries=order[jnp.where(mask, slots, 0)],
        mask=mask,
        overflow=jnp.any(ends[1:] - ends[:-1] > capacity),
    )


def pair_sum(
    message: PairMessage,
    atoms: Tree,
    geometry: Tree,
    pairs: PairList,
    *,
    common: CommonPart,
    block: int | Incidence,
) -> Tree:
    r"""Add up what every atom receives from its pairs.

    .. math:: m_i = \sum_{p:\,i = \mathrm{first}(p)} f_1(a_i, a_j, g_p, c_p)
              + \sum_{p:\,i = \mathrm{second}(p)} f_2(a_j, a_i, g_p, c_p), \quad
              c_p = c(a_i, a_j, g_p)

    Of all intermediates only the common part is kept for the derivative: the backward
    sweep evaluates the messages again, block by block, while they fit a processor's
    cache. Both sweeps run over as many blocks as there are pairs, whatever the capacity.

    Reverse-mode and forward-over-reverse derivatives work; forward mode alone does not.

    Args:
        message: The pair function; its captured arrays are constants.
        atoms: Arrays with leading axis N.
        geometry: Arrays with leading axis P; the message must vanish with its derivatives
            where the slot is unused.
        pairs: The pairs.
        common: The part that is dear to evaluate and worth its memory.
        block: Number of pairs to treat at once, a divisor of P: sums are then scattered
            in the order of the pairs, best on a processor. Or the reverse list: all
            pairs at once and sums gathered in a fixed order, best on a GPU, where
            scattered sums would change from run to run.

    Returns:
        Sums with leading axis N.
    """
    reverse = block if isinstance(block, Incidence) else None
    n_atoms = jax.tree.leaves(atoms)[0].shape[0]

    def over_pairs(evaluate: _BlockFn, geometry: Tree, lists: Tree) -> tuple[Tree, Tree]:
        pairs, reverse = lists
        if reverse is not None:
            return _all_at_once(evaluate, geometry, pairs, reverse)
        assert isinstance(block, int)
        return _block_by_block(evaluate, geometry, pairs, block, n_atoms)

    def forward(atoms: Tree, geometry: Tree, lists: Tree) -> tuple[Tree, Tree]:
        def evaluate(first: Array, second: Array, part: Tree) -> tuple[Any, Tree]:
            rows = _rows(atoms, first), _rows(atoms, second)
            shared = common(*rows, part)
            return message(*rows, part, shared), shared

        sums, shared = over_pairs(evaluate, geometry, lists)
        return sums, (atoms, (geometry, shared), lists)

    def backward(kept: Tree, slope: Tree) -> tuple[Tree, Tree, None]:
        atoms, parts, lists = kept

        def evaluate(first: Array, second: Array, parts: Tree) -> tuple[Any, Tree]:
            rows = _rows(atoms, first), _rows(atoms, second)
            _, pull = jax.vjp(message, *rows, *parts)
            *direct, of_shared = pull((_rows(slope, first), _rows(slope, second)))
            _, pull = jax.vjp(common, *rows, parts[0])
            *of_atoms, of_part = jax.tree.map(jnp.add, direct, list(pull(of_shared)))
            return tuple(of_atoms), of_part

        # Traced when a caller differentiates, outside the context of the forward sweep.
        with jax.default_matmul_precision("highest"):
            slopes = over_pairs(evaluate, parts, lists)
        return *slopes, None

    @jax.custom_vjp
    def sums(atoms: Tree, geometry: Tree, lists: Tree) -> Tree:
        return forward(atoms, geometry, lists)[0]

    sums.defvjp(forward, backward)
    return sums(atoms, geometry, (pairs, reverse))


def _block_by_block(
    evaluate: _BlockFn, geometry: Tree, pairs: PairList, size: int, n_atoms: int
) -> tuple[Tree, Tree]:
    n_slots = pairs.first.shape[0]

    def cut(k: Array | int) -> Tree:
        return jax.tree.map(
            lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, k * size, size),
            (pairs.first, pairs.second, geometry),
        )

    def add(k: Array, carry: tuple[Tree, Tree]) -> tuple[Tree, Tree]:
        sums, of_pairs = carry
        first, second, part = cut(k)
        (to_first, to_second), values = evaluate(first, second, part)
        sums = _scattered(_scattered(sums, first, to_first), second, to_second)
        of_pairs = jax.tree.map(
            lambda whole, new: jax.lax.dynamic_update_slice_in_dim(
                whole, new, k * size, axis=0
            ),
            of_pairs,
            values,
        )
        return sums, of_pairs

    (received, _), values = jax.eval_shape(lambda: evaluate(*cut(0)))
    nothing = _zeros(received, n_atoms), _zeros(values, n_slots)
    n_blocks = (jnp.minimum(pairs.count, n_slots) + size - 1) // size
    return jax.lax.fori_loop(0, n_blocks, add, nothing)


def _all_at_once(
    evaluate: _BlockFn, geometry: Tree, pairs: PairList, reverse: Incidence
) -> tuple[Tree, Tree]:
    def gathered(to_first: Array, to_second: Array) -> Array:
        entries = _rows(jnp.concatenate([to_first, to_second]), reverse.entries)
        return jnp.sum(jnp.where(reverse.mask[..., None], entries, 0), axis=1)

    received, values = evaluate(pairs.first, pairs.second, geometry)
    return jax.tree.map(gathered, *received), values


def _rows(tree: Tree, index: Array) -> Tree:
    return jax.tree.map(lambda leaf: leaf.at[index].get(mode="promise_in_bounds"), tree)


def _scattered(sums: Tree, index: Array, rows: Tree) -> Tree:
    return jax.tree.map(
        lambda total, row: total.at[index].add(row, mode="promise_in_bounds"), sums, rows
    )


def _zeros(like: Tree, length: int) -> Tree:
    return jax.tree.map(
        lambda leaf: jnp.zeros((length, *leaf.shape[1:]), leaf.dtype), like
    )
