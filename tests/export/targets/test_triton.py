"""A model repository for Triton: by Triton's own schema, by its steps run here, and (slow) by a real server."""

import importlib.util
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from pgen.api import load
from pgen.bundle.reader import EMBEDDED, Manifest, Model, Tensor, describe, open_bundle
from pgen.errors import BundleInvalid, EngineInvalid
from pgexport.cli import main
from pgexport.errors import TargetInvalid
from pgexport.targets.triton.repository import write_repository
from tests.conftest import disk_full, free_port, run_python
from tests.export.engines import add_engine

DTYPES = {"TYPE_FP32": np.float32, "TYPE_INT64": np.int64, "TYPE_UINT64": np.uint64, "TYPE_UINT8": np.uint8}
SENTENCE = "a red fire dragon"


def array(*values: Any) -> np.ndarray:
    """Strings as Triton hands them over."""
    return np.array([value.encode() if isinstance(value, str) else value for value in values], np.object_)


@pytest.fixture(scope="module")
def plain_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle without text: a generator whose pixels are its latents, and the embedded one of numbers."""
    onnx = pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("plain") / "bundle"
    folder.mkdir()
    helper, floating, pixels = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
    nodes = [
        helper.make_node("Mul", ["latent", "twenty"], ["wide"]),
        helper.make_node("Add", ["wide", "gray"], ["bright"]),
        helper.make_node("Reshape", ["bright", "shape"], ["square"]),
        helper.make_node("Cast", ["square"], ["pictures"], to=pixels),
    ]
    weights = [
        onnx.numpy_helper.from_array(np.float32(20), "twenty"),
        onnx.numpy_helper.from_array(np.float32(128), "gray"),
        onnx.numpy_helper.from_array(np.array([-1, 2, 2, 4]), "shape"),
    ]
    inputs = [helper.make_tensor_value_info("latent", floating, ["batch", 16])]
    outputs = [helper.make_tensor_value_info("pictures", pixels, ["batch", 2, 2, 4])]
    graph = helper.make_graph(nodes, "wgan", inputs, outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), folder / "wgan.onnx")
    shutil.copy(EMBEDDED / "stats.onnx", folder)
    common = {"precision": "float32", "opset": 18, "settings": {"latent_dim": 16}, "parity": {"batches": [1, 3, 32]}}
    latent = Tensor("latent", "float32", ["batch", 16])
    pictures = [Tensor("pictures", "uint8", ["batch", 2, 2, 4])]
    models = {
        "wgan": Model(kind="latent-to-image", file="wgan.onnx", inputs=[latent], outputs=pictures, **common),
        "stats": open_bundle(EMBEDDED).model("stats"),
    }
    files = {path.name: describe(path) for path in folder.iterdir()}
    (folder / "manifest.json").write_text(Manifest(models, files).to_json())
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("triton") / "models"
    names = [f"{model}_{kind}" for model in ("stackgan", "dcgan", "wgan") for kind in ("png", "pixels")]
    assert write_repository(EMBEDDED, out) == names
    return out


@pytest.fixture(scope="module")
def plain_repository(plain_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("triton") / "models"
    assert write_repository(plain_bundle, out) == ["wgan_png", "wgan_pixels"]
    return out


@pytest.fixture(scope="module")
def read_config() -> Callable[[Path], Any]:
    """Reads a configuration by Triton's own schema; an unknown or misspelled field is an error."""
    from google.protobuf import text_format

    package = importlib.util.find_spec("tritonclient")
    if package is None or not package.submodule_search_locations:
        pytest.skip("needs tritonclient, for Triton's schema")
    # The file alone: its package wants a gRPC and a protobuf older than onnx's.
    path = Path(package.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    assert spec is not None
    assert spec.loader is not None
    schema = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(schema)
    return lambda path: text_format.Parse(path.read_text(), schema.ModelConfig())


Configs = dict[str, Any]


@pytest.fixture(scope="module", params=["repository", "plain_repository"])
def written(request: pytest.FixtureRequest, read_config: Callable[[Path], Any]) -> tuple[Path, Configs]:
    folder: Path = request.getfixturevalue(request.param)
    return folder, {path.parent.name: read_config(path) for path in folder.glob("*/config.pbtxt")}


def test_every_model_has_a_configuration_that_names_it(written: tuple[Path, Configs]) -> None:
    folder, configs = written
    assert set(configs) == {path.name for path in folder.iterdir() if path.is_dir()}
    for name, config in configs.items():
        assert config.name == name
        assert (folder / name / "1").is_dir(), "Triton serves numbered versions"
        if config.platform == "ensemble":
            continue
        file = {"onnxruntime": "model.onnx", "python": "model.py"}[config.backend]
        assert (folder / name / "1" / file).is_file()
        assert config.instance_group[0].count >= 1
        assert bool(config.HasField("dynamic_batching")) == (config.max_batch_size > 1)


def test_networks_are_as_the_manifest_says(
    repository: Path, plain_repository: Path, plain_bundle: Path, read_config: Callable[[Path], Any]
) -> None:
    for folder, bundle in ((repository, open_bundle(EMBEDDED)), (plain_repository, open_bundle(plain_bundle))):
        for name, model in bundle.manifest.models.items():
            kinds = {"config": "KIND_AUTO", "configs/cpu": "KIND_CPU", "configs/gpu": "KIND_GPU"}
            for place, kind in kinds.items():
                config = read_config(folder / name / f"{place}.pbtxt")
                group = config.instance_group[0]
                assert type(group).Kind.Name(group.kind) == kind
                alone = model.kind == "encoder"  # as pgen.text_encoder runs it: a neighbor would change the last bit
                assert config.max_batch_size == (1 if alone else max(model.parity["batches"]))
                threads = {key: value.string_value for key, value in config.parameters.items()}
                assert threads == ({"intra_op_thread_count": "1"} if alone else {})
                for tensors, ports in ((model.inputs, config.input), (model.outputs, config.output)):
                    assert [tensor.name for tensor in tensors] == [port.name for port in ports]
                    for tensor, port in zip(tensors, ports, strict=True):
                        assert dtype(port) == tensor.dtype
                        assert list(port.dims) == [-1 if isinstance(size, str) else size for size in tensor.shape[1:]]
            assert (folder / name / "1" / "model.onnx").read_bytes() == bundle.read(model.file)


def dtype(port: Any) -> str:
    name = type(port).DESCRIPTOR.fields_by_name["data_type"].enum_type.values_by_number[port.data_type].name
    return "bytes" if name == "TYPE_STRING" else np.dtype(DTYPES[name]).name


def test_warm_ups_have_the_bytes_that_they_need(written: tuple[Path, Configs]) -> None:
    folder, configs = written
    for name, config in configs.items():
        if config.platform == "ensemble":
            continue
        assert len(config.model_warmup) >= 1
        ports = {port.name: port for port in config.input}
        for sample in config.model_warmup:
            assert set(sample.inputs) == set(ports)
            assert 1 <= sample.batch_size <= max(1, config.max_batch_size)
            for key, sample_input in sample.inputs.items():
                assert sample_input.data_type == ports[key].data_type
                assert all(size > 0 for size in sample_input.dims)
                assert agree(list(sample_input.dims), list(ports[key].dims))
                if file := sample_input.input_data_file:
                    content = (folder / name / "warmup" / file).read_bytes()
                    string = dtype(ports[key]) == "bytes"
                    length = 4 + struct.unpack("<I", content[:4])[0] if string else 8 * int(np.prod(sample_input.dims))
                    assert len(content) == length


def agree(one: list[int], other: list[int]) -> bool:
    return len(one) == len(other) and all(-1 in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def test_steps_of_the_ensembles_fit_each_other(written: tuple[Path, Configs]) -> None:
    """The rules of Triton's ensemble_utils.cc: types equal, shapes equal where both are fixed, all inputs mapped."""
    _, configs = written
    ensembles = [config for config in configs.values() if config.platform == "ensemble"]
    assert ensembles
    for config in ensembles:
        known = {port.name: (dtype(port), list(port.dims)) for port in config.input}
        assert not any(port.optional for port in config.input), "an ensemble waits for ever for what is missing"
        for step in config.ensemble_scheduling.step:
            model = configs[step.model_name]
            batch = [-1] if model.max_batch_size else []
            needed = {port.name for port in model.input if not port.optional}
            assert needed <= set(step.input_map) <= {port.name for port in model.input}
            for port in model.input:
                if port.name in step.input_map:
                    kind, dims = known[step.input_map[port.name]]
                    assert kind == dtype(port)
                    assert agree(dims, batch + list(port.dims)), (config.name, step.model_name, port.name)
            outputs = {port.name: port for port in model.output}
            for key, value in step.output_map.items():
                assert value not in known, "a tensor has one source"
                known[value] = (dtype(outputs[key]), batch + list(outputs[key].dims))
        consumed = {value for step in config.ensemble_scheduling.step for value in step.input_map.values()}
        for port in config.output:
            assert known[port.name][0] == dtype(port)
            assert agree(known[port.name][1], list(port.dims))
            assert port.name not in consumed, "Triton 2.51 prunes the step of an output that is also an input"


class FakeError:
    INVALID_ARG = 3

    def __init__(self, message: str, code: int) -> None:
        self.text, self.code = message, code


class FakeTensor:
    def __init__(self, name: str, values: np.ndarray) -> None:
        self._name, self._values = name, values

    def name(self) -> str:
        return self._name

    def as_numpy(self) -> np.ndarray:
        return self._values


class FakeResponse:
    def __init__(self, output_tensors: list[FakeTensor] | None = None, error: FakeError | None = None) -> None:
        self.tensors, self.error = {tensor.name(): tensor.as_numpy() for tensor in output_tensors or []}, error


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of triton_python_backend_utils as the steps use."""
    fake = ModuleType("triton_python_backend_utils")
    vars(fake).update(Tensor=FakeTensor, InferenceResponse=FakeResponse, TritonError=FakeError)
    monkeypatch.setitem(sys.modules, fake.__name__, fake)


Run = Callable[..., FakeResponse]


@pytest.fixture
def run(backend: None, read_config: Callable[[Path], Any]) -> Run:
    """Runs a model or an ensemble of a repository on named arrays, as the server would."""
    json_format = pytest.importorskip("google.protobuf.json_format")
    onnxruntime = pytest.importorskip("onnxruntime")

    def python(folder: Path, config: Any, inputs: dict[str, np.ndarray]) -> FakeResponse:
        spec = importlib.util.spec_from_file_location("served", folder / "1" / "model.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        model = module.TritonPythonModel()
        document = json_format.MessageToJson(config, preserving_proto_field_name=True)
        model.initialize({"model_repository": str(folder), "model_version": "1", "model_config": document})
        request = SimpleNamespace(inputs=lambda: [FakeTensor(name, values) for name, values in inputs.items()])
        (response,) = model.execute([request])
        return response

    def network(folder: Path, inputs: dict[str, np.ndarray]) -> FakeResponse:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(folder / "1" / "model.onnx", options)
        names = [output.name for output in session.get_outputs()]
        return FakeResponse(list(map(FakeTensor, names, session.run(names, inputs))))

    def whole(folder: Path, name: str, **inputs: np.ndarray) -> FakeResponse:
        config = read_config(folder / name / "config.pbtxt")
        if config.backend:
            return (
                python(folder / name, config, inputs) if config.backend == "python" else network(folder / name, inputs)
            )
        known = dict(inputs)
        for step in config.ensemble_scheduling.step:
            tensors = {key: known[value] for key, value in step.input_map.items()}
            response = whole(folder, step.model_name, **tensors)
            if response.error is not None:
                return response
            known |= {value: response.tensors[key] for key, value in step.output_map.items()}
        return FakeResponse([FakeTensor(port.name, known[port.name]) for port in config.output])

    return whole


@pytest.mark.parametrize("prompt", ["Charizard", f"  {SENTENCE} "])
def test_pictures_are_those_of_pgen(run: Run, repository: Path, prompt: str) -> None:
    seeds = np.array([7, 2**63], np.uint64)
    generator = load(device="cpu", threads=1)
    expected = [generator.images([prompt], seed=int(seed))[0] for seed in seeds]
    pixels = run(repository, "stackgan_pixels", prompt=array(prompt), seed=seeds).tensors["pixels"]
    assert np.array_equal(np.stack(expected), pixels)
    files = run(repository, "stackgan_png", prompt=array(prompt), seed=seeds).tensors["png"]
    for file, seed, picture in zip(files, seeds, pixels, strict=True):
        with Image.open(io.BytesIO(file)) as image:
            assert np.array_equal(np.array(image), picture)
            metadata = {"prompt": prompt.strip(), "seed": str(seed), "bundle": generator.bundle.digest}
            assert metadata.items() <= image.text.items()


def test_generator_without_text_needs_seeds_alone(run: Run, plain_repository: Path, plain_bundle: Path) -> None:
    seeds = np.arange(3, dtype=np.uint64)
    pixels = run(plain_repository, "wgan_pixels", seed=seeds).tensors["pixels"]
    assert pixels.shape == (3, 2, 2, 4)
    assert len({picture.tobytes() for picture in pixels}) == 3
    files = run(plain_repository, "wgan_png", seed=seeds).tensors["png"]
    with Image.open(io.BytesIO(files[2])) as image:
        assert np.array_equal(np.array(image), pixels[2])
        assert (image.text["seed"], "prompt" in image.text) == ("2", False)
    assert not (plain_repository / "tokenizer").exists()


@pytest.mark.parametrize(
    ("prompt", "count", "message"),
    [
        ("  ", 1, "the prompt is empty"),
        ("x" * 1001, 1, "1,001 characters"),
        ("a\nb", 1, r"control character (U+000A) at 2"),
        (b"\xff", 1, "the prompt is not UTF-8 at character 1"),
        (7, 1, "the prompt is not text"),
        ("Mew", 65, "seed has 65 numbers, one per picture; send 1 to 64"),
        ("Mew", 0, "seed has 0 numbers"),
    ],
)
def test_mistakes_are_reported_in_one_line(run: Run, repository: Path, prompt: Any, count: int, message: str) -> None:
    response = run(repository, "stackgan_png", prompt=array(prompt), seed=np.zeros(count, np.uint64))
    assert response.error is not None
    assert message in response.error.text
    assert "\n" not in response.error.text
    assert response.error.code == FakeError.INVALID_ARG


def test_steps_need_neither_a_runtime_nor_what_exports() -> None:
    heavy = ("onnxruntime", "torch", "transformers", "onnx", "pgexport")
    program = f"import sys, pgen.triton; print([name for name in {heavy} if name in sys.modules])"
    done = run_python(program)
    assert done.stdout.strip() == "[]", done.stderr


def test_repository_is_replaced_only_by_force(plain_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    write_repository(plain_bundle, out)
    with pytest.raises(TargetInvalid, match="by force"):
        write_repository(plain_bundle, out)
    (out / "old").mkdir()
    write_repository(plain_bundle, out, force=True)
    assert not (out / "old").exists()
    photos = tmp_path / "photos"
    photos.mkdir()
    with pytest.raises(TargetInvalid, match="exists and is not a repository"):
        write_repository(plain_bundle, photos, force=True)
    with pytest.raises(TargetInvalid, match="no such folder"):
        write_repository(plain_bundle, tmp_path / "no" / "models")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "photos"]


def test_nothing_is_left_of_a_repository_that_failed(
    plain_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(plain_bundle, tmp_path / "bundle"))
    (copy / "stats.onnx").write_bytes(b"x" * (copy / "stats.onnx").stat().st_size)
    with pytest.raises(BundleInvalid, match="damaged"):
        write_repository(copy, tmp_path / "models")
    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(TargetInvalid, match="No space left"):
        write_repository(plain_bundle, tmp_path / "models")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("name", ["../outside", "", ".hidden", "wgan_png"])
def test_names_of_models_stay_inside_the_repository(plain_bundle: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(plain_bundle, tmp_path / "bundle"))
    values = json.loads((copy / "manifest.json").read_text())
    values["models"][name] = values["models"].pop("stats")
    (copy / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(BundleInvalid, match=r"no model called|cannot be a file name"):
        write_repository(copy, tmp_path / "models")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_engines_are_served_by_a_configuration_of_their_own(
    plain_bundle: Path, tmp_path: Path, read_config: Callable[[Path], Any], run: Run
) -> None:
    copy = Path(shutil.copytree(plain_bundle, tmp_path / "bundle"))
    add_engine(copy, "wgan")
    out = tmp_path / "models"
    write_repository(copy, out)
    config = read_config(out / "wgan" / "configs" / "tensorrt.pbtxt")
    assert (config.name, config.backend, config.max_batch_size) == ("wgan", "tensorrt", 24)
    assert list(config.dynamic_batching.preferred_batch_size) == [4]
    assert [sample.batch_size for sample in config.model_warmup] == [1, 4]
    assert config.instance_group[0].kind == type(config.instance_group[0]).KIND_GPU
    assert (out / "wgan" / "1" / "model.plan").read_bytes() == b"plan"
    assert read_config(out / "wgan" / "config.pbtxt").backend == "onnxruntime"
    assert not (out / "stats" / "configs" / "tensorrt.pbtxt").exists()
    message = run(out, "wgan_pixels", seed=np.zeros(25, np.uint64)).error
    assert "send 1 to 24" in message.text, "what the smaller of the two can do"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"onnx_sha256": "0"}, "built from another wgan.onnx"),
        ({"plan_sha256": "0"}, "not the engine that"),
        ({"options": {"batches": 5}}, "damaged"),
        ({"format": 99}, "this version reads format"),
    ],
)
def test_wrong_engine_is_rejected(plain_bundle: Path, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    copy = Path(shutil.copytree(plain_bundle, tmp_path / "bundle"))
    add_engine(copy, "wgan", **changes)
    with pytest.raises(EngineInvalid, match=message):
        write_repository(copy, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_encoder_that_reads_texts_alone_shares_no_batch(
    plain_bundle: Path, tmp_path: Path, read_config: Callable[[Path], Any]
) -> None:
    copy = Path(shutil.copytree(plain_bundle, tmp_path / "bundle"))
    values = json.loads((copy / "manifest.json").read_text())
    values["models"]["wgan"]["settings"]["alone"] = True
    (copy / "manifest.json").write_text(json.dumps(values))
    add_engine(copy, "wgan")
    write_repository(copy, tmp_path / "models")
    for name in ("config.pbtxt", "configs/tensorrt.pbtxt"):
        config = read_config(tmp_path / "models" / "wgan" / name)
        assert config.max_batch_size == 1
        assert not config.HasField("dynamic_batching")
        assert [sample.batch_size for sample in config.model_warmup] == [1]


def test_network_in_bf16_is_never_put_on_the_cpu(plain_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(plain_bundle, tmp_path / "bundle"))
    values = json.loads((copy / "manifest.json").read_text())
    values["models"]["wgan"]["parity"]["storage"] = "bf16"
    (copy / "manifest.json").write_text(json.dumps(values))
    write_repository(copy, tmp_path / "models")
    kinds = {
        name: {path.name: path.read_text().partition("kind: ")[2].split()[0] for path in folder.rglob("*.pbtxt")}
        for name in ("wgan", "stats")
        for folder in [tmp_path / "models" / name]
    }
    assert kinds == {
        "wgan": {"config.pbtxt": "KIND_GPU", "gpu.pbtxt": "KIND_GPU"},
        "stats": {"config.pbtxt": "KIND_AUTO", "gpu.pbtxt": "KIND_GPU", "cpu.pbtxt": "KIND_CPU"},
    }


def test_command(plain_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    done = CliRunner().invoke(main, [str(plain_bundle), "--triton", str(out)])
    assert (done.exit_code, done.output.startswith(f"wrote {out} (wgan_png, wgan_pixels)")) == (0, True)
    forced = CliRunner().invoke(main, [str(plain_bundle), "--triton", str(out), "--force"])
    assert forced.exit_code == 0, forced.output
    refused = CliRunner().invoke(main, [str(plain_bundle), "--triton", str(out), "--force", "--add"])
    assert (refused.exit_code, "leave out --add" in refused.stderr) == (2, True)
    for arguments in ([str(plain_bundle), "--triton", str(out)], [str(plain_bundle)], [str(tmp_path), "--triton", "x"]):
        done = CliRunner().invoke(main, arguments)
        assert (done.exit_code, done.output.count("\n")) == (2, 1), done.output


# What follows needs the server that nvidia-pytriton carries: Triton's core, HTTP and the Python backend, without the
# ONNX Runtime backend. Networks are therefore run by the same files in Python models that stand in for it; ensembles,
# schedulers, warm-up and the other models are the repository's own.
STAND_IN = """
from pathlib import Path
import numpy as np
import onnxruntime
import triton_python_backend_utils as backend

class TritonPythonModel:
    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self.session = onnxruntime.InferenceSession(path, options)
        self.names = [output.name for output in self.session.get_outputs()]

    def execute(self, requests):
        feeds = [{tensor.name(): tensor.as_numpy() for tensor in request.inputs()} for request in requests]
        joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
        results, responses, row = self.session.run(self.names, joined), [], 0
        for feed in feeds:
            rows = slice(row, row := row + len(next(iter(feed.values()))))
            tensors = [backend.Tensor(name, values[rows]) for name, values in zip(self.names, results)]
            responses.append(backend.InferenceResponse(tensors))
        return responses
"""


def stand_in(repository: Path, out: Path) -> Path:
    shutil.copytree(repository, out)
    shutil.rmtree(out / "stats", ignore_errors=True)  # its file is no network
    for path in out.glob("*/config.pbtxt"):
        if 'backend: "onnxruntime"' in path.read_text():
            path.write_text(path.read_text().replace('"onnxruntime"', '"python"'))
            (path.parent / "1" / "model.py").write_text(STAND_IN)
    for path in out.glob("*/1/model.py"):
        path.write_text(f"import sys\nsys.path += {sys.path!r}\n{path.read_text()}")  # the stub reads no PYTHONPATH
    return out


@pytest.fixture(scope="module")
def server(
    repository: Path, plain_repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    pytriton = pytest.importorskip("pytriton.utils.distribution", reason="needs nvidia-pytriton, for its server")
    pytest.importorskip("tritonclient.http")
    work = tmp_path_factory.mktemp("server")
    shutil.copytree(pytriton.get_root_module_path() / "tritonserver", work / "tritonserver")
    stub = pytriton.get_stub_path(f"{sys.version_info[0]}.{sys.version_info[1]}")
    shutil.copy(stub, work / "tritonserver" / "backends" / "python")
    models = [stand_in(repository, work / "text"), stand_in(plain_repository, work / "plain")]
    shutil.rmtree(models[1] / "png")  # the names of models are unique among all repositories; this one is the same
    port = free_port()
    command = [
        work / "tritonserver" / "bin" / "tritonserver",
        *(f"--model-repository={folder}" for folder in models),
        f"--backend-directory={work / 'tritonserver' / 'backends'}",
        f"--http-port={port}",
        *("--http-address=127.0.0.1", "--allow-grpc=false", "--allow-metrics=false", "--disable-auto-complete-config"),
    ]
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(pytriton.get_libs_path()),
        "PATH": f"{Path(sys.prefix, 'bin')}:{os.environ['PATH']}",
    }
    log = work / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        wait_until_ready(process, port, log)
        yield f"127.0.0.1:{port}", log
    finally:
        process.terminate()
        process.wait(60)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    from tritonclient.http import InferenceServerClient

    for _ in range(600):
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            if InferenceServerClient(f"127.0.0.1:{port}").is_server_ready():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace"))


def ask(url: str, model: str, **inputs: np.ndarray) -> np.ndarray:
    from tritonclient.http import InferenceServerClient, InferInput
    from tritonclient.utils import np_to_triton_dtype

    tensors = []
    for name, values in inputs.items():
        tensors.append(InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype)))
        tensors[-1].set_data_from_numpy(values)
    client = InferenceServerClient(url, network_timeout=120, connection_timeout=120)
    return client.infer(model, tensors).as_numpy(model.rpartition("_")[2])


@pytest.mark.slow
def test_real_server_draws_what_pgen_draws(server: tuple[str, Path]) -> None:
    url, _ = server
    generator = load(device="cpu", threads=1)
    for prompt in ("Charizard", SENTENCE):
        seeds = np.array([5, 6], np.uint64)
        expected = generator.images([prompt], n=2, seed=5)
        pixels = ask(url, "stackgan_pixels", prompt=array(prompt), seed=seeds)
        assert np.array_equal(expected, pixels)
        for file, picture in zip(ask(url, "stackgan_png", prompt=array(prompt), seed=seeds), pixels, strict=True):
            with Image.open(io.BytesIO(file)) as image:
                assert np.array_equal(np.array(image), picture)
    seeds = np.arange(32, dtype=np.uint64)
    assert ask(url, "wgan_pixels", seed=seeds).shape == (32, 2, 2, 4)
    assert len(ask(url, "wgan_png", seed=seeds)) == 32


@pytest.mark.slow
def test_real_server_answers_many_at_once_as_one_by_one(server: tuple[str, Path]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    url, _ = server
    prompts = [f"a {color} {kind}" for color in ("red", "blue", "green") for kind in ("dragon", "tiny water turtle")]
    seeds = np.array([3], np.uint64)

    def draw(prompt: str) -> np.ndarray:
        return ask(url, "stackgan_pixels", prompt=array(prompt), seed=seeds)

    alone = [draw(prompt) for prompt in prompts]
    with ThreadPoolExecutor(len(prompts)) as pool:
        together = list(pool.map(draw, prompts))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow
def test_real_server_tells_mistakes(server: tuple[str, Path]) -> None:
    from tritonclient.utils import InferenceServerException

    url, _ = server
    with pytest.raises(InferenceServerException, match="the prompt is empty"):
        ask(url, "stackgan_png", prompt=array(" "), seed=np.zeros(1, np.uint64))
    with pytest.raises(InferenceServerException, match="seed has 65 numbers"):
        ask(url, "stackgan_png", prompt=array("Mew"), seed=np.zeros(65, np.uint64))
