"""What a compiled program needs of a device's memory, and what the device has."""

import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProgramMemory:
    """Memory that a compiled program needs on its device.

    Attributes:
        data_bytes: Its arguments and results.
        work_bytes: Intermediate values.
    """

    data_bytes: int
    work_bytes: int

    @property
    def total_bytes(self) -> int:
        """Everything at once."""
        return self.data_bytes + self.work_bytes

    def __str__(self) -> str:
        return (
            f"{readable_size(self.total_bytes)} ({readable_size(self.data_bytes)} data, "
            f"{readable_size(self.work_bytes)} work)"
        )


def program_memory(compiled: Any) -> ProgramMemory:
    """Ask the compiler what a program needs.

    Args:
        compiled: A compiled function of JAX.

    Returns:
        Its memory.
    """
    found = compiled.memory_analysis()
    shared = found.alias_size_in_bytes
    data = found.argument_size_in_bytes + found.output_size_in_bytes - shared
    return ProgramMemory(data_bytes=data, work_bytes=found.temp_size_in_bytes)


def device_bytes(device: Any) -> int:
    """Return the memory of a device: its own, or the computer's for a processor.

    Args:
        device: A device of JAX.
    """
    of_computer = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return own_bytes(device) or of_computer


def own_bytes(device: Any) -> int | None:
    """Return the memory that a device has of its own; None for a processor.

    Args:
        device: A device of JAX.
    """
    return (device.memory_stats() or {}).get("bytes_limit")


def readable_size(n_bytes: int) -> str:
    """Write a number of bytes with three figures or so."""
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.2f} MB"
