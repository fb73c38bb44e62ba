"""Devices by name: check, choose, describe, and open a model on one."""

from typing import TYPE_CHECKING

from pgen.backends.base import Session
from pgen.backends.registry import AUTO, DEVICES, device_names
from pgen.errors import DeviceUnavailable

if TYPE_CHECKING:
    from pgen.bundle.reader import Bundle, Model


def check_device(device: str) -> str:
    """Check that `device` is one of :func:`pgen.backends.registry.device_names`, not whether it works here.

    Raises:
        DeviceUnavailable: it is not.
    """
    if device not in device_names():
        raise DeviceUnavailable(f"device {device!r}: unknown device; choose from {', '.join(device_names())}")
    return device


def resolve(device: str) -> str:
    """Name the device that `device` stands for: ``auto`` becomes one of the others.

    Raises:
        DeviceUnavailable: there is no such device.
        MissingExtra: ONNX Runtime is not installed.
    """
    if check_device(device) != AUTO:
        return device
    from pgen.backends import auto  # only where it is needed: it knows how to probe

    return auto.choose()


def describe_device(device: str) -> str:
    """Describe `device` in one line, and name the device that ``auto`` stands for.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
    """
    row = DEVICES[resolve(device)]
    return f"device {device}: {row.description}" + (f" ({row.name})" if row.name != device else "")


def open_model(bundle: "Bundle", model: "Model", device: str = AUTO, threads: int = 0) -> Session:
    """Make a session for a model of a bundle; threads may make several at once.

    Args:
        bundle: where it comes from; its file is verified first.
        model: one of its models.
        device: a name of :func:`pgen.backends.registry.device_names`. A device chosen by name runs the model, or an
            error says why it cannot.
        threads: threads inside an operator; 0 is one a physical core.

    Raises:
        DeviceUnavailable: the device is not available, or the model computes in bf16 and the provider does not.
        MissingExtra: a package that the device needs is not installed.
        BundleNotFound, BundleInvalid: the model's file is missing, damaged, or unreadable to the device.
        EngineInvalid: `device` is "engine", and the engine was built for another model, TensorRT or GPU.
    """
    return DEVICES[resolve(device)].open(bundle, model, threads)
