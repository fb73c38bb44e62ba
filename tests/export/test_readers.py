"""Who can read the graphs: TensorRT by its parser's table of operators, ONNX Runtime Web by running them."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pgen.backends.base import run
from pgen.backends.devices import open_model
from pgen.backends.onnxruntime import open_session
from pgen.bundle.reader import Bundle, open_bundle
from pgexport.precision.compress import Int8, compress
from pgexport.storage import store
from pgexport.targets.tensorrt import operators
from pgexport.targets.tensorrt.operators import unread
from pgexport.tracing.graphs import export_module
from pgexport.tracing.opset import OPSETS
from pgexport.tracing.run_loader import load_run
from pgexport.tracing.specs import ModelSpec, model_specs
from pgtrain.models.text_encoder import load_encoder

NODE = shutil.which("node")
PACKAGES = {"NODE_PATH": str(Path(__file__).parents[2] / "web" / "node_modules")}


@pytest.fixture(scope="module")
def models(system_runs: dict[str, Path], tiny_run: Path) -> list[ModelSpec]:
    source = load_run(tiny_run)
    others = [spec for run in system_runs.values() for spec in model_specs(load_run(run), None)]
    return [*others, *model_specs(source, load_encoder(source.described["encoder"]))]


@pytest.mark.parametrize(
    "storage", ["float32", *(pytest.param(half, marks=pytest.mark.slow) for half in ("fp16", "bf16"))]
)
def test_tensorrt_reads_every_operator(models: list[ModelSpec], storage: str) -> None:
    assert len(models) == 5
    for spec in models:
        stored = store(spec, storage)
        assert unread(stored.graph) == set(), spec.name
        assert stored.opset in operators.OPSETS


def test_tensorrt_does_not_read_int8_tables_nor_dynamic_int8(models: list[ModelSpec]) -> None:
    """As docs/export.md says; where this fails the document can promise more."""
    encoder = next(spec for spec in models if spec.name == "encoder")
    table = torch.nn.Embedding(200, 64)
    assert unread(
        compress(export_module(table, {"ids": torch.ones(2, 3, dtype=torch.int64)}, ["rows"]), Int8(100, 32))
    ) == {"INT8"}
    assert unread(store(encoder, "int8").graph) >= {"DynamicQuantizeLinear", "MatMulInteger"}


def test_every_opset_is_written_and_read(models: list[ModelSpec]) -> None:
    spec = next(spec for spec in models if spec.name == "wgan")
    for opset in OPSETS:
        stored = store(spec, "float32", opset)
        assert [entry.version for entry in stored.graph.opset_import] == [opset]
        assert {node.op_type for node in stored.graph.graph.node} <= operators.OPERATORS
        session = open_session(stored.graph.SerializeToString(), f"opset {opset}", "cpu")
        (pictures,) = run(session, ["pictures"], {"latent": spec.inputs["latent"].numpy()})
        assert pictures.shape == (2, 32, 32, 4)


def in_node(*arguments: object) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).with_name("web.cjs")
    line = [str(NODE), str(script), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300, env=os.environ | PACKAGES)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, dict[str, NDArray[Any]]], dict[str, NDArray[Any]]]:
    """Runs a model in ONNX Runtime Web, which `npm ci --prefix web` installs.

    POKEGAN_WEB_BUNDLE names a bundle to run in the place of an untrained one.
    """
    if not NODE or not Path(PACKAGES["NODE_PATH"]).is_dir():
        pytest.skip("needs node, and ONNX Runtime Web: npm ci --prefix web")
    feeds_file = tmp_path_factory.mktemp("web") / "feeds.json"

    def run_there(model: Path, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        job = {
            name: {"type": str(value.dtype), "dims": value.shape, "data": base64.b64encode(value.tobytes()).decode()}
            for name, value in feeds.items()
        }
        feeds_file.write_text(json.dumps(job))
        done = in_node(model, feeds_file)
        assert done.returncode == 0, done.stderr
        return {
            name: np.frombuffer(base64.b64decode(value["data"]), value["type"]).reshape(value["dims"])
            for name, value in json.loads(done.stdout).items()
        }

    return run_there


def inputs(bundle: Bundle, name: str) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(0)
    feeds: dict[str, NDArray[Any]] = {}
    for tensor in bundle.manifest.models[name].inputs:
        shape = [size if isinstance(size, int) else (3, 7)[axis] for axis, size in enumerate(tensor.shape)]
        if tensor.dtype == "int64":
            feeds[tensor.name] = np.ones(shape, np.int64)
        elif tensor.name in ("types", "total", "rarity"):
            feeds[tensor.name] = np.zeros(shape, np.float32)
        else:
            values = random.standard_normal(shape)
            length = np.linalg.norm(values, axis=1, keepdims=True) if tensor.name == "text" else 1
            feeds[tensor.name] = (values / length).astype(np.float32)
    return feeds


@pytest.mark.slow
@pytest.mark.parametrize("name", ["encoder", "stackgan", "dcgan", "wgan", "stats"])
def test_onnx_runtime_web_gives_what_onnx_runtime_gives(web: Any, request: pytest.FixtureRequest, name: str) -> None:
    folder = Path(os.environ.get("POKEGAN_WEB_BUNDLE") or request.getfixturevalue("full_bundle"))
    bundle = open_bundle(folder)
    if name not in bundle.manifest.models:
        pytest.skip(f"{folder} has no {name}")
    model, feeds = bundle.manifest.models[name], inputs(bundle, name)
    names = [tensor.name for tensor in model.outputs]
    outputs = web(folder / model.file, feeds)
    for output, expected in zip(names, run(open_model(bundle, model, "cpu"), names, feeds), strict=True):
        assert outputs[output].shape == expected.shape
        if name == "stats":
            assert np.array_equal(outputs[output], expected)
        elif expected.dtype == np.uint8:
            assert np.abs(outputs[output].astype(int) - expected).max() <= 1
        else:
            assert np.allclose(outputs[output], expected, atol=1e-4)
