"""CUDA by bound memory and graphs, held by a fake to the order that ONNX Runtime documents."""

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from pgen.backends.io_binding import MOST_GRAPHS, BoundSession, open_model
from pgen.backends.registry import DEVICES
from pgen.bundle.reader import Model, Tensor
from pgen.errors import DeviceUnavailable

MODEL = Model(
    kind="latent-to-image",
    file="m.onnx",
    inputs=[Tensor("latent", "float32", ["batch", 4])],
    outputs=[Tensor("pictures", "uint8", ["batch", 2, 2, 4]), Tensor("stage1", "uint8", ["batch", 1, 1, 4])],
    precision="",
    opset=18,
    settings={},
    parity={},
)


class FakeValue:
    """Memory on a fake GPU: its address is itself, and only `update_inplace` and `numpy` copy."""

    def __init__(self, shape: list[int], dtype: Any, device: str, number: int) -> None:
        assert (device, number) == ("cuda", 0)
        self.memory = np.zeros(shape, dtype)

    def update_inplace(self, array: np.ndarray[Any, Any]) -> None:
        assert array.flags.c_contiguous
        assert (array.shape, array.dtype) == (self.memory.shape, self.memory.dtype)
        self.memory[...] = array

    def numpy(self) -> np.ndarray[Any, Any]:
        return self.memory.copy()


class FakeBinding:
    def __init__(self) -> None:
        self.inputs: dict[str, FakeValue] = {}
        self.outputs: dict[str, FakeValue] = {}

    def bind_ortvalue_input(self, name: str, value: FakeValue) -> None:
        self.inputs[name] = value

    def bind_ortvalue_output(self, name: str, value: FakeValue) -> None:
        self.outputs[name] = value


class FakeRunOptions:
    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def add_run_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value


class FakeSession:
    """Doubles latents into every pixel; refuses what breaks CUDA graphs, and replays what it captured."""

    providers = ("CUDAExecutionProvider", "CPUExecutionProvider")
    all_on_gpu = True

    def __init__(self, model: bytes, options: Any, providers: Any, enable_fallback: int) -> None:
        assert not enable_fallback
        self.graphs = dict(providers)["CUDAExecutionProvider"].get("enable_cuda_graph") == "1"
        if self.graphs and not self.all_on_gpu:
            raise RuntimeError("all compute graph nodes have not been partitioned to the CUDA EP")
        self.captured: dict[str, dict[str, FakeValue]] = {}
        self.runs: list[str] = []
        self.busy = threading.Lock()

    def get_providers(self) -> list[str]:
        return list(self.providers)

    def disable_fallback(self) -> None:
        pass

    def io_binding(self) -> FakeBinding:
        return FakeBinding()

    def run_with_iobinding(self, binding: FakeBinding, options: FakeRunOptions | None) -> None:
        assert self.busy.acquire(blocking=False), "one run at a time"
        assert set(binding.outputs) == {"pictures", "stage1"}, "every output is bound"
        number = options.entries["gpu_graph_id"] if options else "-1"
        assert number != "0", "the number of runs that name none"
        values = {**binding.inputs, **binding.outputs}
        if number != "-1":
            assert self.graphs
            fixed = self.captured.setdefault(number, values)
            assert all(fixed[name] is value for name, value in values.items()), "an address changed"
        first = values["latent"].memory[:, 0]
        for name in binding.outputs:
            values[name].memory[...] = (2 * first).astype(np.uint8)[:, None, None, None]
        self.runs.append(number)
        self.busy.release()


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    options = SimpleNamespace(add_session_config_entry=lambda *_: None)
    values = SimpleNamespace(ortvalue_from_shape_and_type=FakeValue)
    monkeypatch.setattr(onnxruntime, "InferenceSession", FakeSession)
    monkeypatch.setattr(onnxruntime, "SessionOptions", lambda: options)
    monkeypatch.setattr(onnxruntime, "OrtValue", values)
    monkeypatch.setattr(onnxruntime, "RunOptions", FakeRunOptions)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(FakeSession.providers))
    monkeypatch.setattr(FakeSession, "all_on_gpu", True)
    monkeypatch.setattr(FakeSession, "providers", FakeSession.providers)


def open_bound() -> BoundSession:
    bundle: Any = SimpleNamespace(graph=lambda model: b"")
    return open_model(bundle, MODEL, DEVICES["cuda"], 0)


def draw(session: BoundSession, *first: float) -> list[int]:
    latent = np.zeros((len(first), 4), np.float32)
    latent[:, 0] = first
    pictures, stage1 = session.run(["pictures", "stage1"], {"latent": latent})
    assert pictures.shape == (len(first), 2, 2, 4)
    assert stage1.shape == (len(first), 1, 1, 4)
    return [int(picture.max()) for picture in pictures]


def test_repeated_shape_runs_as_cuda_graph(gpu: None) -> None:
    session = open_bound()
    fake: Any = session._session
    for number in range(4):
        assert draw(session, number, 7) == [2 * number, 14]
    assert draw(session, 9) == [18]
    assert draw(session, 5) == [10]
    assert fake.runs == ["-1", "1", "1", "1", "-1", "2"]


def test_results_are_copies(gpu: None) -> None:
    session = open_bound()
    (before,) = session.run(["pictures"], {"latent": np.ones((1, 4), np.float32)})
    for _ in range(2):
        draw(session, 50)
    assert before.max() == 2


def test_shapes_beyond_the_most_run_without_a_graph(gpu: None) -> None:
    session = open_bound()
    for rows in range(1, MOST_GRAPHS + 3):
        for _ in range(2):
            assert draw(session, *range(rows)) == [2 * row for row in range(rows)]
    fake: Any = session._session
    assert len(fake.captured) == MOST_GRAPHS
    assert fake.runs[-2:] == ["-1", "-1"]


def test_model_partly_on_cpu_runs_without_cuda_graphs(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSession, "all_on_gpu", False)
    session = open_bound()
    assert [draw(session, 3) for _ in range(3)] == [[6], [6], [6]]
    fake: Any = session._session
    assert not fake.graphs


def test_cuda_that_does_not_start_is_an_error(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSession, "providers", ("CPUExecutionProvider",))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(DeviceUnavailable, match=r"device cuda: .*could not start it.*pokegan\[gpu\]"):
        open_bound()


def test_threads_share_a_session(gpu: None) -> None:
    session = open_bound()
    rows: dict[int, list[list[int]]] = {}

    def draws(number: int) -> None:
        rows[number] = [draw(session, number, number) for _ in range(20)]

    threads = [threading.Thread(target=draws, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows == {number: [[2 * number, 2 * number]] * 20 for number in range(8)}


@pytest.mark.gpu
def test_cuda_draws_what_the_cpu_draws() -> None:
    import pgen
    from pgen.backends.parity import limits, measure
    from pgen.backends.registry import DEVICES

    try:
        DEVICES["cuda"].probe()
    except DeviceUnavailable as error:
        pytest.skip(str(error))
    prompts = ["Charizard", "a red fire dragon"]
    generator, plain = pgen.load(device="cuda"), pgen.load(device="cpu")
    figures = measure(plain.images(prompts, n=4), generator.images(prompts, n=4))
    assert figures.within(limits(generator.model)), figures
    again = [generator.images(prompts, n=2) for _ in range(3)]
    assert all(np.array_equal(again[0], other) for other in again), "a captured graph draws the same"
