"""The machine that a result was measured on, without host name, user and paths."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pgbench.measuring.meters import Nvml, nvml
from pgen.backends.cores import cores, cpu
from pgen.backends.registry import further_packages
from pokegan.revision import revision

PACKAGES = ("pokegan", "numpy", "onnxruntime", "onnxruntime-gpu", "pillow", "tokenizers", "torch", "transformers")
"""Distributions whose versions are recorded, beside those of further runtimes."""

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def environment() -> dict[str, Any]:
    """Describe processor, GPU, system, versions, revision and load."""
    name, features = cpu()
    gpu = nvml()
    return {
        "cpu": name,
        "features": features or [],
        "cores": cores(),
        "governor": GOVERNOR.read_text().strip() if GOVERNOR.is_file() else None,
        **(gpu.facts() if isinstance(gpu, Nvml) else {"gpu": None, "driver": None}),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: number for name in (*PACKAGES, *further_packages()) if (number := _version(name))},
        "revision": revision(),
        "load_average": load_average(),
    }


def load_average() -> list[float] | None:
    """Return the load averages of the last 1, 5 and 15 minutes; None on systems without them."""
    return [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
