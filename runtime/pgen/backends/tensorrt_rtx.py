"""ONNX Runtime's plug-in for RTX GPUs: registered once a process."""

from threading import Lock
from typing import Any

from pgen.backends.registry import RTX, unavailable
from pokegan.cli import needs_extra

_lock = Lock()
_found: list[Any] = []


def devices() -> list[Any]:
    """Register the plug-in, which ONNX Runtime allows once a process, and list its GPUs; at least one.

    Raises:
        DeviceUnavailable: it does not load, or finds no GPU.
        MissingExtra: it is not installed.
    """
    with _lock:
        if not _found:
            _found.extend(_register())
        return _found


def _register() -> list[Any]:
    import onnxruntime

    with needs_extra("tensorrt-rtx"):
        import onnxruntime_ep_nv_tensorrt_rtx as plugin
    name = plugin.get_ep_name()
    try:
        onnxruntime.register_execution_provider_library(name, plugin.get_library_path())
    except Exception as error:  # onnxruntime's exceptions share no base class
        reason = " ".join(str(error).rpartition(" with error: ")[2].split())
        raise unavailable(RTX, reason[:200]) from error
    found = [device for device in onnxruntime.get_ep_devices() if device.ep_name == name]
    if not found:
        raise unavailable(RTX, "it finds no RTX GPU")
    return found
