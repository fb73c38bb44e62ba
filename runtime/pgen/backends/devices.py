"""Devices by name: check, choose, describe, and open a model on one."""

from functools import cache
from typing import TYPE_CHECKING

from pgen.backends.base import Session
from pgen.backends.registry import AUTO, DEVICES, Device, device_names
from pgen.errors import BundleInvalid, DeviceUnavailable
from pokegan.errors import MissingExtra

if TYPE_CHECKING:
    from pgen.bundle.reader import Bundle, Model


def check_device(device: str) -> str:
    """Check that `device` is one of :func:`pgen.backends.registry.device_names`, not whether it works here.

    Raises:
        DeviceUnavailable: the name is unknown.
    """
    if device not in device_names():
        raise DeviceUnavailable(f"device {device!r}: unknown device; choose from {', '.join(device_names())}")
    return device


def resolve(device: str) -> str:
    """Return the name of a device; ``auto`` is replaced by the one that it stands for.

    Raises:
        DeviceUnavailable: there is no such device.
        MissingExtra: ONNX Runtime is not installed.
    """
    return fastest_device() if check_device(device) == AUTO else device


@cache
def fastest_device() -> str:
    """Choose the device that ``auto`` stands for, the same for every model and every job on this machine.

    CUDA where ONNX Runtime really starts it; otherwise OpenVINO, where it is installed and the CPU computes in bf16,
    which makes it about twice as fast as ONNX Runtime or more; otherwise ONNX Runtime on the CPU.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
    """
    from pokegan.extras import needs_extra

    with needs_extra("cpu"):
        import onnxruntime  # noqa: F401
    return next((name for name, device in DEVICES.items() if _is_preferred(device)), "cpu")


def _is_preferred(device: Device) -> bool:
    try:
        if not device.is_preferred():
            return False
        device.probe()
    except (BundleInvalid, DeviceUnavailable, MissingExtra):
        return False
    return True


def describe_device(device: str) -> str:
    """Describe `device` in one line, and name the device that ``auto`` stands for.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
    """
    row = DEVICES[resolve(device)]
    return f"device {device}: {row.description}" + (f" ({row.name})" if row.name != device else "")


def open_model(bundle: "Bundle", model: "Model", device: str = AUTO, threads: int = 0) -> Session:
    """Make a session for a model of a bundle; may be called from several threads at once.

    Args:
        bundle: the bundle of the model, whose file is verified first.
        model: one of its models.
        device: a name of :func:`pgen.backends.registry.device_names`; there is no fallback to another device.
        threads: threads inside an operator; 0 for one per physical core.

    Raises:
        DeviceUnavailable: the device is not available, or the model computes in bf16 and the provider does not.
        MissingExtra: a package that the device needs is not installed.
        BundleNotFound, BundleInvalid: the model's file is missing, damaged, or unreadable to the device.
        EngineInvalid: `device` is "engine", and the engine was built for another model, TensorRT or GPU.
    """
    return DEVICES[resolve(device)].open(bundle, model, threads)
