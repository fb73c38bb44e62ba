"""Sessions: the one door to everything that a model can run on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pgen.backends.onnxruntime import open_session
from pgen.backends.registry import DEVICES, ENGINE, OPENVINO, OPENVINO_F32, PROVIDERS, RTX, WORDS
from pgen.errors import BundleInvalid, DeviceUnavailable, RunFailed
from pokegan.errors import PokeganError

if TYPE_CHECKING:
    from pgen.bundle.reader import Bundle, Model

__all__ = ["DEVICES", "PROVIDERS", "RTX", "Session", "open_model", "open_session", "resolve", "run", "told"]


class Session(Protocol):
    """What the runtime asks of a session, whatever it runs on."""

    def run(self, outputs: Sequence[str], feeds: dict[str, Any]) -> Sequence[Any]:
        """Compute the named outputs."""
        ...

    def get_providers(self) -> list[str]:
        """List what it runs on, best first."""
        ...


def resolve(device: str) -> str:
    """Name the device that `device` stands for: ``auto`` becomes one of the others.

    Raises:
        DeviceUnavailable: there is no such device.
        MissingExtra: ONNX Runtime is not installed.
    """
    if check_device(device) != "auto":
        return device
    from pgen.backends.auto import choose

    return choose()


def check_device(device: str) -> str:
    """Check that `device` is one of DEVICES, without looking whether it works here.

    Raises:
        DeviceUnavailable: it is not.
    """
    if device not in DEVICES:
        raise DeviceUnavailable(f"device {device!r}: there is none of that name; choose {', '.join(DEVICES)}")
    return device


def told(device: str) -> str:
    """Tell in a line what `device` is.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
    """
    found = resolve(device)
    return f"device {device}: {WORDS[found]}" + (f" (--device {found})" if found != device else "")


def open_model(bundle: "Bundle", model: "Model", device: str = "auto", threads: int = 0) -> Session:
    """Make a session for a model of a bundle; threads may make several at once.

    Args:
        bundle: where it comes from; its file is verified first.
        model: one of its models.
        device: one of DEVICES. What was asked for by name runs, or an error says why it cannot.
        threads: threads inside an operator; 0 is one a physical core.

    Raises:
        DeviceUnavailable: the device is not to be had, or the model computes in bf16 and the provider does not.
        MissingExtra: a package that the device needs is not installed.
        BundleNotFound, BundleInvalid: the model's file is missing, damaged, or not to be read by the device.
        EngineInvalid: `device` is "engine", and the engine was built for another model, TensorRT or GPU.
    """
    device = resolve(device)
    if device == ENGINE:
        from pgen.backends.tensorrt import open_engine

        return open_engine(bundle, model)
    if device in (OPENVINO, OPENVINO_F32) and model.kind.endswith("-to-image"):
        from pgen.backends.openvino import open_openvino

        return open_openvino(bundle, model, device, threads)
    graph, where = bundle.graph(model), str(bundle.folder / model.file)
    if device == "cuda":
        from pgen.backends.io_binding import open_bound

        return open_bound(graph, model, threads)
    return _on_onnxruntime(graph, model, where, device if device in PROVIDERS else "cpu", threads)


def _on_onnxruntime(graph: bytes, model: "Model", where: str, device: str, threads: int) -> Session:
    try:
        session: Session = open_session(graph, model.file, device, threads)
    except BundleInvalid as error:
        if model.parity.get("storage") != "bf16":
            raise
        raise DeviceUnavailable(
            f"{where}: computes in bf16, which ONNX Runtime has only on GPUs; use --device cuda, "
            "tensorrt or engine, or export again without --bf16 (for the CPU: --int8, or the default)"
        ) from error
    return session


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
