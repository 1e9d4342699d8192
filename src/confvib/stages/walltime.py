"""When the scheduler ends a job."""

import math
import os
import time

_STARTUP_S = 120.0
"""What a job may have spent before it asks, where its start is not known [s]."""


def walltime_ends_at_s(runtime_min: float) -> float:
    """Return when the walltime of this job ends.

    Slurm says it (since 22.05); PBS does not, and the job has just begun. Without a
    scheduler nothing ends a job.

    Args:
        runtime_min: Walltime that the rule asks for [minutes].

    Returns:
        A time of ``time.monotonic`` [s]; inf outside a scheduler.
    """
    now_s = time.monotonic()
    if end := os.environ.get("SLURM_JOB_END_TIME"):
        return now_s + float(end) - time.time()
    if "SLURM_JOB_ID" in os.environ or "PBS_JOBID" in os.environ:
        return now_s + 60.0 * runtime_min - _STARTUP_S
    return math.inf
