"""Every system becomes a graph of plain operators that agrees with PyTorch."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from pgen.bundle.reader import open_bundle
from pgexport.errors import OpsetInvalid
from pgexport.export import export_runs
from pgexport.parity.comparisons import in_pytorch
from pgexport.parity.run import runner
from pgexport.parity.tolerances import TOLERANCES
from pgexport.storage import PRECISIONS, store
from pgexport.tracing.freeze import freeze
from pgexport.tracing.graphs import export_encoder
from pgexport.tracing.opset import OPSETS
from pgexport.tracing.run_loader import load_run
from pgexport.tracing.specs import model_specs
from pgtrain.data.stats_rows import RARITIES, TYPES, Row, read_table
from pgtrain.models.text_encoder import load_encoder
from pgtrain.systems.dcgan.config import RECIPES as DCGAN_RECIPES
from pgtrain.systems.dcgan.config import DCGANConfig
from pgtrain.systems.dcgan.system import Generator as DCGANGenerator
from pgtrain.systems.stats.config import RECIPES as STATS_RECIPES
from pgtrain.systems.stats.config import StatsConfig
from pgtrain.systems.stats.generate import generate, load
from pgtrain.systems.stats.networks import Generator as StatsGenerator
from pgtrain.systems.stats.table import encode
from pgtrain.systems.wgan.config import RECIPES as WGAN_RECIPES
from pgtrain.systems.wgan.config import WGANConfig
from pgtrain.systems.wgan.system import Generator as WGANGenerator

SMALL = {"width": 4, "latent_dim": 8, "size": 64}
NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)


def stats_generator(table: Path, recipe: str) -> StatsGenerator:
    options = STATS_RECIPES[recipe] | {"width": 16, "noise_dim": 8}
    return StatsGenerator(StatsConfig(**options), encode(read_table(table).rows))  # type: ignore[arg-type]


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """Give every norm statistics and weights that a mistake in folding would show."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, NORMS):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                values.data.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    return network.eval()


MADE: dict[str, Callable[[Path], torch.nn.Module]] = {
    "dcgan": lambda _: DCGANGenerator(DCGANConfig(**SMALL)),  # type: ignore[arg-type]
    "dcgan original": lambda _: DCGANGenerator(DCGANConfig(**DCGAN_RECIPES["original"] | SMALL)),
    "wgan": lambda _: WGANGenerator(WGANConfig(**SMALL)),  # type: ignore[arg-type]
    "wgan original": lambda _: WGANGenerator(WGANConfig(**WGAN_RECIPES["original"] | SMALL)),
    "stats original": lambda table: stats_generator(table, "original"),
}


@pytest.mark.parametrize("name", MADE)
def test_every_batch_norm_is_folded_and_changes_nothing(name: str, stats_table: Path) -> None:
    network = shaken(MADE[name](stats_table))
    assert any(isinstance(module, NORMS) for module in network.modules())
    shapes = [(5, 8)] if "stats" not in name else [(5, 8 + 325), (5, 18), (5,), (5, 4)]
    inputs = [torch.randn(shapes[0]), *(torch.zeros(shape) for shape in shapes[1:])]
    with torch.no_grad():
        before = network(*inputs)
        freeze(network)
        after = network(*inputs)
    assert not any(isinstance(module, NORMS) for module in network.modules())
    if "stats" in name:
        before, after = before.raw, after.raw
    assert torch.allclose(before, after, atol=1e-4 * float(before.abs().max()))


@pytest.mark.parametrize("system", ["dcgan", "wgan"])
@pytest.mark.parametrize("recipe", ["default", "original"])
def test_pictures_of_both_recipes(system_runs: dict[str, Path], system: str, recipe: str) -> None:
    run = load_run(system_runs[system])
    if recipe == "original":
        config, generator = {
            "dcgan": (DCGANConfig(**DCGAN_RECIPES[recipe] | SMALL), DCGANGenerator),
            "wgan": (WGANConfig(**WGAN_RECIPES[recipe] | SMALL), WGANGenerator),
        }[system]
        run = replace(run, config=config, generator=shaken(generator(config)))  # type: ignore[operator]
    (spec,) = model_specs(run, None)
    graph = spec.export(18)
    operators = {node.op_type for node in graph.graph.node}
    assert "BatchNormalization" not in operators
    assert {node.domain for node in graph.graph.node} == {""}
    assert any(node.name.startswith("generator.layers.") and node.op_type in node.name for node in graph.graph.node)
    assert len({node.name for node in graph.graph.node}) == len(graph.graph.node)
    (pixels,) = in_pytorch(spec.network, spec.cases(1)["random"])
    assert (pixels.shape, pixels.dtype) == ((64, run.config.size, run.config.size, 4), np.uint8)
    if recipe == "original":
        assert (pixels[..., 3] == 255).all(), "RGB is opaque"


def test_one_bundle_holds_every_system(full_bundle: Path) -> None:
    bundle = open_bundle(full_bundle)
    models = bundle.manifest.models
    kinds = {name: model.kind for name, model in models.items()}
    assert kinds == {
        "encoder": "encoder",
        "stackgan": "text-to-image",
        "dcgan": "latent-to-image",
        "wgan": "latent-to-image",
        "stats": "stats",
    }
    assert {path.name for path in full_bundle.iterdir()} == {*bundle.manifest.files, "manifest.json"}
    digests = {name: model.provenance["run"].get("data", {}).get("digest") for name, model in models.items()}
    assert digests["dcgan"] == digests["wgan"] != digests["stats"]
    assert "config" not in models["encoder"].provenance["run"], "the encoder is not the run's"
    for name in ("dcgan", "wgan"):
        (pictures,) = models[name].outputs
        assert (pictures.dtype, pictures.shape[1:]) == ("uint8", [32, 32, 4])
        assert set(models[name].parity["figures"]) >= {"worst", "most", "psnr", "extreme_psnr"}
    assert models["stats"].precision == "float32", "a rounded weight would change rows"
    assert models["stats"].parity["figures"]["rows"] == {"measured": 1.0, "limit": 1.0}


def test_onnx_file_describes_itself(full_bundle: Path) -> None:
    bundle = open_bundle(full_bundle)
    for name, model in bundle.manifest.models.items():
        graph = onnx.load_from_string(bundle.read(model.file))
        onnx.checker.check_model(graph, full_check=True)
        metadata = {entry.key: entry.value for entry in graph.metadata_props}
        assert (metadata["kind"], metadata["precision"], metadata["opset"], metadata["format"]) == (
            model.kind,
            model.precision,
            "18",
            "2",
        )
        assert len(metadata["data_digest"]) == 64
        assert graph.graph.name == name
        assert [node for node in graph.graph.node if node.op_type == "BatchNormalization"] == []
        for key, value in model.settings.items():
            assert json.loads(metadata[key]) == value
    assert metadata["system"] == "stats"
    assert json.loads(metadata["type_names"]) == list(TYPES)


def test_rows_from_a_bundle_are_those_of_pytorch(full_bundle: Path, system_runs: dict[str, Path]) -> None:
    bundle = open_bundle(full_bundle)
    model = bundle.model("stats")
    generator = load(system_runs["stats"])
    latents = torch.randn(20, model.settings["latent_dim"], generator=torch.Generator().manual_seed(9))
    types = np.zeros((20, 18), np.float32)
    types[:, TYPES.index("water")] = 1
    feeds = {
        "latent": latents.numpy(),
        "types": types,
        "total": np.full(20, 300, np.float32),
        "rarity": np.zeros((20, 4), np.float32),
    }
    stats, kinds, rarity = runner(bundle, model)(feeds)
    assert {stats.dtype, kinds.dtype, rarity.dtype} == {np.dtype(np.uint8)}
    rows = [
        Row(
            tuple(row.tolist()),
            tuple(TYPES[kind] for kind in pair if kind < len(TYPES)),
            RARITIES[rare],
        )
        for row, pair, rare in zip(stats, kinds, rarity, strict=True)
    ]
    assert rows == generate(generator, 20, latents=latents, type="water", total=300)


def test_export_writes_the_requested_opset(system_runs: dict[str, Path], tmp_path: Path) -> None:
    opset = OPSETS[-1]  # test_readers.py has the others
    bundle = export_runs([system_runs["wgan"], system_runs["stats"]], tmp_path / "b", opset=opset)
    for model in bundle.manifest.models.values():
        graph = onnx.load_from_string(bundle.read(model.file))
        assert model.opset == opset == graph.opset_import[0].version


@pytest.mark.parametrize("opset", [7, 17, 26, 99])
def test_unknown_opset_is_rejected(system_runs: dict[str, Path], tmp_path: Path, opset: int) -> None:
    with pytest.raises(OpsetInvalid, match="choose an opset from 18 to"):
        export_runs([system_runs["dcgan"]], tmp_path / "b", opset=opset)
    assert list(tmp_path.iterdir()) == []


def test_conversion_that_fails_is_reported(
    system_runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = torch.onnx.export
    monkeypatch.setattr(
        "torch.onnx.export", lambda *arguments, **options: real(*arguments, **options | {"opset_version": 18})
    )
    with pytest.raises(OpsetInvalid, match="use opset 18"):
        export_runs([system_runs["dcgan"]], tmp_path / "b", opset=20)
    assert list(tmp_path.iterdir()) == []


def test_sequence_that_was_frozen_is_reported(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.onnx.export

    def frozen(*arguments: Any, dynamic_shapes: Any, **options: Any) -> Any:
        shapes = tuple({key: dim for key, dim in axes.items() if key != 1} for axes in dynamic_shapes)
        return real(*arguments, dynamic_shapes=shapes, **options)

    monkeypatch.setattr("torch.onnx.export", frozen)
    with pytest.raises(AssertionError, match="the sequence of input_ids is frozen"):
        export_encoder(load_encoder(str(tiny_encoder)).network, 63)  # a length of its own: other tests keep the graph


def test_encoder_is_tried_on_short_texts_without_padding(tiny_run: Path, tiny_encoder: Path) -> None:
    encoder, _ = model_specs(load_run(tiny_run), load_encoder(str(tiny_encoder)))
    cases = encoder.cases(1)
    lengths = {case: feeds["input_ids"].shape for case, feeds in cases.items()}
    assert lengths == {"random": (64, 64), "3 tokens": (64, 3), "7 tokens": (64, 7), "16 tokens": (64, 16)}
    for case, feeds in cases.items():
        assert feeds["attention_mask"].all() == (case != "random")
    other = encoder.cases(2)
    assert not any(np.array_equal(feeds["input_ids"], other[case]["input_ids"]) for case, feeds in cases.items())


WIDENING = {"Cast", "Mul", "Reshape"}


@pytest.mark.parametrize("storage", ["float32", "compact"])
def test_constants_are_folded(
    system_runs: dict[str, Path], tiny_run: Path, tiny_encoder: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgexport.precision.compress.SMALLEST", 64)
    specs = [spec for run in system_runs.values() for spec in model_specs(load_run(run), None)]
    for spec in (*specs, *model_specs(load_run(tiny_run), load_encoder(str(tiny_encoder)))):
        spec = replace(spec, int8=spec.int8 and spec.int8._replace(smallest=500))
        graph = store(spec, storage).graph.graph
        known = {entry.name for entry in graph.initializer}
        left = []
        for node in graph.node:
            if known.issuperset(filter(None, node.input)):
                known.update(node.output)
                left.append(node)
        widened = {node.name for node in left if storage == "compact" and node.op_type in WIDENING}
        assert [f"{spec.name}: {node.name}" for node in left if node.name not in widened] == []


def test_every_storage_has_every_limit() -> None:
    assert TOLERANCES.keys() == PRECISIONS.keys()
