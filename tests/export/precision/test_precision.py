"""Precisions: types of nodes, of inputs and outputs, parity, and int8 that is dropped without a gain."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from torch import Tensor, nn

from pgbench.processes.pgen_worker import default_inputs
from pgen.api import Generator
from pgen.backends.parity import BF16
from pgen.bundle.reader import Bundle, Model, open_bundle
from pgen.cli import main as pgen
from pgexport import storage
from pgexport.cli import main
from pgexport.errors import ParityFailed
from pgexport.export import export_runs
from pgexport.parity import divergence
from pgexport.parity.tolerances import TOLERANCES
from pgexport.peers.eager import rebuild
from pgexport.precision import quantize
from pgexport.precision.audit import audit
from pgexport.precision.bf16_emulation import emulated
from pgexport.precision.half import HALVES, LOWEST_OPSET, MASKED, half
from pgexport.precision.quantize import Outcome, int8_encoder, int8_generator, samples
from pgexport.tracing.graphs import TextPictures, export_module, to_pixels
from pgexport.tracing.run_loader import load_run
from pgexport.tracing.specs import ModelSpec, model_specs
from pgexport.trial import Feeds
from pgexport.verify import verify
from pgtrain.models.text_encoder import Encoder, embed, load_encoder
from pokegan.image_metrics import premultiplied, psnr

GRAPHS = ["fp16", pytest.param("bf16", marks=pytest.mark.slow)]
"""Precisions whose graphs are compared; PyTorch takes half a minute to trace those in bf16."""

NAMES = {"fp16": "float16", "bf16": "bfloat16"}
PSNR = {"fp16": 55.0, "bf16": 38.0}
COSINE = {"fp16": 0.9999, "bf16": 0.999}


class Drawing(NamedTuple):
    """A generator, exported in float32, and eight inputs."""

    spec: ModelSpec
    network: TextPictures
    graph: onnx.ModelProto
    latent: Tensor
    text: Tensor

    def feeds(self, rows: slice = slice(None)) -> dict[str, NDArray[Any]]:
        latent, text = self.latent[rows].numpy(), self.text[rows].numpy()
        nothing = {name: np.zeros((len(latent), width), np.float32) for name, width in self.spec.widths.items()}
        return nothing | {"latent": latent, "text": text}

    def samples(self) -> list[Feeds]:
        return samples(self.spec.widths, self.text.numpy())


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return load_encoder(str(tiny_encoder))


@pytest.fixture(scope="module")
def specs(tiny_run: Path, encoder: Encoder) -> list[ModelSpec]:
    """The encoder and the generator, whose graphs other tests have too."""
    return model_specs(load_run(tiny_run), encoder)


@pytest.fixture(scope="module")
def drawing(specs: list[ModelSpec]) -> Drawing:
    spec = specs[1]
    network = spec.frozen()
    assert isinstance(network, TextPictures)
    random = torch.Generator().manual_seed(5)
    latent, text = (torch.randn(8, spec.widths[name], generator=random) for name in ("latent", "text"))
    return Drawing(spec, network, spec.export(18), latent, text)


@pytest.fixture
def half_drawing(specs: list[ModelSpec], precision: str) -> onnx.ModelProto:
    return specs[1].export(LOWEST_OPSET[precision], HALVES[precision])


@pytest.fixture
def half_encoder(specs: list[ModelSpec], precision: str) -> onnx.ModelProto:
    return specs[0].export(LOWEST_OPSET[precision], HALVES[precision])


@pytest.fixture(scope="module")
def encoder_graph(specs: list[ModelSpec]) -> onnx.ModelProto:
    return specs[0].export(18)


def run(model: onnx.ModelProto, feeds: dict[str, NDArray[Any]]) -> NDArray[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run([model.graph.output[0].name], feeds)[0]  # type: ignore[no-any-return]


def runnable(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    return emulated(model) if precision == "bf16" else model


def edges(model: onnx.ModelProto) -> set[str]:
    values = [*model.graph.input, *model.graph.output]
    return {onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type) for value in values}


def pixels_apart(first: NDArray[Any], second: NDArray[Any]) -> float:
    return psnr(np.abs(premultiplied(first) - premultiplied(second)))


def tokens(rows: int = 3) -> dict[str, NDArray[Any]]:
    ids = np.random.default_rng(0).integers(4, 40, (rows, 9))
    mask = np.ones_like(ids)
    mask[0, 4:] = 0
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize("precision", GRAPHS)
def test_half_generator_computes_in_half(drawing: Drawing, half_drawing: onnx.ModelProto, precision: str) -> None:
    model = half_drawing
    audited = audit(model)
    for operator in ("Conv", "Gemm"):
        nodes = [node.name for node in drawing.graph.graph.node if node.op_type == operator]
        memory = [name for name in nodes if name.startswith("generator.memory")]
        expected = {NAMES[precision]: len(nodes) - len(memory), "float32": len(memory)}
        assert audited.nodes[operator] == expected, "the memory alone stays in float32"
    assert audited.nodes["Floor"] == {"float32": 2}, "both stages round their pixels in float32"
    assert edges(model) == {"FLOAT", "UINT8"}
    for name in ("input", "output"):
        assert [value.name for value in getattr(model.graph, name)] == [
            value.name for value in getattr(drawing.graph.graph, name)
        ]
    assert model.ByteSize() < 0.75 * drawing.graph.ByteSize()
    kernels = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4 and tensor.name.endswith("weight")]
    widths = {tensor.data_type for tensor in kernels}
    assert widths == {audit_type(precision)}


def audit_type(precision: str) -> int:
    return onnx.TensorProto.FLOAT16 if precision == "fp16" else onnx.TensorProto.BFLOAT16


@pytest.mark.parametrize("precision", GRAPHS)
def test_half_generator_draws_the_same(drawing: Drawing, half_drawing: onnx.ModelProto, precision: str) -> None:
    network = half(drawing.network, HALVES[precision])
    model = runnable(half_drawing, precision)
    with torch.no_grad():
        expected = drawing.network(drawing.latent, drawing.text)[0].numpy()
        assert pixels_apart(expected, network(drawing.latent, drawing.text)[0].numpy()) > PSNR[precision]
    whole = run(model, drawing.feeds())
    assert pixels_apart(expected, whole) > PSNR[precision]
    for batch in (1, 3):
        assert np.array_equal(run(model, drawing.feeds(slice(batch))), whole[:batch])


def test_half_precision_converts_a_copy(drawing: Drawing) -> None:
    before = {name: value.clone() for name, value in drawing.network.state_dict().items()}
    converted = half(drawing.network, torch.float16)
    assert isinstance(converted, TextPictures)
    assert all(torch.equal(value, before[name]) for name, value in drawing.network.state_dict().items())
    whitening = converted.generator.memory.whitening.linear.weight
    assert torch.equal(whitening, before["generator.memory.whitening.linear.weight"]), "float32 weights, never rounded"


@pytest.mark.parametrize("precision", GRAPHS)
def test_half_encoder_keeps_norms_and_softmax(half_encoder: onnx.ModelProto, precision: str) -> None:
    model = half_encoder
    nodes = audit(model).nodes
    assert nodes["LayerNormalization"] == {"float32": 5}
    assert nodes["Softmax"] == {"float32": 2}
    assert set(nodes["ReduceSum"]) == {"float32"}, "the mean over tokens"
    assert set(nodes["MatMul"]) == {NAMES[precision]}
    assert edges(model) == {"FLOAT", "INT64"}
    assert model.graph.output[0].name == "sentence_embedding"
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype.kind not in "iub":
            assert np.abs(values.astype(np.float32)).max() <= MASKED, f"{tensor.name}: an infinite mask"


@pytest.mark.parametrize("precision", GRAPHS)
def test_half_encoder_means_the_same(encoder: Encoder, half_encoder: onnx.ModelProto, precision: str) -> None:
    model = runnable(half_encoder, precision)
    feeds = tokens()
    expected = encoder.network(*(torch.from_numpy(values) for values in feeds.values()))
    embeddings = run(model, feeds)
    assert embeddings.dtype == np.float32
    assert torch.cosine_similarity(expected, torch.from_numpy(embeddings)).min() > COSINE[precision]
    alone = run(model, {name: values[1:2] for name, values in feeds.items()})
    assert np.abs(alone - embeddings[1:2]).max() < 1e-5
    nothing = run(model, {name: values[:1] * 0 for name, values in feeds.items()})
    assert np.isfinite(nothing).all(), "a text of padding alone"


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("scale", [0.0, 5.0])
def test_extreme_latents_stay_finite(drawing: Drawing, encoder: Encoder, precision: str, scale: float) -> None:
    network = half(drawing.network.generator, HALVES[precision])
    texts = [f"{color}{shape}" for color in ("red", "blue", "green", "yellow") for shape in ("ball", "wings")]
    with torch.no_grad():
        stages = network(scale * drawing.latent.sign(), embed(encoder, texts))
    for logits in stages:
        assert logits.dtype == torch.float32
        assert torch.isfinite(logits).all()


class Plain(nn.Module):
    """A generator of the kinds that dcgan and wgan have."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.ConvTranspose2d(8, 16, 4), nn.ReLU(), *layers)

    def forward(self, latent: Tensor) -> Tensor:
        return to_pixels(self.layers(latent[:, :, None, None]))


UPSAMPLE = (nn.Upsample(scale_factor=2), nn.Conv2d(16, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=1))
TRANSPOSED = (nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 3, 4, 2, 1))


def export_plain(network: nn.Module, opset: int = 18) -> onnx.ModelProto:
    return export_module(network, {"latent": torch.randn(2, 8)}, ["pictures"], opset)


@pytest.mark.parametrize("layers", [UPSAMPLE, TRANSPOSED])
@pytest.mark.parametrize("precision", HALVES)
def test_plain_generators_in_half(layers: tuple[nn.Module, ...], precision: str) -> None:
    torch.manual_seed(0)
    network = Plain(*layers).eval()
    model = export_plain(half(network, HALVES[precision]), LOWEST_OPSET[precision])
    assert audit(model).products() == {NAMES[precision]: 3}
    latent = torch.randn(3, 8)
    with torch.no_grad():
        expected = network(latent).numpy()
    pictures = run(runnable(model, precision), {"latent": latent.numpy()})
    assert pixels_apart(expected, pictures) > PSNR[precision]


@pytest.mark.parametrize("layers", [UPSAMPLE, TRANSPOSED])
def test_plain_generators_in_int8(layers: tuple[nn.Module, ...]) -> None:
    torch.manual_seed(0)
    model = export_plain(Plain(*layers).eval())
    outcome = int8_generator(model, samples({"latent": 8}), limit=30)
    assert outcome.products == (3, 3)
    assert outcome.score > 30
    for batch in (1, 3):
        assert run(outcome.model, {"latent": np.zeros((batch, 8), np.float32)}).shape[0] == batch


@pytest.fixture
def gain(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Decide how many times the speed int8 seems to bring; no test hangs on a real time."""
    return lambda speed: monkeypatch.setattr(quantize, "_times", lambda first, second, feeds: (1.0, speed))


@pytest.fixture(scope="module")
def int8_drawing(drawing: Drawing) -> Outcome:
    """The generator with as many products in int8 as leave 40 dB, at a speed that is worth it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantize, "_times", lambda first, second, feeds: (1.0, 2.0))
        return int8_generator(drawing.graph, drawing.samples(), limit=40)


def test_int8_of_a_stackgan(drawing: Drawing, int8_drawing: Outcome) -> None:
    outcome = int8_drawing
    assert outcome.kept, outcome.reason
    assert outcome.score >= 40
    assert audit(outcome.model).products()["int8"] == outcome.products[0] > 0
    assert edges(outcome.model) == {"FLOAT", "UINT8"}
    onnx.checker.check_model(outcome.model, full_check=True)
    whole = run(outcome.model, drawing.feeds())
    assert pixels_apart(run(drawing.graph, drawing.feeds()), whole) > 35
    for batch in (1, 3):
        assert np.array_equal(run(outcome.model, drawing.feeds(slice(batch))), whole[:batch])


def test_more_parity_leaves_fewer_products(drawing: Drawing, int8_drawing: Outcome) -> None:
    strict = int8_generator(drawing.graph, drawing.samples(), int8_drawing.score + 3)
    assert int8_drawing.products[0] > strict.products[0]


def test_impossible_parity_leaves_no_product() -> None:
    torch.manual_seed(0)
    impossible = int8_generator(export_plain(Plain(*UPSAMPLE).eval()), samples({"latent": 8}), 200)
    assert impossible.products == (0, 3)
    assert not impossible.kept
    assert "PSNR falls below 200 with any product in int8" in impossible.reason
    assert "int8" not in audit(impossible.model).products(), "float32 arithmetic is what is kept"


def test_int8_of_an_encoder(encoder_graph: onnx.ModelProto, gain: Callable[[float], None]) -> None:
    gain(2)
    texts = [{name: values[row : row + 1] for name, values in tokens(8).items()} for row in range(1, 8)]
    outcome = int8_encoder(encoder_graph, texts, limit=0.97)
    assert outcome.kept, outcome.reason
    assert audit(outcome.model).nodes["MatMulInteger"] == {"int8": 12}
    weights = {tensor.name: tensor for tensor in outcome.model.graph.initializer}
    for node in outcome.model.graph.node:
        if node.op_type == "MatMulInteger":
            weight, zero = weights[node.input[1]], weights[node.input[3]]
            assert weight.data_type == onnx.TensorProto.INT8, "signed"
            assert zero.dims == [weight.dims[1]], "a scale a channel"
    assert run(outcome.model, texts[0]).dtype == np.float32


@pytest.mark.parametrize(("limit", "speed", "reason"), [(0.999999, 2, "required 0.999999"), (0.9, 1, "but only")])
def test_int8_is_dropped_without_gain(
    encoder_graph: onnx.ModelProto,
    gain: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
    limit: float,
    speed: float,
    reason: str,
) -> None:
    gain(speed)
    monkeypatch.setattr(quantize, "SMALLER", 0.0)
    outcome = int8_encoder(encoder_graph, [tokens()], limit)
    assert not outcome.kept
    assert outcome.reason.startswith("not kept: 12 of 12 products in int8, cosine ")
    assert reason in outcome.reason
    assert set(audit(outcome.model).products()) == {"float32"}


def test_audit_adds_up(drawing: Drawing) -> None:
    audited = audit(drawing.graph)
    document = audited.to_dict()
    assert sum(document["all"].values()) == len(drawing.graph.graph.node)


def drawn_again(bundle: Bundle, model: Model) -> float:
    """Draw in PyTorch, with the weights of the bundle's graph, what that graph draws; decibels between the two."""
    inputs = default_inputs(model, 3)
    with torch.no_grad():
        pictures = rebuild(bundle, model)(*(torch.from_numpy(inputs[tensor.name]) for tensor in model.inputs))
    return pixels_apart(pictures[0].numpy(), run(onnx.load_from_string(bundle.graph(model)), inputs))


@pytest.mark.parametrize("precision", [*GRAPHS, pytest.param("int8", marks=pytest.mark.slow)])
def test_bundle_of_each_precision(tiny_run: Path, system_runs: dict[str, Path], tmp_path: Path, precision: str) -> None:
    out = tmp_path / "bundle"
    runs = [str(run) for run in (tiny_run, *system_runs.values())]
    done = CliRunner().invoke(main, [*runs, "--out", str(out), f"--{precision}"])
    assert done.exit_code == 0, done.output
    bundle = open_bundle(out)
    models = bundle.manifest.models
    graphs = {name: model.provenance["export"]["graph"] for name, model in models.items()}
    for name, model in models.items():
        stored = onnx.load_from_string(bundle.graph(model))
        assert audit(stored).to_dict() == graphs[name]["nodes"], "the manifest describes the graph that is exported"
        assert [entry.version for entry in stored.opset_import] == [model.opset]
        assert model.parity["batches"] == [1, 3, 64]
    assert (models["stats"].precision, models["stats"].opset) == ("float32", 18)
    if precision == "int8":
        assert "int8: " in done.output
        assert graphs["stackgan"]["int8"]["limit"] == quantize.INT8_PSNR
        assert bundle.model("encoder").settings["alone"]
        encode = Generator(bundle, "cpu").encoder.encode
        alone = encode(["a red egg"])[0]
        assert np.array_equal(encode(["a red egg", "a hot egg"])[0], alone), "neighbors change nothing"
    else:
        assert graphs["stackgan"]["nodes"]["Conv"] == {NAMES[precision]: 19, "float32": 4}
        for name in ("dcgan", "wgan"):
            assert {"Conv", "ConvTranspose"} & graphs[name]["nodes"].keys()
            assert models[name].parity["storage"] == precision
            products = audit(onnx.load_from_string(bundle.graph(models[name]))).products()
            assert set(products) == {NAMES[precision]}
    if precision == "bf16":
        call = ["image", "redball", "--bundle", str(out), "--device", "cpu", "--out", str(tmp_path / "x.png")]
        output = CliRunner().invoke(pgen, call)
        assert output.exit_code == 2
        (line,) = output.stderr.strip().splitlines()
        assert "computes in bf16, which ONNX Runtime supports only on GPUs; use device cuda" in line
        assert not (tmp_path / "x.png").exists()
    else:
        pictures = Generator(bundle, "cpu").images(["redball", "an egg"])
        assert (pictures.shape, pictures.dtype) == ((2, 128, 128, 4), np.uint8)
    if precision == "fp16":
        apart = {name: drawn_again(bundle, model) for name, model in models.items() if model.kind.endswith("-to-image")}
        assert apart.keys() == {"stackgan", "dcgan", "wgan"}
        assert min(apart.values()) > PSNR["fp16"], apart
    checked = verify(out, [Path(run) for run in runs])
    assert all(checked["models"].values()), "parity holds on other latents, bf16 emulated"


def test_int8_that_is_not_kept_is_compact(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gain: Callable[[float], None]
) -> None:
    gain(2)
    monkeypatch.setattr(storage, "INT8_PSNR", 200)
    monkeypatch.setattr(quantize, "_affordable", lambda names, score, limit: [])  # what comes of trying each
    models = export_runs([tiny_run], tmp_path / "bundle", storage="int8").manifest.models
    kept = {name: model.provenance["export"]["graph"]["int8"]["kept"] for name, model in models.items()}
    assert kept == {"stackgan": False, "encoder": True}
    assert models["stackgan"].precision == storage.PRECISIONS["compact"]
    assert {name: model.parity["storage"] for name, model in models.items()} == {
        "stackgan": "compact",
        "encoder": "int8",
    }


def test_parity_is_enforced(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOLERANCES, "fp16", replace(TOLERANCES["fp16"], psnr=100.0))
    with pytest.raises(ParityFailed, match=r"stackgan: parity \(fp16\): psnr is .*diverg"):
        export_runs([tiny_run], tmp_path / "bundle", storage="fp16")
    assert list(tmp_path.iterdir()) == []
    assert TOLERANCES.keys() == divergence.LIMITS.keys()


def test_devices_in_bf16_are_held_to_what_exports_in_bf16_are() -> None:
    held = TOLERANCES["bf16"]
    assert {"most": held.most, "psnr": held.psnr} == BF16
    assert held.worst is None


def test_bf16_needs_a_newer_opset(tiny_run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tiny_run), "--out", str(tmp_path / "bundle"), "--bf16", "--opset", "21"])
    assert done.exit_code == 2
    assert "opset 21: bf16 cannot be written in it; choose an opset from 22 to 25" in done.output


def test_precisions_exclude_each_other(tiny_run: Path, tmp_path: Path) -> None:
    for options in (["--fp16", "--int8"], ["--bf16", "--storage", "compact"]):
        done = CliRunner().invoke(main, [str(tiny_run), "--out", str(tmp_path / "bundle"), *options])
        assert done.exit_code == 2
        assert "exclude each other" in done.output
        assert list(tmp_path.iterdir()) == []
