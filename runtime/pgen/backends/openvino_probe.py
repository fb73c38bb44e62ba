"""OpenVINO: is it here, does it start, and does this CPU compute in bf16?"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from pgen.backends.registry import OPENVINO, unavailable
from pokegan.cli import needs_extra

if TYPE_CHECKING:
    import openvino


def installed() -> bool:
    """Tell whether OpenVINO is installed, without importing it."""
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
        raise unavailable(OPENVINO, " ".join(str(error).split())[:200]) from error


def computes_bf16() -> bool:
    """Ask OpenVINO whether this CPU computes in bf16.

    Raises:
        MissingExtra, DeviceUnavailable: as :func:`open_core`.
    """
    return "BF16" in open_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
