"""ONNX Runtime's plug-ins: providers in separate packages, registered once a process."""

from importlib import import_module
from threading import Lock
from typing import Any

from pgen.backends.registry import Device
from pokegan.errors import one_line
from pokegan.extras import needs_extra

_lock = Lock()
_hardware: dict[str, list[Any]] = {}


def plugin_devices(device: Device) -> list[Any]:
    """Register a device's plug-in, which ONNX Runtime allows once a process, and list its GPUs.

    Raises:
        DeviceUnavailable: it does not load, or finds no GPU.
        MissingExtra: it is not installed.
    """
    with _lock:
        if device.name not in _hardware:
            _hardware[device.name] = _register(device)
        return _hardware[device.name]


def _register(device: Device) -> list[Any]:
    import onnxruntime

    with needs_extra(device.extra):
        plugin = import_module(device.plugin)
    name = plugin.get_ep_name()
    try:
        onnxruntime.register_execution_provider_library(name, plugin.get_library_path())
    except Exception as error:  # onnxruntime's exceptions share no base class
        # The end of a long message names the library that could not be loaded.
        raise device.unavailable(one_line(error, 1000).rpartition(" with error: ")[2][:200]) from error
    hardware = [gpu for gpu in onnxruntime.get_ep_devices() if gpu.ep_name == name]
    if not hardware:
        raise device.unavailable("the plug-in finds no GPU that it supports")
    return hardware
