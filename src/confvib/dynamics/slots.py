"""More cells than places on the device: who sits where, who waits, who is done."""

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


class Queue:
    """Slots of a batch, filled in order; a slot that is left is free for the next cell.

    Args:
        n_cells: Cells to serve, named by their index.
        n_slots: Slots, which need not all be in use.
    """

    def __init__(self, n_cells: int, n_slots: int) -> None:
        self.n_slots = n_slots
        self._waiting = deque(range(n_cells))
        self._held: dict[int, int] = {}

    def leave(self, at_rest: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
        """Free the slots whose cell is at rest.

        Args:
            at_rest: True for such slots, shape (n_slots,); empty slots do not count.

        Yields:
            Slot and cell.
        """
        for slot in np.flatnonzero(at_rest).tolist():
            if slot in self._held:
                yield slot, self._held.pop(slot)

    def enter(self) -> Iterator[tuple[int, int]]:
        """Fill the free slots, lowest first.

        Yields:
            Slot and cell.
        """
        for slot in range(self.n_slots):
            if slot not in self._held and self._waiting:
                self._held[slot] = self._waiting.popleft()
                yield slot, self._held[slot]
