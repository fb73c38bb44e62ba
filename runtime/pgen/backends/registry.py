"""The table of devices, which ``--device``, ``pgen doctor`` and pgbench use.

A provider of ONNX Runtime needs only a row; another runtime also needs a module with the functions that its row names.
They are imported when they are called, so that the table imports no runtime.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pgen.backends.base import Session
from pgen.errors import DeviceUnavailable

if TYPE_CHECKING:
    from pgen.bundle.reader import Bundle, Model

AUTO = "auto"
"""Stands for the fastest device that works, see :func:`pgen.backends.devices.fastest_device`."""


@dataclass(frozen=True)
class Device:
    """A device that runs models.

    Attributes:
        name: the value of ``--device``.
        description: a few words on it.
        remedy: what to do if it is not available.
        providers: the providers of its sessions, by priority; the names are ONNX Runtime's for its own.
        on_gpu: whether it computes on a GPU.
        options: settings of the first provider. "{cache}" stands for a folder in the user's cache; a row that names it
            has only options of the cache, which are left out if the folder cannot be written.
        extra: pip extra of the packages that it needs.
        package: package of the runtime that runs its sessions.
        plugin: package with the provider's library, for ONNX Runtime's plug-ins; empty for built-in providers.
        opener: "module:function" that opens a model: (bundle, model, device, threads) to a session.
        prober: "module:function" that raises an error where the device does not work: (device) to nothing.
        preferred: "module:function" that returns whether ``auto`` chooses the device if it works: (device) to bool.
        benchmark: name of its backend in pgbench; empty for the same name.
    """

    name: str
    description: str
    remedy: str
    providers: tuple[str, ...]
    on_gpu: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    extra: str = "cpu"
    package: str = "onnxruntime"
    plugin: str = ""
    opener: str = "pgen.backends.onnxruntime:open_model"
    prober: str = "pgen.backends.onnxruntime:probe"
    preferred: str = ""
    benchmark: str = ""

    def open(self, bundle: "Bundle", model: "Model", threads: int = 0) -> Session:
        """Open a model; errors as :func:`pgen.backends.devices.open_model`."""
        session: Session = _load(self.opener)(bundle, model, self, threads)
        return session

    def probe(self) -> None:
        """Check that the device works.

        Raises:
            DeviceUnavailable: it does not work; the message says why and what to install.
            MissingExtra: a package is not installed.
        """
        _load(self.prober)(self)

    def is_preferred(self) -> bool:
        """Return whether ``auto`` chooses the device if it works."""
        return bool(self.preferred and _load(self.preferred)(self))

    def unavailable(self, reason: str) -> DeviceUnavailable:
        """Make the error for a device that is not available, with the reason and the remedy."""
        return DeviceUnavailable(f"device {self.name}: not available ({reason}); {self.remedy}")


def _load(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


_OPENVINO = {
    "remedy": "install 'pokegan[openvino]', or use device cpu",
    "providers": ("OpenVINO",),
    "extra": "openvino",
    "package": "openvino",
    "opener": "pgen.backends.openvino.session:open_model",
    "prober": "pgen.backends.openvino.probe:probe",
}

_ROWS = (
    Device("cpu", "ONNX Runtime on the CPU", "install 'pokegan[cpu]'", ("CPUExecutionProvider",), benchmark="onnx-cpu"),
    Device(
        "cuda",
        "ONNX Runtime on CUDA",
        "install 'pokegan[gpu]' and a driver, or use device cpu",
        ("CUDAExecutionProvider",),
        on_gpu=True,
        extra="gpu",
        opener="pgen.backends.io_binding:open_model",
        preferred="pgen.backends.onnxruntime:is_built_in",
        benchmark="onnx-cuda",
    ),
    Device(
        "tensorrt",
        "ONNX Runtime's TensorRT provider",
        # ONNX Runtime's provider links libnvinfer.so.10.
        "install 'pokegan[gpu]' 'tensorrt<11' and a driver, or use device cuda or cpu",
        ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
        on_gpu=True,
        extra="gpu",
        options={  # building an engine takes minutes, loading one seconds
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": "{cache}",
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": "{cache}",
        },
    ),
    Device(
        "tensorrt-rtx",
        "ONNX Runtime's plug-in for RTX GPUs",
        "install 'pokegan[cpu,tensorrt-rtx]' and a driver on a machine with an RTX GPU, or use device cpu",
        ("NvTensorRTRTXExecutionProvider",),
        on_gpu=True,
        extra="tensorrt-rtx",
        options={"nv_runtime_cache_path": "{cache}"},
        plugin="onnxruntime_ep_nv_tensorrt_rtx",
    ),
    Device(
        "openvino",
        "OpenVINO on the CPU",  # in bf16 where the CPU computes in it, otherwise in float32
        preferred="pgen.backends.openvino.probe:is_faster",
        **_OPENVINO,  # type: ignore[arg-type]
    ),
    Device("openvino-f32", "OpenVINO on the CPU, in float32", **_OPENVINO),  # type: ignore[arg-type]
    Device(
        "engine",
        "TensorRT's engines",  # built into the bundle by pgexport
        "install 'pokegan[tensorrt]' and a driver on a machine with an NVIDIA GPU, or use device cpu",
        ("TensorRT",),
        on_gpu=True,
        extra="tensorrt",
        package="tensorrt",
        opener="pgen.backends.tensorrt.session:open_model",
        prober="pgen.backends.tensorrt.session:probe",
    ),
)

DEVICES = {row.name: row for row in _ROWS}
"""All devices by name; ``auto`` chooses the first one that is preferred and works."""


def device_names() -> list[str]:
    """List the values of ``--device``."""
    return [AUTO, *DEVICES]


def further_packages() -> list[str]:
    """List the packages of all runtimes other than ONNX Runtime."""
    return [*dict.fromkeys(row.package for row in DEVICES.values() if row.package != Device.package)]


def describe_session(session: Session) -> str:
    """Describe the provider of a session and its version, as "CPUExecutionProvider, onnxruntime 1.20.0"."""
    provider = session.get_providers()[0]
    packages = {row.providers[0]: row.package for row in DEVICES.values()}
    package = packages.get(provider.split()[0], Device.package)
    # Not from the installed distributions, which are slow to search and which a frozen program lacks.
    return f"{provider}, {package} {getattr(sys.modules.get(package), '__version__', '')}".rstrip()


def device_of(providers: list[str]) -> Device:
    """Find the device of a session by its first provider, whose name a precision may follow."""
    first = providers[0].split()[0]
    return next(row for row in DEVICES.values() if row.providers[0] == first)
