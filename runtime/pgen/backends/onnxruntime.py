"""ONNX Runtime's sessions: made so that what was asked for is what runs."""

from pathlib import Path
from typing import TYPE_CHECKING

from pgen.backends.cores import physical_cores
from pgen.backends.registry import PROVIDERS, RTX, unavailable
from pgen.errors import BundleInvalid
from pokegan.cli import needs_extra
from pokegan.errors import PokeganError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions


def open_session(model: bytes, name: str, device: str = "cpu", threads: int = 0) -> "InferenceSession":
    """Make an ONNX Runtime session for a checked model file; threads may make several at once.

    Args:
        model: content of the .onnx file.
        name: file name, for messages.
        device: a key of PROVIDERS.
        threads: threads inside an operator; 0 is one a physical core.

    Raises:
        DeviceUnavailable: ONNX Runtime cannot use `device`; it never runs elsewhere instead.
        BundleInvalid: ONNX Runtime cannot read the model.
        MissingExtra: ONNX Runtime is not installed.
    """
    session = start(model, name, device, threads, {})
    # A provider that fails to start is dropped without an exception: only the session knows what it got.
    if session.get_providers()[0] != PROVIDERS[device][0]:
        raise unavailable(device, "ONNX Runtime could not start it")
    session.disable_fallback()  # or a failing run would go on elsewhere
    return session


def start(model: bytes, name: str, device: str, threads: int, settings: dict[str, str]) -> "InferenceSession":
    """Make a session, whatever it then runs on; `settings` are added to the first provider's.

    Raises:
        DeviceUnavailable, BundleInvalid, MissingExtra: as :func:`open_session`.
    """
    with needs_extra("cpu"):
        import onnxruntime

    onnxruntime.set_default_logger_severity(4)  # what matters is checked and told in one line
    try:
        options = _options(threads)
        if device == RTX:
            return _open_rtx(model, options)
        return _open_built_in(model, options, device, settings)
    except PokeganError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class
        reason = " ".join(str(error).split())[:200]
        raise BundleInvalid(f"{name}: ONNX Runtime cannot load it ({reason}); export the bundle again") from error


def _options(threads: int) -> "SessionOptions":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or physical_cores()
    # Threads that wait for work by spinning take the cores from other sessions and other programs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _open_built_in(
    model: bytes, options: "SessionOptions", device: str, settings: dict[str, str]
) -> "InferenceSession":
    import onnxruntime

    wanted = PROVIDERS[device]
    if wanted[0] not in onnxruntime.get_available_providers():
        raise unavailable(device, "this ONNX Runtime was built without it")
    ordered = dict.fromkeys([*wanted, *PROVIDERS["cpu"]])
    providers = [(name, _settings(name) | (settings if name == wanted[0] else {})) for name in ordered]
    return onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)


def _settings(provider: str) -> dict[str, str]:
    if provider != PROVIDERS["tensorrt"][0]:
        return {}
    folder = str(cache_folder("tensorrt", "gpu"))  # building an engine takes minutes, loading one seconds
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": folder,
    }


def _open_rtx(model: bytes, options: "SessionOptions") -> "InferenceSession":
    import onnxruntime

    from pgen.backends.tensorrt_rtx import devices

    cache = str(cache_folder(RTX, "tensorrt-rtx"))
    options.add_provider_for_devices(devices()[:1], {"nv_runtime_cache_path": cache})
    return onnxruntime.InferenceSession(model, options)


def cache_folder(device: str, extra: str) -> Path:
    """Make the folder in the user's cache where `device` keeps what takes it long to compile.

    Raises:
        DeviceUnavailable: it cannot be written.
        MissingExtra: a package of `extra` is not installed.
    """
    with needs_extra(extra):
        from platformdirs import user_cache_path
    folder = user_cache_path("pokegan") / "onnxruntime" / device
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unavailable(device, f"its cache {folder} cannot be written: {error.strerror}") from error
    return folder
