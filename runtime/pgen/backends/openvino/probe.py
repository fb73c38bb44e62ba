"""Checks whether OpenVINO is installed and starts, and whether this CPU computes in bf16."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from pgen.backends.registry import DEVICES, Device
from pokegan.errors import one_line
from pokegan.extras import needs_extra

if TYPE_CHECKING:
    import openvino


def installed() -> bool:
    """Return whether OpenVINO is installed, without importing it."""
    return find_spec("openvino") is not None


def open_core() -> "openvino.Core":
    """Start OpenVINO.

    Raises:
        MissingExtra, DeviceUnavailable: it is not installed, or does not start.
    """
    with needs_extra("openvino"):
        import openvino
    try:
        return openvino.Core()
    except RuntimeError as error:
        raise DEVICES["openvino"].unavailable(one_line(error)) from error


def computes_bf16() -> bool:
    """Return whether this CPU computes in bf16.

    Raises:
        MissingExtra, DeviceUnavailable: as :func:`open_core`.
    """
    return "BF16" in open_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def probe(device: Device) -> None:
    """Check that OpenVINO works; errors as :func:`open_core`."""
    computes_bf16()


def is_faster(device: Device) -> bool:
    """Return whether OpenVINO is faster here than ONNX Runtime: installed, on a CPU that computes in bf16.

    Raises:
        DeviceUnavailable: as :func:`open_core`.
    """
    return installed() and computes_bf16()
