"""ONNX Runtime's sessions, which run on the requested device or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pgen.backends.base import is_out_of_memory
from pgen.backends.cores import physical_cores
from pgen.backends.registry import DEVICES, Device
from pgen.errors import BundleInvalid, DeviceUnavailable
from pokegan.errors import PokeganError, one_line
from pokegan.extras import needs_extra

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

    from pgen.bundle.reader import Bundle, Model

TINY = (
    b'\x08\x08:3\n\x0c\n\x01x\x12\x01y"\x04Relu\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)
"""An ONNX file of one Relu, to check that a device works."""


def open_model(bundle: "Bundle", model: "Model", device: Device, threads: int) -> "InferenceSession":
    """Open a model of a bundle; errors as :func:`pgen.backends.devices.open_model`."""
    try:
        return open_session(bundle.graph(model), model.file, device.name, threads)
    except BundleInvalid as error:
        if model.parity.get("storage") != "bf16":
            raise
        raise DeviceUnavailable(
            f"{bundle.folder / model.file}: computes in bf16, which ONNX Runtime supports only on GPUs; use device "
            "cuda, tensorrt or engine, or export the bundle in another precision"
        ) from error


def probe(device: Device) -> None:
    """Check that a tiny model runs on `device`; errors as :func:`open_session`."""
    open_session(TINY, "a tiny model", device.name)


def is_built_in(device: Device) -> bool:
    """Return whether the installed ONNX Runtime was built with the device's provider.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
    """
    with needs_extra("cpu"):
        import onnxruntime
    return device.providers[0] in onnxruntime.get_available_providers()


def open_session(
    model: bytes, name: str, device: str = "cpu", threads: int = 0, options: Mapping[str, str] | None = None
) -> "InferenceSession":
    """Make an ONNX Runtime session for a checked model file; threads may make several at once.

    Args:
        model: content of the .onnx file.
        name: file name, for messages.
        device: one that ONNX Runtime runs.
        threads: threads inside an operator; 0 for one per physical core.
        options: of the device's first provider, besides those in the table of devices.

    Raises:
        DeviceUnavailable: ONNX Runtime cannot use `device`; it never runs elsewhere instead.
        BundleInvalid: ONNX Runtime cannot read the model.
        MissingExtra: ONNX Runtime is not installed.
    """
    with needs_extra("cpu"):
        import onnxruntime

    onnxruntime.set_default_logger_severity(4)  # failures become errors of one line
    row = DEVICES[device]
    try:
        if row.plugin:
            session = _open_plugin(model, _session_options(threads), row)
        else:
            session = _open_built_in(model, _session_options(threads), row, options or {})
    except PokeganError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class
        if is_out_of_memory(error):  # no fault of the bundle
            raise MemoryError(f"{name}: {one_line(error)}") from error
        raise BundleInvalid(
            f"{name}: ONNX Runtime cannot load it ({one_line(error)}); export the bundle again"
        ) from error
    # A provider that fails to start is dropped without an exception: only the session knows what it got.
    if session.get_providers()[0] != row.providers[0]:
        raise row.unavailable("ONNX Runtime could not start it")
    session.disable_fallback()  # or a failing run would go on elsewhere
    return session


def _session_options(threads: int) -> "SessionOptions":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or physical_cores()
    # Spinning threads would take the cores from other sessions and other programs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _open_built_in(
    model: bytes, session_options: "SessionOptions", device: Device, options: Mapping[str, str]
) -> "InferenceSession":
    import onnxruntime

    if not is_built_in(device):
        raise device.unavailable("this ONNX Runtime was built without it")
    first, *others = dict.fromkeys([*device.providers, *DEVICES["cpu"].providers])
    providers = [(first, {**_provider_options(device), **options}), *((name, dict[str, str]()) for name in others)]
    return onnxruntime.InferenceSession(model, session_options, providers=providers, enable_fallback=0)


def _provider_options(device: Device) -> dict[str, str]:
    if "{cache}" not in device.options.values():
        return dict(device.options)
    folder = cache_folder(device)
    if folder is None:
        return {}
    return {name: str(folder) if value == "{cache}" else value for name, value in device.options.items()}


def _open_plugin(model: bytes, session_options: "SessionOptions", device: Device) -> "InferenceSession":
    import onnxruntime

    from pgen.backends.plugin import plugin_devices

    options = _provider_options(device)
    session_options.add_provider_for_devices(plugin_devices(device)[:1], options)
    return onnxruntime.InferenceSession(model, session_options)


def cache_folder(device: Device) -> Path | None:
    """Make the folder in the user's cache for compiled models of `device`.

    None if it cannot be written or platformdirs is missing: the device then compiles each time.
    """
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:
        return None
    folder = user_cache_path("pokegan") / "onnxruntime" / device.name
    if not folder.is_absolute():  # the user has no home directory
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
