"""Which device ``auto`` is, and whether a device works: found out by trying, not by what is listed."""

from functools import cache

from pgen.backends.onnxruntime import open_session
from pgen.backends.openvino_probe import computes_bf16, installed
from pgen.backends.registry import ENGINE, OPENVINO, OPENVINO_F32, PROVIDERS
from pgen.errors import BundleInvalid, DeviceUnavailable
from pokegan.cli import needs_extra
from pokegan.errors import MissingExtra

TINY = (
    b'\x08\x08:3\n\x0c\n\x01x\x12\x01y"\x04Relu\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)
"""An ONNX file of one Relu, by which a device shows that it works."""


def probe(device: str) -> None:
    """Open a tiny model on `device`.

    Raises:
        DeviceUnavailable: it does not work; the message says why and what to install.
        MissingExtra: a package is not installed.
    """
    if device == ENGINE:
        from pgen.backends.cuda import open_cuda
        from pgen.backends.tensorrt import check_tensorrt

        check_tensorrt()
        open_cuda()
    elif device in (OPENVINO, OPENVINO_F32):
        computes_bf16()
    else:
        open_session(TINY, "a tiny model", device)


@cache
def choose() -> str:
    """Choose the device that ``auto`` stands for, the same for every model and every job on this machine.

    CUDA where ONNX Runtime really starts it; otherwise OpenVINO, where it is installed and the CPU computes in bf16,
    which makes it about twice as fast as ONNX Runtime or more; otherwise ONNX Runtime on the CPU.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
    """
    with needs_extra("cpu"):
        import onnxruntime
    if PROVIDERS["cuda"][0] in onnxruntime.get_available_providers() and _works("cuda"):
        return "cuda"
    return OPENVINO if installed() and _works(OPENVINO) and computes_bf16() else "cpu"


def _works(device: str) -> bool:
    try:
        probe(device)
    except (BundleInvalid, DeviceUnavailable, MissingExtra):
        return False
    return True
