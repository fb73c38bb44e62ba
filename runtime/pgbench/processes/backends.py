"""Backends by name, and the command of the process that runs each."""

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pgen.backends.registry import DEVICES, device_names
from pgen.errors import DeviceUnavailable
from pokegan.errors import PokeganError

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

NEEDED = ("torch", "transformers", "onnx", "pgexport")
"""Packages that PyTorch's backends need; none of them is imported here."""


class BackendUnknown(PokeganError, ValueError):
    """A backend name is unknown."""


@dataclass(frozen=True)
class Opened:
    """What a backend's process opens: `model` is a name in the bundle, None for the text-to-image model."""

    bundle: Path
    model: str | None = None
    threads: int = 1


def runtime_backends() -> dict[str, str]:
    """Return pgen's devices by the names of the backends that run on them."""
    return {device.benchmark or name: name for name, device in DEVICES.items()}


def names(text: str) -> list[str]:
    """Read a list of names such as "torch,onnx-cpu"; "all" stands for every backend.

    Raises:
        BackendUnknown: one of them is not the name of a backend.
    """
    known = [*runtime_backends(), *TORCH]
    listed = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in listed:
        if name not in (*known, "all"):
            raise BackendUnknown(f"backend {name!r}: unknown backend; choose from all, {', '.join(known)}")
    return list(dict.fromkeys([*(name for name in listed if name != "all"), *(known if "all" in listed else ())]))


def command(backend: str, opened: Opened) -> list[str]:
    """Compose the command of a backend's process; `backend` is the name of a backend or of a device of pgen.

    Raises:
        DeviceUnavailable: this installation lacks what it needs.
    """
    arguments = [str(opened.bundle), opened.model or "", str(opened.threads)]
    if backend in TORCH:
        if missing := [package for package in NEEDED if not find_spec(package)]:
            raise DeviceUnavailable(
                f"{backend}: needs {', '.join(missing)}; install with: pip install 'pokegan[export]'"
            )
        return [sys.executable, "-m", "pgexport.peers.eager", backend, *arguments]
    device = runtime_backends().get(backend, backend)
    if device not in device_names():
        raise DeviceUnavailable(f"{backend}: this version of pgen has no device {device}; upgrade it, or leave it out")
    return [sys.executable, "-m", "pgbench.processes.pgen_worker", device, *arguments]
