"""What a figure was measured on; never a host name, a user or a path."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pgen.backends.cores import cores
from pgen.backends.cpu import cpu
from pokegan.revision import revision

PACKAGES = (
    "pokegan",
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "pillow",
    "tensorrt",
    "tokenizers",
    "torch",
    "transformers",
)
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def environment() -> dict[str, Any]:
    """Describe processor, GPU, system, versions, revision and load."""
    return {
        **_cpu(),
        "cores": cores(),
        "governor": GOVERNOR.read_text().strip() if GOVERNOR.is_file() else None,
        **_gpu(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: number for name in PACKAGES if (number := _version(name))},
        "revision": revision(),
        "load_average": load_average(),
    }


def load_average() -> list[float] | None:
    """How many processes were ready to run in the last 1, 5 and 15 minutes, where the system counts them."""
    return [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _gpu() -> dict[str, str | None]:
    from pgbench.measuring.meters import nvml

    gpu = nvml()
    return {"gpu": None, "driver": None} if isinstance(gpu, str) else dict(gpu.facts())


def _cpu() -> dict[str, Any]:
    name, features = cpu()
    return {"cpu": name, "features": features or []}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
