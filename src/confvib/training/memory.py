"""Does a training step fit into the device's memory? Asked before the first step."""

from collections.abc import Callable
from typing import Any

from confvib.errors import TrainingError
from confvib.forcefield.memory import ProgramMemory, device_bytes, readable_size


def describe(memory: ProgramMemory, device: Any) -> str:
    """Say what a step needs of what there is.

    Args:
        memory: What it needs.
        device: Where it runs.

    Returns:
        One sentence.
    """
    available = readable_size(device_bytes(device))
    return f"a step needs {memory} of {available} on {device.device_kind}"


def require_fit(
    memory: ProgramMemory,
    available_bytes: int,
    batch_size: int,
    with_microbatch: Callable[[int], ProgramMemory],
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
        f"{readable_size(available_bytes)}: {advice}"
    )
