"""Backends by name: what can be measured, and the process that runs each."""

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pgen.backends.base import DEVICES
from pgen.errors import DeviceUnavailable
from pokegan.errors import PokeganError

RUNTIME = {
    "onnx-cpu": "cpu",
    "openvino": "openvino",
    "openvino-f32": "openvino-f32",
    "onnx-cuda": "cuda",
    "tensorrt": "tensorrt",
    "tensorrt-rtx": "tensorrt-rtx",
    "engine": "engine",
}
"""This project's backends, and what ``pgen --device`` calls each."""

TORCH = (
    "torch",
    "torch-bf16",
    "torch-compile",
    "torch-compile-bf16",
    "torch-cuda",
    "torch-cuda-fp16",
    "torch-cuda-compile",
    "torch-cuda-graph",
)
"""PyTorch on the same weights: eager, half precision by autocast, compiled, and with CUDA graphs."""

NAMES = (*RUNTIME, *TORCH)

NEEDED = ("torch", "transformers", "onnx", "pgexport")
"""What PyTorch's backends need; nothing of it is imported here."""


class BackendUnknown(PokeganError, ValueError):
    """A name that is no backend's."""


@dataclass(frozen=True)
class Opened:
    """What a backend's process is told: `model` is a name in the bundle, None for the one that draws from text."""

    bundle: Path
    model: str | None = None
    threads: int = 1


def names(told: str) -> list[str]:
    """Read a list of names such as "torch,onnx-cpu"; "all" stands for every one.

    Raises:
        BackendUnknown: one of them is no backend's.
    """
    asked = list(dict.fromkeys(name.strip() for name in told.split(",") if name.strip()))
    for name in asked:
        if name not in (*NAMES, "all"):
            raise BackendUnknown(f"--vs {name}: there is no such backend; there are all, {', '.join(NAMES)}")
    return list(dict.fromkeys([*(name for name in asked if name != "all"), *(NAMES if "all" in asked else ())]))


def command(backend: str, opened: Opened) -> list[str]:
    """Compose the command of a backend's process; `backend` is one of NAMES or of pgen's devices.

    Raises:
        DeviceUnavailable: this installation lacks what it needs.
    """
    told = [str(opened.bundle), opened.model or "", str(opened.threads)]
    if backend in TORCH:
        if missing := [package for package in NEEDED if not find_spec(package)]:
            raise DeviceUnavailable(
                f"{backend}: needs {', '.join(missing)}; mend it with: pip install 'pokegan[export]'"
            )
        return [sys.executable, "-m", "pgexport.peers.eager", backend, *told]
    device = RUNTIME.get(backend, backend)
    if device not in DEVICES:
        raise DeviceUnavailable(f"{backend}: this version of pgen has no device {device}; upgrade it, or leave it out")
    return [sys.executable, "-m", "pgbench.processes.runtime", device, *told]
