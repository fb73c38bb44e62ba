"""Which device ``auto`` is: found out by trying, not from what is listed."""

from functools import cache

from pgen.backends.registry import DEVICES, Device
from pgen.errors import BundleInvalid, DeviceUnavailable
from pokegan.errors import MissingExtra
from pokegan.extras import needs_extra


@cache
def choose() -> str:
    """Choose the device that ``auto`` stands for, the same for every model and every job on this machine.

    CUDA where ONNX Runtime really starts it; otherwise OpenVINO, where it is installed and the CPU computes in bf16,
    which makes it about twice as fast as ONNX Runtime or more; otherwise ONNX Runtime on the CPU.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
    """
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
