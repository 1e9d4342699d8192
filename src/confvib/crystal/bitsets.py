"""Sets of sites as rows of 64-bit words, and permutations acting on many at once.

Site 0 is the highest bit of the first word, so comparing two rows word by word as
unsigned integers compares their bit strings, and so does comparing their packed bytes.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_WORD = 64
_TABLE_CAP_BYTES = 1 << 28

Words: TypeAlias = NDArray[np.uint64]
"""Sets of sites, (n, words)."""


def pack_words(occupancy: NDArray[np.bool_]) -> Words:
    """Pack occupied sites into words.

    Args:
        occupancy: which sites each set holds, (n, M).

    Returns:
        The sets, (n, ceil(M / 64)).
    """
    n_rows, n_sites = occupancy.shape
    padded = np.zeros((n_rows, -(-n_sites // _WORD) * 8), dtype=np.uint8)
    packed = np.packbits(occupancy, axis=1)
    padded[:, : packed.shape[1]] = packed
    return padded.view(">u8").astype(np.uint64)


def unpack_words(words: Words, n_sites: int) -> NDArray[np.bool_]:
    """Undo pack_words.

    Args:
        words: the sets, (n, words).
        n_sites: number of sites M.

    Returns:
        Which sites each set holds, (n, M).
    """
    return np.unpackbits(as_bytes(words), axis=1, count=n_sites).astype(bool)


def as_bytes(words: Words) -> NDArray[np.uint8]:
    """View words as bytes in site order, (n, 8 * words)."""
    return np.ascontiguousarray(words.astype(">u8")).view(np.uint8)


def less(first: Words, second: Words) -> NDArray[np.bool_]:
    """Tell where the first bit string is lexicographically smaller, row by row.

    Args:
        first: (n, words).
        second: (n, words).

    Returns:
        Truth per row, (n,).
    """
    result = np.zeros(len(first), dtype=bool)
    for column in range(first.shape[1] - 1, -1, -1):
        a, b = first[:, column], second[:, column]
        result = (a < b) | ((a == b) & result)
    return result


@dataclass(frozen=True, eq=False)
class Permuter:
    """Permutations of the sites, tabulated byte by byte.

    Attributes:
        permutations: operation g takes site i to permutations[g, i], (G, M).
        tables: image of every value of every byte, (G, words, bytes, 256), or None
            where that would not fit in memory and tables are built when needed.
    """

    permutations: NDArray[np.int64]
    tables: Words | None

    @classmethod
    def build(cls, permutations: NDArray[np.int64]) -> "Permuter":
        """Tabulate permutations.

        Args:
            permutations: (G, M).

        Returns:
            The tabulated permutations.
        """
        n_operations, n_sites = permutations.shape
        size = n_operations * -(-n_sites // _WORD) * -(-n_sites // 8) * 256 * 8
        if size > _TABLE_CAP_BYTES:
            return cls(permutations, None)
        tables = np.stack([_table(permutation) for permutation in permutations])
        return cls(permutations, tables)

    def images(self, operation: int, words: Words) -> Words:
        """Map sets by one operation.

        Args:
            operation: index g.
            words: the sets, (n, words).

        Returns:
            The images, (n, words).
        """
        if self.tables is None:
            table = _table(self.permutations[operation])
        else:
            table = self.tables[operation]
        result = np.zeros_like(words)
        content = as_bytes(words)
        for byte in range(table.shape[1]):
            values = content[:, byte].astype(np.intp)
            if not values.any():
                continue
            for column in range(words.shape[1]):
                result[:, column] |= table[column, byte].take(values)
        return result


def _table(permutation: NDArray[np.int64]) -> Words:
    n_sites = len(permutation)
    n_bytes = -(-n_sites // 8)
    single = np.zeros((n_bytes * 8, -(-n_sites // _WORD)), dtype=np.uint64)
    single[:n_sites] = pack_words(np.eye(n_sites, dtype=bool))[permutation]
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(bool)
    table = np.zeros((single.shape[1], n_bytes, 256), dtype=np.uint64)
    for byte in range(n_bytes):
        for bit in range(8):
            table[:, byte, bits[:, bit]] |= single[8 * byte + bit][:, None]
    return table
