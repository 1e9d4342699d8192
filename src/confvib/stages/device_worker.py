"""A process that does one device's share of a chunk: ``python -m`` of this module.

The task comes as JSON on standard input: name of the stage and its arguments.
"""

import io
import json
import os
import sys
from importlib import import_module
from typing import Any

import jax

from confvib.errors import CampaignError, Interrupted
from confvib.stages.job import Progress

INTERRUPTED = 75
"""Exit status of a process that was told to end: try again (EX_TEMPFAIL)."""


def main(task: dict[str, Any]) -> int:
    """Do a share of a chunk.

    Args:
        task: ``stage`` and ``arguments``, of which ``params`` holds the share; ``job``,
            the process to report to.

    Returns:
        Exit status.
    """
    if os.getppid() != task["job"]:
        return INTERRUPTED
    part, _ = task["arguments"]["params"]["share"]
    stage = getattr(import_module(f"confvib.stages.{task['stage']}"), task["stage"])
    # Standard error is read by the job, which keeps the log.
    progress = Progress(f"device {part}", io.StringIO())
    if jax.default_backend() == "cpu":
        # A card is chosen by the environment; the devices of a processor are not.
        devices = jax.local_devices()
        jax.config.update("jax_default_device", devices[part % len(devices)])
    try:
        stage(**task["arguments"], progress=progress)
    except Interrupted as reason:
        progress.say(str(reason))
        return INTERRUPTED
    except CampaignError as error:
        progress.say(f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(json.load(sys.stdin)))
