"""Where models run: providers of ONNX Runtime that this machine lacks are told, those of a fake one are used."""

import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from types import ModuleType, SimpleNamespace
from typing import Any

import onnxruntime
import pytest

from pgen.backends import devices, plugin
from pgen.backends.devices import describe_device, resolve
from pgen.backends.onnxruntime import TINY, open_session
from pgen.backends.openvino import probe as openvino_probe
from pgen.backends.registry import DEVICES
from pgen.bundle.reader import EMBEDDED, open_bundle
from pgen.errors import DeviceUnavailable
from pokegan.errors import MissingExtra

RTX = "tensorrt-rtx"
NAME = DEVICES[RTX].providers[0]


class FakeSession:
    """Takes what ONNX Runtime's session takes, and tells `starts` as its providers, or those asked for."""

    starts: list[str] | None = None

    def __init__(self, model: bytes, options: Any, providers: Any = (), enable_fallback: int = 1) -> None:
        self.providers, self.options = dict(providers), options
        self.fallback = bool(enable_fallback)

    def get_providers(self) -> list[str]:
        return self.starts or [*getattr(self.options, "added", []), *self.providers]

    def disable_fallback(self) -> None:
        self.fallback = False


class FakeOptions:
    def __init__(self) -> None:
        self.intra_op_num_threads = 0
        self.added: list[str] = []
        self.entries: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value

    def add_provider_for_devices(self, devices: list[Any], settings: dict[str, str]) -> None:
        assert devices
        self.added, self.settings = [device.ep_name for device in devices], settings


@pytest.fixture
def gpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's build for GPUs, with a GPU."""
    monkeypatch.setattr(onnxruntime, "InferenceSession", FakeSession)
    monkeypatch.setattr(onnxruntime, "SessionOptions", FakeOptions)
    built_in = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: built_in)
    monkeypatch.setattr(openvino_probe, "installed", lambda: False)
    devices.fastest_device.cache_clear()
    monkeypatch.setattr(FakeSession, "starts", None)


@pytest.fixture(autouse=True)
def found_anew() -> Iterator[None]:
    """What was found out about this machine is not left to other tests."""
    yield
    devices.fastest_device.cache_clear()
    plugin._hardware.clear()


@pytest.fixture
def rtx_plugin(monkeypatch: pytest.MonkeyPatch, gpu_build: None) -> list[Any]:
    """The package of the RTX provider; the list is of the GPUs that it finds."""
    module = ModuleType("onnxruntime_ep_nv_tensorrt_rtx")
    module.get_ep_name = lambda: NAME  # type: ignore[attr-defined]
    module.get_library_path = lambda: "plugin.so"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    hardware = [SimpleNamespace(ep_name="CPUExecutionProvider"), SimpleNamespace(ep_name=NAME)]
    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", lambda *_: None)
    monkeypatch.setattr(onnxruntime, "get_ep_devices", lambda: hardware)
    return hardware


def test_tensorrt_keeps_its_engines_and_never_falls_back(gpu_build: None, own_cache: None) -> None:
    session: Any = open_session(b"", "m.onnx", "tensorrt")
    settings = session.providers["TensorrtExecutionProvider"]
    assert settings["trt_engine_cache_enable"] == settings["trt_timing_cache_enable"] == "1"
    assert Path(settings["trt_engine_cache_path"]).is_dir()
    assert list(session.providers)[1:] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert not session.fallback


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("std::bad_alloc"), RuntimeError("Failed to allocate")])
def test_lack_of_memory_is_no_fault_of_the_bundle(
    gpu_build: None, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FakeSession, "__init__", fail)
    with pytest.raises(MemoryError, match=r"m\.onnx"):
        open_session(b"", "m.onnx", "cpu")


def test_device_runs_without_a_cache(gpu_build: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # not even root makes a folder in it
    session: Any = open_session(b"", "m.onnx", "tensorrt")
    assert session.providers["TensorrtExecutionProvider"] == {}, "a cache without a path would be in the current folder"


def test_provider_that_did_not_start_is_an_error(gpu_build: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSession, "starts", ["CPUExecutionProvider"])
    for device in ("cuda", "tensorrt"):
        with pytest.raises(DeviceUnavailable, match=rf"device {device}: .*could not start it.*use device"):
            open_session(b"", "m.onnx", device)


def test_auto_is_cuda_only_where_a_session_starts_on_it(gpu_build: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("auto") == "cuda"
    devices.fastest_device.cache_clear()
    monkeypatch.setattr(FakeSession, "starts", ["CPUExecutionProvider"])
    assert resolve("auto") == "cpu", "CUDA is listed, and falls back"


def test_auto_takes_openvino_where_it_is_faster(gpu_build: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSession, "starts", ["CPUExecutionProvider"])
    monkeypatch.setattr(openvino_probe, "installed", lambda: True)
    for bf16, device in ((True, "openvino"), (False, "cpu")):
        devices.fastest_device.cache_clear()
        monkeypatch.setattr(openvino_probe, "computes_bf16", lambda bf16=bf16: bf16)
        assert resolve("auto") == device


def test_device_description_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "fastest_device", lambda: "openvino")
    assert describe_device("auto") == "device auto: OpenVINO on the CPU (openvino)"
    for device in DEVICES:
        assert describe_device(device).startswith(f"device {device}: ")


def test_threads_never_spin(gpu_build: None) -> None:
    session: Any = open_session(b"", "m.onnx", "cpu", threads=3)
    assert session.options.intra_op_num_threads == 3
    assert session.options.entries == {"session.intra_op.allow_spinning": "0"}
    unasked: Any = open_session(b"", "m.onnx", "cpu")
    assert unasked.options.intra_op_num_threads >= 1


def test_threads_register_the_plug_in_once(rtx_plugin: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", lambda *_: calls.append("registered"))
    together = Barrier(4)

    def opens() -> None:
        together.wait()
        open_session(b"", "m.onnx", RTX)

    threads = [Thread(target=opens) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["registered"]


def test_rtx_runs_on_its_gpu_with_a_cache(rtx_plugin: list[Any]) -> None:
    session: Any = open_session(b"", "m.onnx", RTX)
    assert session.get_providers() == [NAME]
    assert Path(session.options.settings["nv_runtime_cache_path"]).is_dir()
    assert not session.fallback


def test_rtx_without_gpu_or_driver_is_an_error(rtx_plugin: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rtx_plugin.pop()
    with pytest.raises(DeviceUnavailable, match="finds no GPU that it supports"):
        open_session(b"", "m.onnx", RTX)

    def lacks(*_: str) -> None:
        raise RuntimeError("Failed to load library with error: libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", lacks)
    with pytest.raises(DeviceUnavailable, match=r"libcuda\.so\.1.*a driver"):
        open_session(b"", "m.onnx", RTX)


@pytest.mark.parametrize("device", ["cuda", "tensorrt", RTX])
def test_no_device_falls_back_to_the_cpu_here(device: str) -> None:
    if device != RTX and DEVICES[device].providers[0] in onnxruntime.get_available_providers():
        pytest.skip("ONNX Runtime has it")
    model = open_bundle(EMBEDDED).model("text-to-image")
    with pytest.raises((DeviceUnavailable, MissingExtra), match=r"pokegan\[(gpu|tensorrt-rtx)\]"):
        open_session(open_bundle(EMBEDDED).read(model.file), model.file, device)


def test_the_tiny_model_runs() -> None:
    DEVICES["cpu"].probe()
    outputs = open_session(TINY, "tiny", "cpu").run(["y"], {"x": __import__("numpy").array([-1], "float32")})
    assert outputs[0].tolist() == [0]
