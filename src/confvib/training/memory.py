"""Does a training step fit into the device's memory? Asked before the first step."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confvib.errors import TrainingError


@dataclass(frozen=True)
class StepMemory:
    """Memory that a compiled program needs on its device.

    Attributes:
        data_bytes: Its arguments and results: frames, parameters, optimiser.
        work_bytes: Intermediate values of one step.
    """

    data_bytes: int
    work_bytes: int

    @property
    def total_bytes(self) -> int:
        """Everything at once."""
        return self.data_bytes + self.work_bytes

    def __str__(self) -> str:
        return (
            f"{_size(self.total_bytes)} ({_size(self.data_bytes)} data, "
            f"{_size(self.work_bytes)} work)"
        )


def step_memory(compiled: Any) -> StepMemory:
    """Ask the compiler what a program needs.

    Args:
        compiled: A compiled function of JAX.

    Returns:
        Its memory.
    """
    found = compiled.memory_analysis()
    shared = found.alias_size_in_bytes
    data = found.argument_size_in_bytes + found.output_size_in_bytes - shared
    return StepMemory(data_bytes=data, work_bytes=found.temp_size_in_bytes)


def device_bytes(device: Any) -> int:
    """Return the memory of a device: its own, or the computer's for a processor.

    Args:
        device: A device of JAX.
    """
    statistics = device.memory_stats() or {}
    of_computer = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(statistics.get("bytes_limit", of_computer))


def describe(memory: StepMemory, device: Any) -> str:
    """Say what a step needs of what there is.

    Args:
        memory: What it needs.
        device: Where it runs.

    Returns:
        One sentence.
    """
    available = _size(device_bytes(device))
    return f"a step needs {memory} of {available} on {device.device_kind}"


def require_fit(
    memory: StepMemory,
    available_bytes: int,
    batch_size: int,
    with_microbatch: Callable[[int], StepMemory],
) -> None:
    """Refuse a step that does not fit, and say which microbatch would.

    Args:
        memory: What the step needs as configured.
        available_bytes: What the device has.
        batch_size: Frames per step.
        with_microbatch: Compiles the step with so many frames in memory at a time.

    Raises:
        TrainingError: The step does not fit.
    """
    if memory.total_bytes <= available_bytes:
        return
    divisors = [n for n in range(batch_size - 1, 0, -1) if batch_size % n == 0]
    fitting = (n for n in divisors if with_microbatch(n).total_bytes <= available_bytes)
    chosen = next(fitting, None)
    advice = (
        f"set training.microbatch to {chosen}"
        if chosen
        else "not even single frames fit; make the network or the cell smaller"
    )
    raise TrainingError(
        f"a step of {batch_size} frames needs {memory}, the device has "
        f"{_size(available_bytes)}: {advice}"
    )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.2f} MB"
