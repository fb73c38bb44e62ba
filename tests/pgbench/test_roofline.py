"""Counting of operations, the machine's rates, parity, and meters."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from pgbench import parity, roofline
from pgbench.measuring import meters
from pgbench.processes.matmul import product
from pgbench.processes.pgen_worker import arithmetic, default_inputs
from pgbench.processes.rates import best, openvino_products
from pgbench.profile import Work, counted, finish, ranked
from pgbench.roofline import graphs, roof
from pgen.bundle.reader import open_bundle


def event(operator: str, inputs: list[list[int]], output: list[int], name: str = "n", dur: int = 1) -> dict[str, Any]:
    shapes = {"input_type_shape": [{"float": shape} for shape in inputs], "output_type_shape": [{"float": output}]}
    return {"name": f"{name}_kernel_time", "dur": dur, "args": {"op_name": operator} | shapes}


@pytest.mark.parametrize(
    ("operator", "inputs", "output", "multiplications"),
    [
        ("Conv", [[2, 8, 16, 16], [4, 8, 3, 3], [4]], [2, 4, 16, 16], 2 * 4 * 16 * 16 * 8 * 9),
        ("Conv", [[1, 8, 16, 16], [8, 1, 3, 3]], [1, 8, 16, 16], 8 * 16 * 16 * 9),  # a group for each channel
        ("ConvTranspose", [[2, 8, 4, 4], [8, 4, 4, 4]], [2, 4, 8, 8], 2 * 8 * 4 * 4 * 4 * 16),
        ("Gemm", [[3, 10], [7, 10], [7]], [3, 7], 3 * 7 * 10),  # transB
        ("Gemm", [[3, 10], [10, 7]], [3, 7], 3 * 7 * 10),
        ("MatMul", [[2, 12, 6, 32], [2, 12, 32, 6]], [2, 12, 6, 6], 2 * 12 * 6 * 6 * 32),
    ],
)
def test_operations(operator: str, inputs: list[list[int]], output: list[int], multiplications: int) -> None:
    counts = counted([event(operator, inputs, output), event("Relu", [output], output)])
    assert counts.operations == 2 * multiplications
    assert counts.bytes == counts.float_bytes == 4 * sum(np.prod(shape) for shape in [*inputs, output])
    assert counts.moved("float16") == counts.bytes // 2


def test_a_bundles_graphs_are_counted_and_grow_with_the_batch(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    one, three = (graphs(bundle, bundle.model("text-to-image"), batch) for batch in (1, 3))
    assert set(one) == {"encoder", "generator", "end to end"}
    assert one["generator"].operations > 0
    assert three["generator"].operations == 3 * one["generator"].operations
    assert three["generator"].bytes < 3 * one["generator"].bytes, "weights are moved once"
    assert one["end to end"].operations == one["encoder"].operations + one["generator"].operations


@pytest.mark.parametrize("library", ["OpenVINO bf16", "CPUExecutionProvider"])
def test_nodes_are_those_of_onnx_runtime_whatever_the_library(tiny_bundle: Path, library: str) -> None:
    bundle = open_bundle(tiny_bundle)
    subject: Any = SimpleNamespace(facts={"runs_on": [library]})
    profile = roofline._nodes(subject, bundle, bundle.model("text-to-image"), batch=1, threads=1)
    assert (profile["batch"], profile["runs_on"]) == (1, ["CPUExecutionProvider"])
    assert {part: nodes[-1]["name"] for part, nodes in profile["parts"].items()} == dict.fromkeys(
        ("generator", "encoder"), "after the last product"
    )


def test_nodes_by_time_without_the_first_run() -> None:
    runs = [[event("Conv", [[1]], [1, 2], "slow", 900), event("Relu", [[1]], [1], "quick", 900)]]
    runs += [[event("Conv", [[1]], [1, 2], "slow", 300), event("Relu", [[1]], [1], "quick", 100)]] * 2
    first, second = ranked([each for run in runs for each in run], runs=3)
    assert (first.name, first.share, first.milliseconds, first.shape) == ("slow", 0.75, 0.3, [1, 2])
    assert second.name == "quick"


def test_nodes_after_last_product_are_post_processing() -> None:
    names = {"dense": "Gemm", "relu": "Relu", "conv": "Conv", "sigmoid": "Sigmoid", "cast": "Cast"}
    events = [event(operator, [[1, 1], [1, 1]], [1, 2], name, 100) for name, operator in names.items()]
    nodes = finish(events * 2, ranked(events * 2, runs=2))
    assert (nodes.operator, nodes.share, nodes.shape) == ("2 nodes", 0.4, [1, 2])


RATES = {"float32": 100e9, "copy": 10e9}


@pytest.mark.parametrize(("work", "limit", "bound"), [((1000, 10), 100e9, "products"), ((20, 10), 20e9, "copying")])
def test_roof_is_bound_by_products_or_copying(work: tuple[int, int], limit: float, bound: str) -> None:
    computed = roof(Work(*work, {}), "float32", RATES)
    assert (computed["limit"], computed["bound"]) == (limit, bound)


def test_half_precision_moves_half_of_the_floats() -> None:
    """One matrix of 100 floats and 40 bytes of other types, counted in a float32 and in a float16 graph."""
    graphs = [Work(1000, 440, {}, floats=100, float_bytes=400), Work(1000, 240, {}, floats=100, float_bytes=200)]
    for work in graphs:
        moved = {name: work.moved(name) for name in ("float32", "bfloat16", "float16")}
        assert moved == {"float32": 440, "bfloat16": 240, "float16": 240}
    assert graphs[0].moved("int8") == 440, "what a quantized graph stores in int8 is counted as int8 already"
    rates = {"bfloat16": 1e15, "float32": 1e15, "copy": 1e9}
    wide, narrow = (roof(graphs[0], name, rates)["limit"] for name in ("float32", "bfloat16"))
    assert narrow / wide == pytest.approx(440 / 240)


def test_type_without_a_measured_rate_has_no_limit() -> None:
    limit = roof(Work(10, 1, {}), "float16", RATES)
    assert (limit["limit"], limit["bound"]) == (None, None)


@pytest.mark.parametrize("types", [(np.float32, np.float32), (np.uint8, np.int8)])
def test_the_hand_written_graph_multiplies(types: tuple[type, type]) -> None:
    left, right = (np.arange(9).reshape(3, 3).astype(dtype) for dtype in types)
    session = onnxruntime.InferenceSession(product(right), providers=["CPUExecutionProvider"])
    (multiplied,) = session.run(None, {"left": left})
    assert np.array_equal(multiplied, left.astype(np.int64) @ right.astype(np.int64))


def test_the_hand_written_graph_is_what_onnx_understands() -> None:
    import onnx

    model = onnx.load_from_string(product(np.eye(3, dtype=np.float32)))
    onnx.checker.check_model(model, full_check=True)


def test_the_best_of_several_calls() -> None:
    calls: list[int] = []
    assert best(lambda: calls.append(1), 0) < 1
    assert len(calls) == 3


def test_openvino_is_measured_only_where_it_is() -> None:
    from importlib.util import find_spec

    assert set(openvino_products(1)) == ({"bfloat16"} if find_spec("openvino") else set())


def pictures(value: int = 100) -> Any:
    return np.full((2, 4, 4, 4), value, np.uint8)


def test_parity_fails_on_visible_differences() -> None:
    assert parity.compare(pictures(), pictures()) == {"largest": 0.0, "psnr_db": 99.0, "same": True}
    assert parity.compare(pictures(101), pictures())["same"]
    assert not parity.compare(pictures(200), pictures())["same"]
    invisible, other = pictures(0), pictures(0)
    other[..., :3] = 255
    assert parity.compare(invisible, other)["psnr_db"] == 99.0, "what is transparent has no color"
    assert not parity.compare(pictures()[:1], pictures())["same"]
    assert parity.compare(np.array([[1, 2]], np.uint8), np.array([[1, 3]], np.uint8)) == {"equal": 0.5, "same": False}


def test_the_arithmetic_is_the_devices_or_the_manifests(full_bundle: Path) -> None:
    model = open_bundle(full_bundle).model("text-to-image")
    assert arithmetic(model, "CPUExecutionProvider") == "float32"
    assert arithmetic(model, "OpenVINO bf16") == "bfloat16"


def test_unconditioned_inputs_are_latents_and_zeros(full_bundle: Path) -> None:
    model = open_bundle(full_bundle).model("stats")
    inputs = default_inputs(model, 3)
    assert {name: len(value) for name, value in inputs.items()} == dict.fromkeys(inputs, 3)
    assert inputs["latent"].any()
    assert not inputs["types"].any()


def test_rapl_counts_on_past_its_range(tmp_path: Path) -> None:
    package = tmp_path / "intel-rapl:0"
    package.mkdir()
    (package / "max_energy_range_uj").write_text("1000000\n")
    (package / "energy_uj").write_text("900000\n")
    available = meters.find(tmp_path)
    assert available()["cpu0"] == pytest.approx(0.9)
    (package / "energy_uj").write_text("100000\n")
    assert available()["cpu0"] == pytest.approx(1.1)


def test_missing_meters_have_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "nvml", lambda: "there is no NVIDIA GPU")
    available = meters.find(tmp_path)
    assert available() == {}
    assert available.missing["gpu"] == "there is no NVIDIA GPU"
    assert "RAPL" in available.missing["cpu"]


class FakeNvml:
    """NVIDIA's library, as far as it is used, with its documented units."""

    class NVMLError(Exception):
        pass

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"gpu{index}"

    def nvmlDeviceGetTotalEnergyConsumption(self, device: str) -> int:
        return 2500

    def nvmlDeviceGetComputeRunningProcesses(self, device: str) -> list[Any]:
        from types import SimpleNamespace

        return [SimpleNamespace(pid=7, usedGpuMemory=2**20), SimpleNamespace(pid=8, usedGpuMemory=None)]


def test_a_gpus_meters() -> None:
    gpu = meters.Nvml(FakeNvml())
    assert gpu.joules() == 2.5
    assert [gpu.memory(pid) for pid in (7, 8, 9)] == [2**20, None, None]
