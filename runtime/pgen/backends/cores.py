"""The processor: its instructions, and the cores that this process may use."""

import math
import os
import platform
from functools import cache
from pathlib import Path

FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "i8mm", "bf16")
"""Instructions that make networks faster, as Linux names them."""

QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""A container's share of the CPU: microseconds of work, and the period in microseconds."""


def cores() -> int:
    """Count the logical CPUs that this process may be scheduled on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def physical_cores() -> int:
    """Count the physical cores that this process may use, within a container's quota.

    ONNX Runtime's default is a thread pinned to each core of the machine, which is slow in a container with fewer
    cores and beside other processes. Arithmetic gains nothing from hyper-threading.
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


def cpu() -> tuple[str, list[str] | None]:
    """Name the processor and which of FEATURES it has; None where the system does not list them."""
    listing = Path("/proc/cpuinfo")
    if not listing.is_file():
        return platform.processor() or platform.machine(), None
    lines = listing.read_text().split("\n\n")[0].splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return fields.get("model name") or platform.machine(), [feature for feature in FEATURES if feature in flags]
