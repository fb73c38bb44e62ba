"""Providers: the one place that decides where a model runs."""

from typing import TYPE_CHECKING, Any

from pgen.errors import BundleInvalid, DeviceUnavailable
from pokegan.cli import needs_extra

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider"],
}
"""ONNX Runtime's providers for each device that can be asked for."""

DEVICES = ("auto", *PROVIDERS)
"""auto: CUDA where ONNX Runtime can really use it, otherwise the CPU."""


def open_session(model: bytes, name: str, device: str = "auto", threads: int = 0) -> "InferenceSession":
    """Make an ONNX Runtime session for a checked model file.

    Args:
        model: content of the .onnx file.
        name: file name, for messages.
        device: one of DEVICES.
        threads: threads inside an operator; 0 leaves the choice to ONNX Runtime (one a core).

    Raises:
        DeviceUnavailable: `device` was asked for by name and ONNX Runtime cannot use it.
        BundleInvalid: ONNX Runtime cannot read the model.
        MissingExtra: ONNX Runtime is not installed.
    """
    with needs_extra("cpu"):
        import onnxruntime

    onnxruntime.set_default_logger_severity(4)  # what matters is checked below and told in one line
    built_in = onnxruntime.get_available_providers()
    wanted = _providers(device, built_in)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    providers = list(dict.fromkeys([*wanted, *PROVIDERS["cpu"]]))
    try:
        session = onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:  # onnxruntime's exceptions share no base class
        reason = " ".join(str(error).split())[:200]
        raise BundleInvalid(f"{name}: ONNX Runtime cannot load it ({reason}); export the bundle again") from error
    # A provider that fails to start is dropped without an exception: only the session knows what it got.
    if device != "auto" and session.get_providers()[0] != wanted[0]:
        raise _unavailable(device, "ONNX Runtime could not start it")
    return session


def _providers(device: str, built_in: list[str]) -> list[str]:
    if device == "auto":
        return [name for name in PROVIDERS["cuda"] if name in built_in]
    if PROVIDERS[device][0] not in built_in:
        raise _unavailable(device, "this ONNX Runtime was built without it")
    return PROVIDERS[device]


def _unavailable(device: str, reason: str) -> DeviceUnavailable:
    mend = "install 'pokegan[gpu]' and a driver, or use --device cpu"
    return DeviceUnavailable(f"device {device}: not available ({reason}); {mend}")


def run(session: "InferenceSession", outputs: list[str], feeds: dict[str, Any]) -> list[Any]:
    """Run `session` and return the named outputs as NumPy arrays."""
    return list(session.run(outputs, feeds))
