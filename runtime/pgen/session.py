"""Devices: the one place that decides where a model runs."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pgen.errors import BundleInvalid, DeviceUnavailable, RunFailed
from pokegan.cli import needs_extra
from pokegan.errors import PokeganError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

    from pgen.bundle import Bundle, Model

ENGINE = "engine"
"""TensorRT itself, on the engines that ``pgexport --tensorrt`` built into the bundle."""

RTX = "tensorrt-rtx"
"""ONNX Runtime's plug-in for GeForce RTX, a package of its own with its libraries inside."""

PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider"],
    RTX: ["NvTensorRTRTXExecutionProvider"],
}
"""ONNX Runtime's providers for each device that can be asked for."""

DEVICES = ("auto", *PROVIDERS, ENGINE)
"""auto: CUDA where ONNX Runtime can really use it, otherwise the CPU."""

MENDS = {
    "cuda": "install 'pokegan[gpu]' and a driver, or use --device cpu",
    # ONNX Runtime 1.31's provider links libnvinfer.so.10.
    "tensorrt": "install 'pokegan[gpu]' 'tensorrt<11' and a driver, or use --device cuda or cpu",
    RTX: "install 'pokegan[cpu,tensorrt-rtx]' and a driver on a machine with an RTX GPU, or use --device cpu",
}


class Session(Protocol):
    """What the runtime asks of a session: ONNX Runtime's and TensorRT's both have it."""

    def run(self, outputs: Sequence[str], feeds: dict[str, Any]) -> Sequence[Any]:
        """Compute the named outputs."""
        ...

    def get_providers(self) -> list[str]:
        """List what it runs on, best first."""
        ...


def open_model(bundle: "Bundle", model: "Model", device: str = "auto", threads: int = 0) -> Session:
    """Make a session for a model of a bundle; arguments and errors as in :func:`open_session`.

    Raises:
        EngineInvalid: `device` is "engine", and the engine was built for another model, TensorRT or GPU.
        BundleNotFound: `device` is "engine", and the bundle has none.
    """
    if device == ENGINE:
        from pgen.tensorrt_session import open_engine

        return open_engine(bundle, model)
    session: Session = open_session(bundle.graph(model), model.file, device, threads)
    return session


def open_session(model: bytes, name: str, device: str = "auto", threads: int = 0) -> "InferenceSession":
    """Make an ONNX Runtime session for a checked model file.

    Args:
        model: content of the .onnx file.
        name: file name, for messages.
        device: one of DEVICES, but not "engine".
        threads: threads inside an operator; 0 leaves the choice to ONNX Runtime (one a core).

    Raises:
        DeviceUnavailable: `device` was asked for by name and ONNX Runtime cannot use it.
        BundleInvalid: ONNX Runtime cannot read the model.
        MissingExtra: ONNX Runtime is not installed.
    """
    with needs_extra("cpu"):
        import onnxruntime

    onnxruntime.set_default_logger_severity(4)  # what matters is checked below and told in one line
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    wanted = _providers(device)
    try:
        session = (
            _open_rtx(model, options) if device == RTX else _open_built_in(model, options, wanted, device == "auto")
        )
    except PokeganError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class
        reason = " ".join(str(error).split())[:200]
        raise BundleInvalid(f"{name}: ONNX Runtime cannot load it ({reason}); export the bundle again") from error
    # A provider that fails to start is dropped without an exception: only the session knows what it got.
    if device != "auto":
        if session.get_providers()[0] != wanted[0]:
            raise _unavailable(device, "ONNX Runtime could not start it")
        session.disable_fallback()  # or a failing run would go on elsewhere
    return session


def _providers(device: str) -> list[str]:
    import onnxruntime

    built_in = onnxruntime.get_available_providers()
    if device == "auto":
        return [name for name in PROVIDERS["cuda"] if name in built_in]
    if device != RTX and PROVIDERS[device][0] not in built_in:
        raise _unavailable(device, "this ONNX Runtime was built without it")
    return PROVIDERS[device]


def _open_built_in(model: bytes, options: "SessionOptions", wanted: list[str], fallback: bool) -> "InferenceSession":
    import onnxruntime

    providers = [(name, _settings(name)) for name in dict.fromkeys([*wanted, *PROVIDERS["cpu"]])]
    return onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=int(fallback))


def _settings(provider: str) -> dict[str, str]:
    if provider != PROVIDERS["tensorrt"][0]:
        return {}
    folder = str(_cache_folder("tensorrt"))  # building an engine takes minutes, loading one seconds
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": folder,
    }


def _open_rtx(model: bytes, options: "SessionOptions") -> "InferenceSession":
    import onnxruntime

    devices = _rtx_devices()
    options.add_provider_for_devices(devices[:1], {"nv_runtime_cache_path": str(_cache_folder(RTX))})
    return onnxruntime.InferenceSession(model, options)


@cache
def _rtx_devices() -> list[Any]:
    """Register the plug-in, which ONNX Runtime allows once a process, and list its GPUs; at least one."""
    import onnxruntime

    with needs_extra("tensorrt-rtx"):
        import onnxruntime_ep_nv_tensorrt_rtx as plugin
    name = plugin.get_ep_name()
    try:
        onnxruntime.register_execution_provider_library(name, plugin.get_library_path())
    except Exception as error:  # onnxruntime's exceptions share no base class
        reason = " ".join(str(error).rpartition(" with error: ")[2].split())
        raise _unavailable(RTX, reason[:200]) from error
    devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == name]
    if not devices:
        raise _unavailable(RTX, "it finds no RTX GPU")
    return devices


def _cache_folder(name: str) -> Path:
    with needs_extra("tensorrt-rtx" if name == RTX else "gpu"):
        from platformdirs import user_cache_path
    folder = user_cache_path("pokegan") / "onnxruntime" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unavailable(name, f"its cache {folder} cannot be written: {error.strerror}") from error
    return folder


def _unavailable(device: str, reason: str) -> DeviceUnavailable:
    return DeviceUnavailable(f"device {device}: not available ({reason}); {MENDS[device]}")


def run(session: Session, outputs: list[str], feeds: dict[str, Any]) -> list[Any]:
    """Run `session` and return the named outputs as NumPy arrays.

    Raises:
        RunFailed: the device ran out of memory, or the graph takes other inputs than its manifest says.
    """
    try:
        return list(session.run(outputs, feeds))
    except PokeganError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class
        reason = " ".join(str(error).split())[:200]
        raise RunFailed(f"a network cannot be run ({reason}); lower --batch, or export the bundle again") from error
