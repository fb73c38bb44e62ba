"""How many threads a model gets: the cores that this process may really use."""

import math
import os
from functools import cache
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""A container's share of the CPU: microseconds of work, and the period in microseconds."""


def cores() -> int:
    """Count the CPUs that this process may be scheduled on; two threads of one core count twice."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def physical_cores() -> int:
    """Count the physical cores that this process may use, within a container's quota.

    ONNX Runtime counts all cores of the machine and pins a thread to each, which goes wrong in a container and
    beside other work. Arithmetic gains nothing from the second thread of a core.
    """
    return max(1, min(_physical(), _quota()))


def _physical() -> int:
    if not hasattr(os, "sched_getaffinity"):
        return cores()
    here = Path("/sys/devices/system/cpu")
    siblings = [here / f"cpu{number}/topology/thread_siblings_list" for number in os.sched_getaffinity(0)]
    try:
        return len({path.read_text() for path in siblings})
    except OSError:  # a system that does not report it
        return cores()


def _quota() -> int:
    try:
        work, time = QUOTA.read_text().split()
        return cores() if work == "max" else math.ceil(int(work) / int(time))
    except (OSError, ValueError):
        return cores()
